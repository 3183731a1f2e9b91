/* The console, and what the checks found. */
#include "guest.h"

int failures;
static int checks;

void put_text(const char *text)
{
    u64 length = 0;

    while (text[length])
        length++;
    sbi_call(SBI_DBCN, 0, length, (u64)text, 0);
}

static void put_digits(u64 value, u64 base)
{
    char digits[21];
    int n = sizeof digits - 1;

    digits[n] = 0;
    do
        digits[--n] = "0123456789abcdef"[value % base];
    while (value /= base);
    put_text(&digits[n]);
}

/* Small numbers in decimal, negative ones too; everything else in hexadecimal. */
void put_number(u64 value)
{
    if (-value < 1000 && value) {
        put_text("-");
        put_digits(-value, 10);
    } else if (value < 1000) {
        put_digits(value, 10);
    } else {
        put_text("0x");
        put_digits(value, 16);
    }
}

void check(const char *name, u64 got, u64 expected)
{
    checks++;
    failures += got != expected;
    put_text(got == expected ? "ok      " : "FAILED  ");
    put_text(name);
    put_text(": ");
    put_number(got);
    if (got != expected) {
        put_text(", expected ");
        put_number(expected);
    }
    put_text("\n");
}

/* The machine goes off; the reason says whether all was well. */
void finish(void)
{
    put_number(checks);
    put_text(" checks, ");
    put_number(failures);
    put_text(" failed\n");
    for (;;)
        sbi_call(SBI_SRST, 0, SRST_SHUTDOWN, failures ? SRST_SYSTEM_FAILURE : 0, 0);
}
