/* A loop over a page of data. `never_written` lies in the middle of the page and nothing touches it. */
#include "../support/board.h"

volatile u64 hot_rounds __attribute__((section(".data"))) = 40000;

#define HALF 64

struct page {
    volatile u64 before[HALF];
    volatile u64 never_written;
    volatile u64 after[HALF];
};

/* Not in .bss, which the start code writes to. */
struct page hot_page __attribute__((aligned(4096), section(".data")));

/* A name of its own, for a debugger that has no types. */
extern volatile u64 never_written;
__asm__(".globl never_written\n.set never_written, hot_page + 512\n");

_Static_assert(__builtin_offsetof(struct page, never_written) == 512, "the assembler line above says where it is");

__attribute__((noinline)) u64 hot_loop(u64 rounds)
{
    u64 sum = 0;

    for (u64 round = 0; round < rounds; round++)
        for (int i = 0; i < HALF; i++) {
            hot_page.before[i] += round;
            hot_page.after[i] ^= hot_page.before[HALF - 1 - i];
            sum += hot_page.after[i];
        }
    return sum;
}

int main(void)
{
    put_text("watch ");
    put_hex(hot_loop(hot_rounds));
    put_text("\n");
    return 0;
}
