/* The console (16550 UART) and the switch (test finisher) of the `virt` board. */
#include "board.h"

#define UART ((volatile u8 *)0x10000000UL)
#define UART_DATA 0
#define UART_LINE_STATUS 5
#define UART_READY 0x20

#define FINISHER (*(volatile u32 *)0x00100000UL)
#define FINISHER_PASS 0x5555U
#define FINISHER_FAIL 0x3333U

void put_char(char c)
{
    while (!(UART[UART_LINE_STATUS] & UART_READY)) {
    }
    UART[UART_DATA] = (u8)c;
}

void put_text(const char *text)
{
    while (*text)
        put_char(*text++);
}

void put_decimal(u64 value)
{
    char digits[20];
    int n = 0;

    do
        digits[n++] = (char)('0' + value % 10);
    while (value /= 10);
    while (n)
        put_char(digits[--n]);
}

void put_hex(u64 value)
{
    put_text("0x");
    for (int shift = 60; shift >= 0; shift -= 4)
        put_char("0123456789abcdef"[(value >> shift) & 15]);
}

void power_off(u64 status)
{
    FINISHER = status ? FINISHER_FAIL | (u32)status << 16 : FINISHER_PASS;
    for (;;)
        wait_for_interrupt();
}

__attribute__((weak)) void trap(u64 cause, u64 epc, u64 tval)
{
    put_text("unexpected trap: mcause ");
    put_hex(cause);
    put_text(" mepc ");
    put_hex(epc);
    put_text(" mtval ");
    put_hex(tval);
    put_text("\n");
    power_off(1);
}

__attribute__((weak)) void secondary(u64 hart)
{
    (void)hart;
}
