/* What the guests that run under KVM share: harts, traps, the console, masking by the firmware's leave. */
#ifndef GUEST_KVM_H
#define GUEST_KVM_H

#include "sbi.h"

#define csr_read(csr) ({ u64 csr_value; __asm__ volatile("csrr %0, " #csr : "=r"(csr_value) : : "memory"); csr_value; })
#define csr_write(csr, value) __asm__ volatile("csrw " #csr ", %0" : : "rK"((u64)(value)) : "memory")
#define csr_set(csr, bits) __asm__ volatile("csrs " #csr ", %0" : : "rK"((u64)(bits)) : "memory")
#define csr_clear(csr, bits) __asm__ volatile("csrc " #csr ", %0" : : "rK"((u64)(bits)) : "memory")
#define wait_for_interrupt() __asm__ volatile("wfi" : : : "memory")

#define INTERRUPT (1UL << 63)
#define CAUSE_SOFTWARE (INTERRUPT | 1)
#define CAUSE_TIMER (INTERRUPT | 5)
#define CAUSE_FETCH_ACCESS 1UL
#define CAUSE_ILLEGAL 2UL
#define CAUSE_ECALL_U 8UL
#define CAUSE_FETCH_PAGE 12UL
#define CAUSE_LOAD_PAGE 13UL

#define SSTATUS_SIE (1UL << 1)
#define SSTATUS_SPP (1UL << 8)
#define SSTATUS_SUM (1UL << 18)
#define SSTATUS_MXR (1UL << 19)
#define SIE_SOFTWARE (1UL << 1)
#define SIE_TIMER (1UL << 5)

/* senvcfg.PMM: what masks the pointers of VU-mode. */
#define SENVCFG_PMM_OFF 0UL
#define SENVCFG_PMM_7 (2UL << 32)
#define SENVCFG_PMM_16 (3UL << 32)

/* A pointer with a tag in the bits that masking of a length ignores. */
#define TAG_7(pointer, tag) ((void *)((u64)(pointer) << 7 >> 7 | (u64)(tag) << 57))
#define TAG_16(pointer, tag) ((void *)((u64)(pointer) << 16 >> 16 | (u64)(tag) << 48))

/* Code and data that VU-mode may use. */
#define USER_TEXT __attribute__((section(".user.text"), noinline))
#define USER_DATA __attribute__((section(".user.data")))

/* start.S knows where the first three are. */
struct hart {
    u64 kernel_sp;
    u64 user_sp;
    u64 stack_top;
    u64 id;
    u64 cause; /* of the last exception that was expected; 0 for none */
    u64 tval;
    volatile u64 ticks;
    volatile u64 greetings;
};

/* What became of an access or a call that may have trapped. */
struct outcome {
    u64 value;
    u64 cause;
    u64 tval;
};

struct frame {
    u64 pc;
    u64 x[31];
    u64 status;
};

extern struct hart harts[2];
extern int failures;
extern volatile u64 *tick_mirror;
register struct hart *this_hart __asm__("tp");

/* traps.c */
struct outcome load_from(const void *pointer);
struct outcome fetch_from(const void *pointer);
struct outcome call_user(void *function, const void *argument);
int has_sstc(void);
void start_ticks(int by_sbi);
void stop_ticks(void);

/* paging.c */
#define HIGH_ALIAS 0xffffffc000000000UL
void turn_on_paging(void);
/* A page that other memory can be put behind. */
extern volatile u64 window[512];
#define WINDOW_BEFORE 0xbefUL
#define WINDOW_AFTER 0xaf7UL
void move_window(void);

/* report.c */
void put_text(const char *text);
void put_number(u64 value);
void check(const char *name, u64 got, u64 expected);
void finish(void) __attribute__((noreturn));

static inline struct sbi_result set_pmlen(u64 pmlen, u64 flags)
{
    return sbi_call(SBI_FWFT, FWFT_SET, FWFT_POINTER_MASKING_PMLEN, pmlen, flags);
}

static inline struct sbi_result get_pmlen(void)
{
    return sbi_call(SBI_FWFT, FWFT_GET, FWFT_POINTER_MASKING_PMLEN, 0, 0);
}

#endif
