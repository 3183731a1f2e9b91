/* A hot loop with calls and branches. `never_called` lies in the same page of code, and nothing calls it. */
#include "../support/board.h"

#define HOT __attribute__((section(".hot.text"), noinline))

volatile u64 hot_rounds __attribute__((section(".data"))) = 5000000;

HOT u64 step_up(u64 value)
{
    return value * 3 + 1;
}

HOT u64 step_down(u64 value)
{
    return value >> 1;
}

HOT void never_called(void)
{
    put_text("break: this is never printed\n");
}

/* Collatz steps: branches that follow data, two small calls. */
HOT u64 hot_loop(u64 rounds)
{
    u64 value = 27;
    u64 sum = 0;

    for (u64 i = 0; i < rounds; i++) {
        value = value & 1 ? step_up(value) : step_down(value);
        if (value == 1)
            value = i | 1;
        sum += value;
    }
    return sum;
}

int main(void)
{
    u64 rounds = hot_rounds;

    put_text("break ");
    put_hex(hot_loop(rounds));
    put_text("\n");
    if (rounds == 0)
        never_called();
    return 0;
}
