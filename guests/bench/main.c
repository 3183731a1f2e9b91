/* The integer benchmark: runs the kernels, prints the checksum and fails (exit status 1) if it is wrong.
 *
 * `bench_rounds` can be changed in the ELF or by a debugger; then only the printed checksum says whether it was right.
 */
#include "../support/board.h"
#include "expected.h"

#ifdef SMALL
#define ROUNDS ROUNDS_SMALL
#define CHECKSUM CHECKSUM_SMALL
#else
#define ROUNDS ROUNDS_FULL
#define CHECKSUM CHECKSUM_FULL
#endif

u64 run_rounds(u64 rounds);

volatile u64 bench_rounds __attribute__((section(".data"))) = ROUNDS;

int main(void)
{
    u64 rounds = bench_rounds;
    u64 before;
    u64 after;
    u64 checksum;

    __asm__ volatile("csrr %0, minstret" : "=r"(before));
    checksum = run_rounds(rounds);
    __asm__ volatile("csrr %0, minstret" : "=r"(after));
    put_text("rounds ");
    put_decimal(rounds);
    put_text(" checksum ");
    put_hex(checksum);
    put_text(" minstret ");
    put_decimal(after - before);
    put_text("\n");
    return rounds == ROUNDS && checksum != CHECKSUM;
}
