/* Loads from `hot_pages` pages in turn, `hot_rounds` times, in S-mode or (`hot_space` GUEST_SV39) in VS-mode.
 *
 * M-mode makes the tables, which map every address to itself: code and stack by pages of 2 MiB, data by pages of 4 KiB.
 * `hot_tag` is what every pointer to data carries in bits 63:57; with one, menvcfg.PMM masks them.
 */
#include "../support/board.h"

#define PATCHED __attribute__((section(".data")))

#define BARE 0
#define SV39 1
#define GUEST_SV39 2 /* Sv39 over Sv39x4 */

volatile u64 hot_rounds PATCHED = 1000;
volatile u64 hot_pages PATCHED = 64;
volatile u64 hot_space PATCHED = SV39;
volatile u64 hot_tag PATCHED = 0;

#define PAGE 4096UL
#define RAM 0x80000000UL
#define DATA 0x81000000UL
#define DATA_TABLES 8 /* of 512 pages each */
#define STEP (PAGE + 64)

#define LEAF 0xcfUL /* V R W X A D */
#define USER 0x10UL
#define POINTER 0x01UL
#define MODE_SV39 (8UL << 60)
#define PMM_7 (2UL << 32)
#define MPP_S (1UL << 11)
#define MPP (3UL << 11)
#define MPV (1UL << 39)
#define CALL_FROM_S 9
#define CALL_FROM_VS 10

#define csr_write(csr, value) __asm__ volatile("csrw " #csr ", %0" : : "r"(value) : "memory")

typedef u64 table[512];

struct tables {
    table root[4]; /* four pages, as a G-stage has */
    table middle;
    table last[DATA_TABLES];
} __attribute__((aligned(16384)));

static struct tables first, second;
static volatile u64 result;

static void fill(struct tables *tables, u64 flags)
{
    tables->root[0][RAM >> 30] = (u64)tables->middle >> 2 | POINTER;
    for (u64 at = RAM; at < DATA; at += 512 * PAGE)
        tables->middle[at >> 21 & 511] = at >> 2 | LEAF | flags;
    for (int i = 0; i < DATA_TABLES; i++) {
        tables->middle[(DATA >> 21 & 511) + i] = (u64)tables->last[i] >> 2 | POINTER;
        for (int j = 0; j < 512; j++)
            tables->last[i][j] = (DATA + (512UL * i + j) * PAGE) >> 2 | LEAF | flags;
    }
}

__attribute__((noinline)) u64 hot_loop(u64 rounds, u64 pages, u64 start)
{
    u64 sum = 0;

    for (u64 round = 0; round < rounds; round++)
        for (u64 at = start, end = start + pages * STEP; at != end; at += STEP)
            sum += *(volatile u64 *)at + round;
    return sum;
}

static void supervisor(void)
{
    result = hot_loop(hot_rounds, hot_pages, DATA | hot_tag << 57);
    __asm__ volatile("ecall" : : : "memory");
}

void trap(u64 cause, u64 epc, u64 tval)
{
    if (cause == CALL_FROM_S || cause == CALL_FROM_VS) {
        put_text("spaces ");
        put_hex(result);
        put_text("\n");
        power_off(0);
    }
    put_text("spaces: trap ");
    put_hex(cause);
    put_text(" at ");
    put_hex(epc);
    put_text(", ");
    put_hex(tval);
    put_text("\n");
    power_off(1);
}

int main(void)
{
    u64 satp = MODE_SV39 | (u64)first.root >> 12;

    fill(&first, 0);
    fill(&second, USER);
    csr_write(pmpaddr0, ~0UL >> 10);
    csr_write(pmpcfg0, 0x1fUL);
    csr_clear(mstatus, MPP);
    csr_set(mstatus, MPP_S);
    if (hot_tag)
        csr_set(menvcfg, PMM_7);
    if (hot_space == SV39)
        csr_write(satp, satp);
    if (hot_space == GUEST_SV39) {
        csr_write(0x280, satp);                               /* vsatp */
        csr_write(0x680, MODE_SV39 | (u64)second.root >> 12); /* hgatp */
        csr_set(mstatus, MPV);
    }
    csr_write(mepc, (u64)supervisor);
    __asm__ volatile("mret" : : : "memory");
    return 1;
}
