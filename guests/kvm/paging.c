/* Sv39: the guest's memory where it is, and once more at the top of the address space, where a tag's sign bit is 1. */
#include "guest.h"

#define VALID 1UL
#define LEAF 0xceUL /* R, W, X, A, D */
#define USER 0x10UL
#define SATP_SV39 (8UL << 60)
#define SATP_ASID_SHIFT 44
#define PAGE 4096UL
#define MEGAPAGE (PAGE * 512)
#define GIGAPAGE (MEGAPAGE * 512)
#define ALIAS_INDEX 256

extern char __user_start[], __user_end[], _start[];

static u64 root[512] __attribute__((aligned(4096)));
static u64 middle[512] __attribute__((aligned(4096)));
static u64 pages[512] __attribute__((aligned(4096)));

volatile u64 window[512] __attribute__((aligned(4096)));
static volatile u64 behind[512] __attribute__((aligned(4096)));

static u64 entry(u64 address, u64 bits)
{
    return address >> 12 << 10 | bits;
}

static void fill_tables(void)
{
    u64 base = (u64)_start / MEGAPAGE * MEGAPAGE;
    u64 index = base / GIGAPAGE;

    for (u64 page = 0; page < 512; page++) {
        u64 address = base + page * PAGE;
        int user = address >= (u64)__user_start && address < (u64)__user_end;

        pages[page] = entry(address, VALID | LEAF | (user ? USER : 0));
    }
    window[0] = WINDOW_BEFORE;
    behind[0] = WINDOW_AFTER;
    middle[base % GIGAPAGE / MEGAPAGE] = entry((u64)pages, VALID);
    root[index] = entry((u64)middle, VALID);
    root[ALIAS_INDEX + index] = entry((u64)middle, VALID);
}

/* The first hart makes the tables, every hart uses them, each with an ASID of its own: its number and 1. */
void turn_on_paging(void)
{
    if (!root[ALIAS_INDEX + (u64)_start / GIGAPAGE])
        fill_tables();
    csr_write(satp, SATP_SV39 | (this_hart->id + 1) << SATP_ASID_SHIFT | (u64)root >> 12);
    __asm__ volatile("sfence.vma" : : : "memory");
    csr_set(sstatus, SSTATUS_SUM);
}

/* Other memory is in the window from now on; who has looked through it before needs a fence. */
void move_window(void)
{
    pages[(u64)window % MEGAPAGE / PAGE] = entry((u64)behind, VALID | LEAF);
}
