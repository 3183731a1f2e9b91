"""Blocks about physical memory protection: random entries over the data area, and accesses at their borders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.lockstep.blocks_trap import SUPERVISOR, USER, settle_traps
from tests.lockstep.handlers import csr
from tests.lockstep.layout import BASES, DATA, DATA_SIZE, TARGETS
from tests.lockstep.operands import is_memory, random_word
from tests.lockstep.program import ATOMICS

if TYPE_CHECKING:
    from tests.lockstep.program import Builder

FREE: Final = range(2, 15)
"""Entries that programs change: 0 and 1 keep handlers, code and `tohost` within reach, 15 is the background."""
BLOCK_ENTRIES: Final = range(2, 8)
KEPT: Final = 0x1B1D
"""Entries 0 and 1 as every program begins."""
JR_X5: Final = 0x0002_8067


def random_address(build: Builder) -> int:
    """A `pmpaddr` value over the data area: a plain address, or one with trailing ones (NAPOT)."""
    pick = build.random
    word = build.data_address(8) >> 2
    if pick.random() < 0.6:
        ones = pick.randrange(0, 14)
        word = word & ~((1 << ones + 1) - 1) | (1 << ones) - 1
    elif pick.random() < 0.5:
        word &= ~(0x3FF if pick.random() < 0.5 else 0xF)
    return word


def block_entries(build: Builder) -> None:
    """New entries, all TOR or all NAPOT, that part no cache block (`explained.BLOCK_BORDERS`)."""
    pick = build.random
    settle_traps(build)
    ranges, borders = pick.random() < 0.4, []
    for _ in BLOCK_ENTRIES:
        word, ones = build.data_address(8) >> 2, pick.randrange(3, 14)
        borders.append(word & ~15 if ranges else word & ~((1 << ones + 1) - 1) | (1 << ones) - 1)
    if ranges:
        borders.sort()
    value = KEPT
    for index, border in zip(BLOCK_ENTRIES, borders, strict=True):
        build.write_csr(f"pmpaddr{index}", border)
        value |= (pick.choice((0, 1, 1, 3, 3, 4, 5, 7)) | (0x08 if ranges else 0x18)) << 8 * index
    build.code.constant(31, value)
    build.code.op("csrrw", rd=0, rs1=31, imm=csr("pmpcfg0"))
    build.enter(pick.choice((USER, SUPERVISOR, 3)))


def entries(build: Builder) -> None:
    """New entries; a locked one now and then."""
    pick = build.random
    settle_traps(build)
    for index in pick.sample(FREE, pick.randrange(1, 5)):
        build.write_csr(f"pmpaddr{index}", random_address(build))
    group = pick.choice((0, 2))
    changed = [index for index in FREE if index // 8 == group // 2]
    mask = value = 0
    for index in pick.sample(changed, pick.randrange(1, 5)):
        byte = pick.choice((0x00, 0x08, 0x10, 0x18, 0x18)) | pick.randrange(8) | (pick.random() < 0.04) << 7
        byte |= pick.choice((0, 0, 0x20, 0x40))
        mask |= 0xFF << index % 8 * 8
        value |= byte << index % 8 * 8
    number = csr(f"pmpcfg{group}")
    build.code.constant(31, mask)
    build.code.op("csrrc", rd=pick.choice(TARGETS), rs1=31, imm=number)
    build.code.constant(31, value)
    build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=31, imm=number)
    build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=number)
    build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr(f"pmpaddr{pick.choice(FREE)}"))
    if pick.random() < 0.1:
        build.write_csr("pmpcfg2", pick.choice((0x1F, 0x19, 0x00)) << 56)
    build.enter(pick.choice((USER, SUPERVISOR, 3)))


def probes(build: Builder) -> None:
    """Loads, stores, atomics and jumps anywhere in the data area, each on its own."""
    pick = build.random
    rows = build.rows(fits=lambda row: is_memory(row) and row.length == 4 and row.name[:2] not in ("lr", "sc"))
    for _ in range(pick.randrange(3, 8)):
        with build.guarded():
            number = pick.choice(BASES)
            address = DATA + 2048 + pick.randrange(DATA_SIZE - 4096)
            row = pick.choice([row for row in rows if row.name != "jalr"])
            build.code.constant(number, address & (~15 if row.extension in ATOMICS else pick.choice((~0, ~3, ~7, ~7))))
            build.code.word(random_word(pick, row) & ~(31 << 15) | number << 15, 4)


def execute(build: Builder) -> None:
    """A return instruction written into the data area from M-mode and called from another privilege."""
    pick = build.random
    number = pick.choice(BASES)
    settle_traps(build)
    with build.guarded():
        build.code.constant(number, build.data_address() & (~1 if build.cpu.has("c") else ~3))
        build.code.constant(6, JR_X5)
        build.code.op("sw", rs1=number, rs2=6, imm=0)
        build.code.op("fence.i", rd=0, rs1=0, imm=0)
        build.enter(pick.choice((USER, SUPERVISOR, 3)))
        build.code.op("jalr", rd=5, rs1=number, imm=0)
