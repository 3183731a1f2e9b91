/* The second hart: its masking is its own, begins switched off, and is off again after each start. */
#include "guest.h"

#define SECRET 0xdadaUL
#define TAG 0x2aUL
#define FIRST 0
#define SECOND 1

void secondary_start(void);
extern char second_stack_top[];

static volatile u64 second_secret = SECRET;
static int round;

static void send_ipi(u64 hart)
{
    sbi_call(SBI_IPI, 0, 1UL << hart, 0, 0);
}

static void wait_for_greeting(u64 count)
{
    csr_set(sie, SIE_SOFTWARE);
    csr_set(sstatus, SSTATUS_SIE);
    while (this_hart->greetings < count)
        wait_for_interrupt();
    csr_clear(sstatus, SSTATUS_SIE);
}

static void check_load(const char *name)
{
    check(name, *(volatile u64 *)TAG_16(&second_secret, TAG), SECRET);
}

#ifdef SV39
/* The first hart changes the tables meanwhile, and asks the hypervisor for a fence in this one. */
static void look_through_window(void)
{
    volatile u64 *tagged = TAG_16(window, TAG);

    check("hart 1: through the window", *tagged, WINDOW_BEFORE);
    send_ipi(FIRST);
    wait_for_greeting(2);
    check("hart 1: through the window after a remote fence", *tagged, WINDOW_AFTER);
}
#endif

static void first_life(void)
{
    check("hart 1: FWFT sets PMLEN 16 and locks it", (u64)set_pmlen(16, FWFT_LOCK).error, 0);
    check_load("hart 1: a load through a tag");
    check("hart 1: FWFT changes it no more", (u64)set_pmlen(0, 0).error, (u64)SBI_DENIED_LOCKED);
    check_load("hart 1: a load through a tag after that");
    send_ipi(FIRST);
    wait_for_greeting(1);
    check("hart 1: greetings", this_hart->greetings, 1);
#ifdef SV39
    look_through_window();
#endif
}

/* Entered by every start of the second hart. */
void secondary(void)
{
#ifdef SV39
    turn_on_paging();
#endif
    check("hart 1: its PMLEN at the start", (u64)get_pmlen().value, 0);
#ifdef SV39
    check("hart 1: a tagged load faults", load_from(TAG_16(&second_secret, TAG)).cause, CAUSE_LOAD_PAGE);
#endif
    if (round == 0)
        first_life();
    else
        check("hart 1: nothing is locked after a restart", (u64)set_pmlen(7, 0).error, 0);
    sbi_call(SBI_HSM, HSM_STOP, 0, 0, 0);
}

static u64 start_second(void)
{
    return (u64)sbi_call(SBI_HSM, HSM_START, SECOND, (u64)secondary_start, (u64)&harts[SECOND]).error;
}

static void wait_until(long status)
{
    while (sbi_call(SBI_HSM, HSM_STATUS, SECOND, 0, 0).value != status) {
    }
}

#ifdef SV39
/* remote_sfence_vma(hart mask, its base, address, size): the address is one without a tag. */
static long fence_second(void)
{
    register u64 a0 __asm__("a0") = 1UL << SECOND;
    register u64 a1 __asm__("a1") = 0;
    register u64 a2 __asm__("a2") = (u64)window;
    register u64 a3 __asm__("a3") = sizeof window;
    register u64 a6 __asm__("a6") = RFENCE_SFENCE_VMA;
    register u64 a7 __asm__("a7") = SBI_RFENCE;

    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a6), "r"(a7) : "memory");
    return (long)a0;
}

static void change_the_window(void)
{
    wait_for_greeting(2);
    move_window();
    check("RFENCE in hart 1", (u64)fence_second(), 0);
    send_ipi(SECOND);
}
#endif

void check_second_hart(void)
{
    if (sbi_call(SBI_HSM, HSM_STATUS, SECOND, 0, 0).error) {
        put_text("        one hart\n");
        return;
    }
    harts[SECOND].id = SECOND;
    harts[SECOND].stack_top = (u64)second_stack_top;
    check("HSM starts hart 1", start_second(), 0);
    wait_for_greeting(1);
    check("hart 0: greetings", this_hart->greetings, 1);
    check("hart 0: its own PMLEN is as it was", (u64)get_pmlen().value, 7);
    wait_until(HSM_SUSPENDED); /* it sleeps in WFI, which is suspended for KVM */
    send_ipi(SECOND);
#ifdef SV39
    change_the_window();
#endif
    wait_until(HSM_STOPPED);
    round = 1;
    check("HSM starts hart 1 again", start_second(), 0);
    wait_until(HSM_STOPPED);
}
