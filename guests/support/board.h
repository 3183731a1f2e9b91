/* What the machine-mode guests use of the `virt` board. */
#ifndef GUEST_BOARD_H
#define GUEST_BOARD_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

/* Addresses of QEMU's `virt` board. */
#define CLINT_MSIP(hart) ((volatile u32 *)(0x02000000UL + 4UL * (hart)))
#define CLINT_MTIMECMP(hart) ((volatile u64 *)(0x02004000UL + 8UL * (hart)))
#define CLINT_MTIME ((volatile u64 *)0x0200bff8UL)

#define TICKS_PER_MILLISECOND 10000UL /* mtime counts 100 ns */

/* mcause of the two interrupts that the CLINT raises, and the bits of mie that let them in. */
#define CAUSE_SOFTWARE 0x8000000000000003UL
#define CAUSE_TIMER 0x8000000000000007UL
#define MIE_SOFTWARE (1UL << 3)
#define MIE_TIMER (1UL << 7)
#define MSTATUS_MIE (1UL << 3)

#define csr_set(csr, bits) __asm__ volatile("csrs " #csr ", %0" : : "rK"(bits) : "memory")
#define csr_clear(csr, bits) __asm__ volatile("csrc " #csr ", %0" : : "rK"(bits) : "memory")
#define wait_for_interrupt() __asm__ volatile("wfi" : : : "memory")

void put_char(char c);
void put_text(const char *text);
void put_decimal(u64 value);
void put_hex(u64 value);

/* Ends the run: the emulator exits with `status` (0 is success). */
void power_off(u64 status) __attribute__((noreturn));

/* How many harts the device tree names; 1 where there is no device tree. main gets its address as second argument. */
u64 count_harts(const u8 *device_tree);

/* Called for every trap; a guest that expects none gets a message and exit status 1. */
void trap(u64 cause, u64 epc, u64 tval);

/* What every hart but hart 0 runs. */
void secondary(u64 hart);

#endif
