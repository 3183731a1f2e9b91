/* Pointer masking as a guest of KVM has it: for VS-mode by the firmware (SBI FWFT), for VU-mode by senvcfg.
 *
 * Every check prints a line; the last one counts them, and the reason of the shutdown is 0 if none has failed. Built
 * twice: addresses are physical (Bare), or translated by Sv39.
 */
#include "guest.h"

#define SECRET 0x5ec7e7UL
#define TAG 0x55UL
#define WIDE_TAG 0xbeefUL
#define WANTED_TICKS 3UL
/* Where nothing is: behind every page that Sv39 maps. */
#define NOWHERE 0x3f00000000UL

void check_second_hart(void);

static volatile u64 secret = SECRET;
static USER_DATA volatile u64 user_secret = SECRET;
static USER_DATA volatile u64 user_ticks;

USER_TEXT u64 user_load(const volatile u64 *pointer)
{
    return *pointer;
}

USER_TEXT u64 user_wait(const volatile u64 *ticks)
{
    while (*ticks < WANTED_TICKS) {
    }
    return *ticks;
}

static void nothing(void)
{
}

static void check_fault(const char *name, struct outcome outcome, u64 cause, u64 tval)
{
    put_text("        ");
    put_text(name);
    put_text("\n");
    check("scause", outcome.cause, cause);
    check("stval", outcome.tval, tval);
}

/* Where addresses are physical, one with a tag leads to where no memory is: user space gets it, and answers. */
static void check_unmasked(const char *name, const volatile void *pointer)
{
    struct outcome outcome = load_from((const void *)pointer);

#ifdef SV39
    check_fault(name, outcome, CAUSE_LOAD_PAGE, (u64)pointer);
#else
    check(name, outcome.value != SECRET, 1);
#endif
}

static int check_firmware(void)
{
    struct sbi_result got = get_pmlen();
    struct sbi_result set;

    check("FWFT knows pointer masking", (u64)got.error, 0);
    check("its PMLEN at the start", (u64)got.value, 0);
    check_unmasked("a tagged load before masking is on", TAG_7(&secret, TAG));
    set = set_pmlen(7, 0);
    check("FWFT sets PMLEN 7", (u64)set.error, 0);
    return set.error == 0;
}

static void check_length_7(void)
{
    volatile u64 *tagged = TAG_7(&secret, TAG);

    check("PMLEN now", (u64)get_pmlen().value, 7);
    check("a load through a tag of 7 bits", *tagged, SECRET);
    *tagged = SECRET + 1;
    check("a store through it", secret, SECRET + 1);
    __atomic_fetch_sub(tagged, 1, __ATOMIC_RELAXED);
    check("an atomic operation through it", secret, SECRET);
    check("a tag in all 7 bits", *(volatile u64 *)TAG_7(&secret, 0x7f), SECRET);
    check_unmasked("bit 56 is no tag", (void *)((u64)&secret | 1UL << 56 | ~0UL << 57));
}

static void check_length_16(void)
{
    check("FWFT sets PMLEN 16", (u64)set_pmlen(16, 0).error, 0);
    check("PMLEN now", (u64)get_pmlen().value, 16);
    check("a load through a tag of 16 bits", *(volatile u64 *)TAG_16(&secret, WIDE_TAG), SECRET);
}

static void check_refusals(void)
{
    check("PMLEN 8", (u64)set_pmlen(8, 0).error, (u64)SBI_INVALID_PARAM);
    check("PMLEN 1", (u64)set_pmlen(1, 0).error, (u64)SBI_INVALID_PARAM);
    check("PMLEN -1", (u64)set_pmlen(~0UL, 0).error, (u64)SBI_INVALID_PARAM);
    check("flags 2", (u64)set_pmlen(7, 2).error, (u64)SBI_INVALID_PARAM);
    check("PMLEN after refusals", (u64)get_pmlen().value, 16);
}

