/* A loop that stores to data next to its code.
 *
 * Built twice: the data 256 bytes after the code, in the same page, and in a page of its own. An emulator that guards
 * translated code by the page pays for every store of the first.
 */
#include "../support/board.h"

volatile u64 hot_rounds __attribute__((section(".data"))) = 4000000;

volatile u64 cells[8] __attribute__((section(".hot.data"), aligned(64))) = {1, 2, 3, 4, 5, 6, 7, 8};

__attribute__((section(".hot.text"), noinline)) u64 hot_loop(u64 rounds)
{
    u64 sum = 0;

    for (u64 i = 0; i < rounds; i++) {
        cells[i & 7] += i;
        sum ^= cells[(i + 3) & 7] >> 3;
    }
    return sum;
}

int main(void)
{
    put_text("mixed ");
    put_hex(hot_loop(hot_rounds));
    put_text("\n");
    return 0;
}
