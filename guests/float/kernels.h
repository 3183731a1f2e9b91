/* The floating-point benchmark's work, and what comes of it. */
#ifndef GUEST_FLOAT_KERNELS_H
#define GUEST_FLOAT_KERNELS_H

typedef unsigned int u32;
typedef unsigned long u64;

#define ROUNDS 1200
#define CHECKSUM 0x3533c8db12b92465UL /* recomputed by `make -C guests verify` */

/* Runs every kernel `rounds` times and returns the checksum, which depends on nothing but `rounds`. */
u64 run_rounds(u64 rounds);

#endif
