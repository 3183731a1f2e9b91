/* The same kernels on the host: an independent check of the checksums that the guest expects. */
#include <stdio.h>

#include "expected.h"
#include "kernels.h"

static int check(const char *name, u64 rounds, u64 expected)
{
    u64 checksum = run_rounds(rounds);

    printf("%s: %lu rounds, checksum %#018lx, %s\n", name, rounds, checksum, checksum == expected ? "as expected" : "WRONG");
    return checksum != expected;
}

int main(void)
{
    return check("bench_small", ROUNDS_SMALL, CHECKSUM_SMALL) | check("bench", ROUNDS_FULL, CHECKSUM_FULL);
}
