/* Reads one thing from the device tree that the machine leaves in memory: how many harts there are. */
#include "board.h"

#define RAM_BASE 0x80000000UL
#define MAGIC 0xd00dfeedU
#define STRUCT_OFFSET 8 /* in the header, where the structure block begins */

/* Tokens of the structure block (Devicetree Specification, "Devicetree Structure"). */
#define BEGIN_NODE 1U
#define END_NODE 2U
#define PROPERTY 3U
#define NOTHING 4U

static u32 word_at(const u8 *place)
{
    return (u32)place[0] << 24 | (u32)place[1] << 16 | (u32)place[2] << 8 | place[3];
}

static u64 padded(u64 length)
{
    return (length + 3) & ~3UL;
}

u64 count_harts(const u8 *tree)
{
    const u8 *place;
    u64 harts = 0;

    if ((u64)tree < RAM_BASE || word_at(tree) != MAGIC)
        return 1;
    place = tree + word_at(tree + STRUCT_OFFSET);
    for (;;) {
        u32 token = word_at(place);

        place += 4;
        if (token == BEGIN_NODE) {
            u64 length = 0;

            if (place[0] == 'c' && place[1] == 'p' && place[2] == 'u' && place[3] == '@')
                harts++;
            while (place[length])
                length++;
            place += padded(length + 1);
        } else if (token == PROPERTY) {
            place += 8 + padded(word_at(place));
        } else if (token != END_NODE && token != NOTHING) {
            return harts;
        }
    }
}
