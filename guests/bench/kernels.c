/* Integer work of the kinds that programs are made of. Deterministic: every kernel's input comes from the checksum so far.
 *
 * Also compiled for the host (`make -C guests verify`), so there is nothing here that depends on a machine.
 */
#include "kernels.h"

#define BYTES 4096
#define SORTED 1024
#define SLOTS 2048
#define KEYS 768
#define SIDE 24
#define NODES 512
#define QUEENS 6

static u64 random_state;

static u32 random_next(void)
{
    random_state = random_state * 6364136223846793005UL + 1442695040888963407UL;
    return (u32)(random_state >> 33);
}

static u64 fold(u64 sum, u64 value)
{
    sum ^= value + 0x9e3779b97f4a7c15UL + (sum << 6) + (sum >> 2);
    return sum;
}

/* 1. Table-driven CRC-32 of a buffer: byte loads, one dependent chain. */

static u32 crc_table[256];
static u8 buffer[BYTES];

static void prepare_crc(void)
{
    for (u32 i = 0; i < 256; i++) {
        u32 value = i;

        for (int bit = 0; bit < 8; bit++)
            value = value & 1 ? value >> 1 ^ 0xedb88320U : value >> 1;
        crc_table[i] = value;
    }
}

static u64 crc_kernel(void)
{
    u32 crc = 0xffffffffU;

    for (u32 i = 0; i < BYTES; i += 4) {
        u32 word = random_next();

        buffer[i] = (u8)word;
        buffer[i + 1] = (u8)(word >> 8);
        buffer[i + 2] = (u8)(word >> 16);
        buffer[i + 3] = (u8)(word >> 24);
    }
    for (u32 i = 0; i < BYTES; i++)
        crc = crc >> 8 ^ crc_table[(crc ^ buffer[i]) & 255];
    return crc;
}

/* 2. Quicksort: unpredictable branches, recursion. */

static u32 numbers[SORTED];

static void sort(u32 *first, u32 *last)
{
    while (first < last) {
        u32 pivot = first[(last - first) / 2];
        u32 *low = first;
        u32 *high = last;

        while (low <= high) {
            while (*low < pivot)
                low++;
            while (*high > pivot)
                high--;
            if (low <= high) {
                u32 kept = *low;

                *low++ = *high;
                *high-- = kept;
            }
        }
        sort(first, high);
        first = low;
    }
}

static u64 sort_kernel(void)
{
    u64 sum = 0;

    for (int i = 0; i < SORTED; i++)
        numbers[i] = random_next();
    sort(numbers, numbers + SORTED - 1);
    for (int i = 1; i < SORTED; i++)
        sum += numbers[i - 1] <= numbers[i] ? (u64)numbers[i] * (u64)i : 1UL << 63;
    return sum;
}

/* 3. Open-addressing hash table: multiplication, scattered loads and stores. */

static struct slot {
    u32 key;
    u32 value;
} slots[SLOTS];

static struct slot *find_slot(u32 key)
{
    u32 index = key * 2654435761U >> 21;

    while (slots[index].key && slots[index].key != key)
        index = (index + 1) % SLOTS;
    return &slots[index];
}

static u64 hash_kernel(void)
{
    u32 keys[KEYS];
    u64 sum = 0;

    for (int i = 0; i < SLOTS; i++)
        slots[i].key = 0;
    for (u32 i = 0; i < KEYS; i++) {
        struct slot *slot;

        keys[i] = random_next() | 1;
        slot = find_slot(keys[i]);
        slot->key = keys[i];
        slot->value = i;
    }
    for (int i = 0; i < KEYS; i++)
        sum += find_slot(keys[i])->value + find_slot(keys[i] + 1)->key;
    return sum;
}

/* 4. Matrix product modulo 2^32: nested loops, strided loads. */

static u32 left[SIDE][SIDE];
static u32 right[SIDE][SIDE];

static u64 matrix_kernel(void)
{
    u64 sum = 0;

    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            left[i][j] = random_next();
            right[i][j] = random_next();
        }
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            u32 cell = 0;

            for (int k = 0; k < SIDE; k++)
                cell += left[i][k] * right[k][j];
            sum = sum * 31 + cell;
        }
    return sum;
}

/* 5. Strings: numbers to text and back, comparison, division by constants and by variables. */

static u32 write_number(char *text, u32 value, u32 base)
{
    char reversed[33];
    u32 length = 0;

    do
        reversed[length++] = "0123456789abcdef"[value % base];
    while (value /= base);
    for (u32 i = 0; i < length; i++)
        text[i] = reversed[length - 1 - i];
    text[length] = 0;
    return length;
}

static u32 read_number(const char *text, u32 base)
{
    u32 value = 0;

    for (; *text; text++)
        value = value * base + (u32)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    return value;
}

