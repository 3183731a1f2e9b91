/* The floating-point benchmark: runs the kernels, prints the checksum and fails (exit status 1) if it, or a flag, is wrong.
 *
 * `float_rounds` can be changed in the ELF or by a debugger; then only the printed checksum says whether it was right.
 */
#include "../support/board.h"
#include "kernels.h"

#define FS_INITIAL 0x2000UL
#define INEXACT 1

volatile u64 float_rounds __attribute__((section(".data"))) = ROUNDS;

int main(void)
{
    u64 rounds = float_rounds;
    u64 before;
    u64 after;
    u64 flags;
    u64 checksum;

    csr_set(mstatus, FS_INITIAL);
    __asm__ volatile("csrw fcsr, zero");
    __asm__ volatile("csrr %0, minstret" : "=r"(before));
    checksum = run_rounds(rounds);
    __asm__ volatile("csrr %0, minstret" : "=r"(after));
    __asm__ volatile("csrr %0, fflags" : "=r"(flags));
    put_text("rounds ");
    put_decimal(rounds);
    put_text(" checksum ");
    put_hex(checksum);
    put_text(" flags ");
    put_decimal(flags);
    put_text(" minstret ");
    put_decimal(after - before);
    put_text("\n");
    return rounds == ROUNDS && (checksum != CHECKSUM || flags != INEXACT);
}
