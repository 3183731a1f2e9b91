/* The built-in guest: small enough to read in a minute, with something for every command of a debugger.
 *
 * It measures a few boxes, computes Fibonacci numbers the slow way, counts timer interrupts, greets the other harts by
 * interrupt (with `-smp 2` and more) and switches the machine off.
 */
#include "board.h"

#define MAX_HARTS 4
#define WANTED_TICKS 5

struct box {
    const char *label;
    u32 width;
    u32 height;
    u32 depth;
    u64 volume;
};

struct box boxes[] = {
    {"matchbox", 5, 3, 1, 0},
    {"shoebox", 33, 12, 19, 0},
    {"crate", 120, 80, 100, 0},
};

u64 total_volume;
volatile u64 ticks;

/* Not in .bss: the other harts write here before hart 0 has cleared that. */
volatile u32 present[MAX_HARTS] __attribute__((section(".data")));
volatile u32 greeted[MAX_HARTS] __attribute__((section(".data")));

u64 volume_of(const struct box *box)
{
    u64 area = (u64)box->width * box->height;

    return area * box->depth;
}

void measure(struct box *box)
{
    box->volume = volume_of(box);
    total_volume += box->volume;
}

void measure_all(void)
{
    int count = sizeof boxes / sizeof boxes[0];

    for (int i = 0; i < count; i++) {
        measure(&boxes[i]);
        put_text(boxes[i].label);
        put_text(": ");
        put_decimal(boxes[i].volume);
        put_text("\n");
    }
}

u64 fibonacci(u64 n)
{
    if (n < 2)
        return n;
    return fibonacci(n - 1) + fibonacci(n - 2);
}

void on_timer(void)
{
    ticks = ticks + 1;
    *CLINT_MTIMECMP(0) = *CLINT_MTIME + TICKS_PER_MILLISECOND;
}

void count_ticks(void)
{
    *CLINT_MTIMECMP(0) = *CLINT_MTIME + TICKS_PER_MILLISECOND;
    csr_set(mie, MIE_TIMER);
    csr_set(mstatus, MSTATUS_MIE);
    while (ticks < WANTED_TICKS)
        wait_for_interrupt();
    csr_clear(mie, MIE_TIMER);
}

/* Each of the other harts sleeps here until hart 0 sends it an interrupt. */
void secondary(u64 hart)
{
    csr_set(mie, MIE_SOFTWARE);
    csr_set(mstatus, MSTATUS_MIE);
    present[hart] = 1;
    for (;;)
        wait_for_interrupt();
}

void on_greeting(u64 hart)
{
    *CLINT_MSIP(hart) = 0;
    greeted[hart] = 1;
}

void greet(u64 hart)
{
    *CLINT_MSIP(hart) = 1;
    while (!greeted[hart]) {
    }
    put_text("hart ");
    put_decimal(hart);
    put_text(" says hello\n");
}

void greet_all(u64 harts)
{
    for (u64 hart = 1; hart < harts && hart < MAX_HARTS; hart++) {
        while (!present[hart]) {
        }
        greet(hart);
    }
}

void trap(u64 cause, u64 epc, u64 tval)
{
    u64 hart;

    __asm__("csrr %0, mhartid" : "=r"(hart));
    if (cause == CAUSE_TIMER) {
        on_timer();
    } else if (cause == CAUSE_SOFTWARE) {
        on_greeting(hart);
    } else {
        put_text("unexpected trap ");
        put_hex(cause);
        put_text(" at ");
        put_hex(epc);
        put_text(" value ");
        put_hex(tval);
        put_text("\n");
        power_off(1);
    }
}

int main(u64 hart, const u8 *device_tree)
{
    put_text("demo: hello from hart ");
    put_decimal(hart);
    put_text("\n");
    measure_all();
    put_text("together: ");
    put_decimal(total_volume);
    put_text("\nfibonacci(15) is ");
    put_decimal(fibonacci(15));
    put_text("\n");
    count_ticks();
    put_text("timer interrupts: ");
    put_decimal(ticks);
    put_text("\n");
    greet_all(count_harts(device_tree));
    put_text("demo: done\n");
    return 0;
}