static int compare(const char *one, const char *other)
{
    while (*one && *one == *other) {
        one++;
        other++;
    }
    return *one - *other;
}

static u64 string_kernel(void)
{
    char text[2][34];
    u64 sum = 0;

    text[0][0] = text[1][0] = 0;
    for (u32 i = 0; i < 160; i++) {
        u32 value = random_next();
        u32 base = 2 + i % 15;
        u32 length = write_number(text[i & 1], value, base);

        sum += length * (read_number(text[i & 1], base) == value);
        sum = sum * 3 + (u64)(compare(text[0], text[1]) > 0);
    }
    return sum;
}

/* 6. A scanner for something like a programming language: a state machine over bytes, a jump table. */

enum state { BLANK, WORD, NUMBER, QUOTED, COMMENT };

static enum state next_state(enum state state, u8 c)
{
    switch (state) {
    case QUOTED:
        return c == '"' ? BLANK : QUOTED;
    case COMMENT:
        return c == '\n' ? BLANK : COMMENT;
    case WORD:
    case NUMBER:
        if (c >= '0' && c <= '9')
            return state;
        break;
    case BLANK:
        break;
    }
    switch (c) {
    case '"':
        return QUOTED;
    case '#':
        return COMMENT;
    case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
        return NUMBER;
    case ' ': case '\n': case '(': case ')': case '+': case '-': case '*': case '=': case ',': case ';':
        return BLANK;
    default:
        return WORD;
    }
}

static u64 scanner_kernel(void)
{
    static const u8 letters[64] = "abc de\nfgh 12(3) +4567 \"xyz\" #uvw =,;-*ijk lmn opq rst 089 \n\n\" ";
    u64 tokens[5] = {0, 0, 0, 0, 0};
    enum state state = BLANK;
    u32 word = 0;

    for (u32 i = 0; i < 2400; i++) {
        enum state next;

        if (i % 5 == 0)
            word = random_next();
        next = next_state(state, letters[word & 63]);
        word >>= 6;
        tokens[next] += next != state;
        state = next;
    }
    return tokens[BLANK] + tokens[WORD] * 3 + tokens[NUMBER] * 5 + tokens[QUOTED] * 7 + tokens[COMMENT] * 11;
}

/* 7. Linked list: merge sort by relinking, then a walk: dependent loads. */

static struct node {
    struct node *next;
    u32 value;
} nodes[NODES];

static struct node *merge(struct node *one, struct node *other)
{
    struct node head;
    struct node *last = &head;

    while (one && other) {
        struct node **smaller = one->value <= other->value ? &one : &other;

        last->next = *smaller;
        last = *smaller;
        *smaller = (*smaller)->next;
    }
    last->next = one ? one : other;
    return head.next;
}

static struct node *sort_list(struct node *list, u32 length)
{
    struct node *tail = list;
    struct node *second;

    if (length < 2) {
        list->next = 0;
        return list;
    }
    for (u32 i = 0; i < length / 2; i++)
        tail = tail->next;
    second = sort_list(tail, length - length / 2);
    return merge(sort_list(list, length / 2), second);
}

static u64 list_kernel(void)
{
    u64 sum = 0;
    u64 place = 0;

    for (u32 i = 0; i < NODES; i++) {
        nodes[i].value = random_next();
        nodes[i].next = i + 1 < NODES ? &nodes[i + 1] : 0;
    }
    for (struct node *node = sort_list(nodes, NODES); node; node = node->next)
        sum += node->value * ++place;
    return sum;
}

/* 8. Queens on a board, by bit masks: recursion, calls and returns. */

static u32 queens(u32 columns, u32 left_diagonals, u32 right_diagonals)
{
    const u32 all = (1U << QUEENS) - 1;
    u32 solutions = 0;

    if (columns == all)
        return 1;
    for (u32 free = all & ~(columns | left_diagonals | right_diagonals); free; free &= free - 1) {
        u32 bit = free & -free;

        solutions += queens(columns | bit, (left_diagonals | bit) << 1, (right_diagonals | bit) >> 1);
    }
    return solutions;
}

static u64 queens_kernel(void)
{
    u64 sum = 0;

    for (u32 i = 0; i < 8; i++)
        sum = sum * 7 + queens(0, 0, random_next() & 3);
    return sum;
}

static u64 (*const kernels[])(void) = {
    crc_kernel, sort_kernel, hash_kernel, matrix_kernel, string_kernel, scanner_kernel, list_kernel, queens_kernel,
};

u64 run_rounds(u64 rounds)
{
    u64 sum = 0;

    prepare_crc();
    for (u64 round = 0; round < rounds; round++)
        for (u32 i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
            random_state = sum + round;
            sum = fold(sum, kernels[i]());
        }
    return sum;
}
