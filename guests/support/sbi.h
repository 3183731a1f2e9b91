/* Calls of the RISC-V Supervisor Binary Interface that the guests make. */
#ifndef GUEST_SBI_H
#define GUEST_SBI_H

typedef unsigned long u64;

struct sbi_result {
    long error;
    long value;
};

#define SBI_BASE 0x10UL
#define SBI_TIME 0x54494d45UL
#define SBI_IPI 0x735049UL
#define SBI_HSM 0x48534dUL
#define SBI_RFENCE 0x52464e43UL
#define SBI_SRST 0x53525354UL
#define SBI_DBCN 0x4442434eUL
#define SBI_FWFT 0x46574654UL
#define SBI_LEGACY_PUTCHAR 1UL
#define SBI_LEGACY_SHUTDOWN 8UL

#define BASE_SPEC_VERSION 0UL
#define BASE_PROBE 3UL
#define HSM_START 0UL
#define HSM_STOP 1UL
#define HSM_STATUS 2UL
#define HSM_STOPPED 1
#define HSM_SUSPENDED 4
#define RFENCE_SFENCE_VMA 1UL
#define FWFT_SET 0UL
#define FWFT_GET 1UL
#define FWFT_POINTER_MASKING_PMLEN 5UL
#define FWFT_LOCK 1UL
#define SRST_SHUTDOWN 0UL
#define SRST_SYSTEM_FAILURE 1UL

#define SBI_NOT_SUPPORTED (-2L)
#define SBI_INVALID_PARAM (-3L)
#define SBI_DENIED_LOCKED (-14L)

static inline struct sbi_result sbi_call(u64 extension, u64 function, u64 arg0, u64 arg1, u64 arg2)
{
    register u64 a0 __asm__("a0") = arg0;
    register u64 a1 __asm__("a1") = arg1;
    register u64 a2 __asm__("a2") = arg2;
    register u64 a6 __asm__("a6") = function;
    register u64 a7 __asm__("a7") = extension;

    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return (struct sbi_result){(long)a0, (long)a1};
}

static inline int sbi_has(u64 extension)
{
    struct sbi_result result = sbi_call(SBI_BASE, BASE_PROBE, extension, 0, 0);

    return result.error == 0 && result.value != 0;
}

#endif
