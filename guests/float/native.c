/* The same kernels on the host: an independent check of the checksum that the guest expects. */
#include <stdio.h>

#include "kernels.h"

int main(void)
{
    u64 checksum = run_rounds(ROUNDS);

    printf("float: %d rounds, checksum %#018lx, %s\n", ROUNDS, checksum, checksum == CHECKSUM ? "as expected" : "WRONG");
    return checksum != CHECKSUM;
}