static void check_what_is_not_masked(void)
{
    void *code = TAG_16(nothing, WIDE_TAG);

#ifdef SV39
    volatile u64 *alias = (void *)((u64)&secret | HIGH_ALIAS);

    check("sign extension: a tag over an upper address", *(volatile u64 *)TAG_16(alias, WIDE_TAG), SECRET);
    check_fault("a masked load where nothing is", load_from(TAG_16(NOWHERE, WIDE_TAG)), CAUSE_LOAD_PAGE, NOWHERE);
    csr_set(sstatus, SSTATUS_MXR);
    check_unmasked("MXR switches masking off", TAG_16(&secret, WIDE_TAG));
    csr_clear(sstatus, SSTATUS_MXR);
    check_fault("a fetch is not masked", fetch_from(code), CAUSE_FETCH_PAGE, (u64)code);
#else
    check_fault("a fetch is not masked", fetch_from(code), CAUSE_FETCH_ACCESS, (u64)code);
#endif
}

static void check_user_load(const char *name, const void *pointer)
{
    struct outcome outcome = call_user(user_load, pointer);

    check(name, outcome.value, SECRET);
    check("it ended by ecall", outcome.cause, CAUSE_ECALL_U);
}

static void check_user(void)
{
    void *tagged = TAG_7(&user_secret, TAG);

    check_user_load("a load in VU-mode", (void *)&user_secret);
    csr_write(senvcfg, SENVCFG_PMM_OFF);
#ifdef SV39
    check_fault("a tagged load while senvcfg.PMM is off", call_user(user_load, tagged), CAUSE_LOAD_PAGE, (u64)tagged);
#endif
    csr_write(senvcfg, SENVCFG_PMM_7);
    check("senvcfg takes PMLEN 7", csr_read(senvcfg), SENVCFG_PMM_7);
    check_user_load("a load through a tag of 7 bits in VU-mode", tagged);
    csr_write(senvcfg, SENVCFG_PMM_16);
    check("senvcfg takes PMLEN 16", csr_read(senvcfg), SENVCFG_PMM_16);
    check_user_load("a load through a tag of 16 bits in VU-mode", TAG_16(&user_secret, WIDE_TAG));
}

/* The two fields are apart: VU-mode masks while VS-mode does not. */
static void check_user_alone(void)
{
    check("FWFT sets PMLEN 0", (u64)set_pmlen(0, 0).error, 0);
    check_unmasked("a tagged load in VS-mode after that", TAG_16(&secret, WIDE_TAG));
    check_user_load("the same in VU-mode", TAG_16(&user_secret, WIDE_TAG));
}

static void check_ticks(const char *name, int by_sbi)
{
    start_ticks(by_sbi);
    while (this_hart->ticks < WANTED_TICKS)
        wait_for_interrupt();
    stop_ticks();
    check(name, this_hart->ticks, WANTED_TICKS);
}

/* VU-mode waits through its tag for what the handler counts through its own. */
static void check_ticks_in_user(int by_sbi)
{
    struct outcome outcome;

    check("FWFT sets PMLEN 7", (u64)set_pmlen(7, 0).error, 0);
    user_ticks = 0;
    tick_mirror = TAG_7(&user_ticks, TAG);
    start_ticks(by_sbi);
    outcome = call_user(user_wait, TAG_16(&user_ticks, WIDE_TAG));
    stop_ticks();
    tick_mirror = 0;
    check("timer interrupts in VU-mode", outcome.value, WANTED_TICKS);
}

static void check_timers(void)
{
    int sstc = has_sstc();

    if (sstc)
        check_ticks("timer interrupts by stimecmp", 0);
    else
        put_text("        no Sstc here\n");
    check_ticks("timer interrupts by SBI TIME", 1);
    check_ticks_in_user(!sstc);
}

int main(void)
{
#ifdef SV39
    turn_on_paging();
#endif
    if (check_firmware()) {
        check_length_7();
        check_length_16();
        check_refusals();
        check_what_is_not_masked();
        check_user();
        check_user_alone();
        check_timers();
        check_second_hart();
    } else {
        put_text("        the firmware refuses: VS-mode goes without, VU-mode needs no leave\n");
        check_user();
    }
    finish();
}
