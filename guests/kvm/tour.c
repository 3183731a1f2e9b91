/* The guest of the tour: accounts whose pointers carry a key in bits that the hardware is to ignore.
 *
 * VS-mode asks its firmware for that (SBI FWFT), VU-mode gets it by senvcfg. Where the firmware refuses, the first access
 * through a key traps.
 */
#include "guest.h"

#define KEY 0x55UL
#define USER_KEY 0xbeefUL

u64 savings = 100;
USER_DATA u64 wallet = 20;

/* Through a pointer with a key in it. */
void deposit(u64 *account, u64 amount)
{
    *account += amount;
}

/* The same in VU-mode. */
USER_TEXT u64 spend(u64 *account)
{
    *account -= 5;
    return *account;
}

static void say(const char *text, u64 value)
{
    put_text("tour: ");
    put_text(text);
    put_number(value);
    put_text("\n");
}

void mask_supervisor(void)
{
    struct sbi_result answer = set_pmlen(7, 0);

    say("FWFT set POINTER_MASKING_PMLEN 7: ", (u64)answer.error);
}

void mask_user(void)
{
    csr_write(senvcfg, SENVCFG_PMM_16);
    say("senvcfg is ", csr_read(senvcfg));
}

int main(void)
{
    turn_on_paging();
    put_text("tour: hello from VS-mode\n");
    mask_supervisor();
    deposit(TAG_7(&savings, KEY), 7);
    say("savings are ", savings);
    mask_user();
    call_user(spend, TAG_16(&wallet, USER_KEY));
    say("the wallet has ", wallet);
    check("savings and wallet", savings + wallet, 122);
    finish();
}
