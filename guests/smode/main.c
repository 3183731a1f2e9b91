/* A supervisor-mode payload for firmware with an SBI, linked where OpenSBI's fw_jump.elf goes (0x80200000).
 *
 * It prints through the debug console when the firmware has one and through the legacy console otherwise, counts timer
 * interrupts, starts every other hart and wakes it by interrupt, and ends by a system reset.
 */
#include "sbi.h"

#define MAX_HARTS 8
#define STACK_SIZE 8192
#define WANTED_TICKS 3
#define TICKS_PER_MILLISECOND 10000UL

#define CAUSE_SOFTWARE 0x8000000000000001UL
#define CAUSE_TIMER 0x8000000000000005UL
#define SIE_SOFTWARE (1UL << 1)
#define SIE_TIMER (1UL << 5)
#define SSTATUS_SIE (1UL << 1)

#define csr_set(csr, bits) __asm__ volatile("csrs " #csr ", %0" : : "rK"(bits) : "memory")
#define csr_clear(csr, bits) __asm__ volatile("csrc " #csr ", %0" : : "rK"(bits) : "memory")
#define wait_for_interrupt() __asm__ volatile("wfi" : : : "memory")

void secondary_start(void);

volatile u64 ticks;
volatile int started[MAX_HARTS];
volatile int woken;
int has_debug_console;
char stacks[MAX_HARTS][STACK_SIZE] __attribute__((aligned(16)));

static void put_text(const char *text)
{
    u64 length = 0;

    while (text[length])
        length++;
    if (has_debug_console) {
        sbi_call(SBI_DBCN, 0, length, (u64)text, 0);
        return;
    }
    while (*text)
        sbi_call(SBI_LEGACY_PUTCHAR, 0, (u64)*text++, 0, 0);
}

static void put_decimal(u64 value)
{
    char digits[21];
    int n = sizeof digits - 1;

    digits[n] = 0;
    do
        digits[--n] = (char)('0' + value % 10);
    while (value /= 10);
    put_text(&digits[n]);
}

static u64 now(void)
{
    u64 time;

    __asm__ volatile("rdtime %0" : "=r"(time));
    return time;
}

static void set_timer(u64 deadline)
{
    sbi_call(SBI_TIME, 0, deadline, 0, 0);
}

static void switch_off(void)
{
    if (sbi_has(SBI_SRST))
        sbi_call(SBI_SRST, 0, 0, 0, 0);
    sbi_call(SBI_LEGACY_SHUTDOWN, 0, 0, 0, 0);
}

void trap(u64 cause, u64 epc, u64 tval)
{
    if (cause == CAUSE_TIMER) {
        ticks = ticks + 1;
        set_timer(now() + TICKS_PER_MILLISECOND);
    } else if (cause == CAUSE_SOFTWARE) {
        csr_clear(sip, SIE_SOFTWARE);
        woken = 1;
    } else {
        put_text("smode: unexpected trap ");
        put_decimal(cause);
        put_text(" at ");
        put_decimal(epc);
        put_text(" value ");
        put_decimal(tval);
        put_text("\n");
        switch_off();
    }
}

static void count_ticks(void)
{
    set_timer(now() + TICKS_PER_MILLISECOND);
    csr_set(sie, SIE_TIMER);
    csr_set(sstatus, SSTATUS_SIE);
    while (ticks < WANTED_TICKS)
        wait_for_interrupt();
    csr_clear(sie, SIE_TIMER);
    put_text("smode: timer interrupts: ");
    put_decimal(ticks);
    put_text("\n");
}

/* A started hart says so and sleeps until the first hart sends it an interrupt. */
void secondary(u64 hart)
{
    csr_set(sie, SIE_SOFTWARE);
    csr_set(sstatus, SSTATUS_SIE);
    started[hart] = 1;
    for (;;)
        wait_for_interrupt();
}

static void start_hart(u64 hart)
{
    woken = 0;
    if (sbi_call(SBI_HSM, HSM_START, hart, (u64)secondary_start, (u64)stacks[hart] + STACK_SIZE).error)
        return;
    while (!started[hart]) {
    }
    sbi_call(SBI_IPI, 0, 1UL << hart, 0, 0);
    while (!woken) {
    }
    put_text("smode: hart ");
    put_decimal(hart);
    put_text(" says hello\n");
}

int main(u64 hart)
{
    has_debug_console = sbi_has(SBI_DBCN);
    put_text("smode: hello from supervisor mode\n");
    count_ticks();
    for (u64 other = 0; other < MAX_HARTS; other++) {
        struct sbi_result status = sbi_call(SBI_HSM, HSM_STATUS, other, 0, 0);

        if (other != hart && status.error == 0 && status.value == HSM_STOPPED)
            start_hart(other);
    }
    put_text("smode: done\n");
    switch_off();
    return 0;
}
