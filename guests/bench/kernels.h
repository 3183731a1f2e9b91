/* The benchmark's work: eight kernels, each folding what it computed into a running checksum. */
#ifndef GUEST_KERNELS_H
#define GUEST_KERNELS_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

/* Runs every kernel `rounds` times and returns the checksum, which depends on nothing but `rounds`. */
u64 run_rounds(u64 rounds);

#endif
