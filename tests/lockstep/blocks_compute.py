"""Blocks of unprivileged code: computation, memory, control transfer, atomics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.isa.rows import Lift
from tests.lockstep.layout import BASES, COUNTER, DATA, TARGETS, UNMAPPED
from tests.lockstep.operands import is_memory, random_value, random_word, writes
from tests.lockstep.program import ATOMICS

if TYPE_CHECKING:
    from emulator.isa.rows import Row
    from tests.lockstep.program import Block, Builder

LINK = tuple(number for number in TARGETS if number)


def _computes(row: Row) -> bool:
    """No memory, no jump, no CSR, and no hidden write to a base register."""
    return row.lift is Lift.INLINE and not is_memory(row) and writes(row) in (None, *TARGETS)


def _accesses(row: Row) -> bool:
    return row.lift is Lift.INLINE and is_memory(row) and row.extension not in ATOMICS


def _branches(row: Row) -> bool:
    return row.relative and row.length == 4 and "{rs2}" in row.format.syntax


def straight(build: Builder, *extensions: str, count: int = 12) -> None:
    """Random computation with the instructions of some extensions."""
    rows = build.rows(*extensions, fits=_computes)
    for _ in range(build.random.randrange(4, count)):
        build.random_row(build.random.choice(rows))


def compute(*extensions: str) -> Block:
    """A block of computation with the instructions of these extensions."""

    def block(build: Builder) -> None:
        with build.guarded():
            straight(build, *extensions)

    return block


def move_base(build: Builder) -> None:
    """Another address in a base register; often near the end of a page or line."""
    number = build.random.choice(BASES)
    address = build.data_address()
    kind = build.random.random()
    if kind < 0.3:
        address = (address & ~0xFFF) - build.random.randrange(0, 16)
    elif kind < 0.8:
        address &= ~7
    build.code.constant(number, build.tagged(max(address, DATA + 2048)))


def access(*extensions: str) -> Block:
    """A block of loads and stores, aligned or not, with computation in between."""

    def block(build: Builder) -> None:
        rows = build.rows(*extensions, fits=_accesses)
        with build.guarded():
            move_base(build)
            for _ in range(build.random.randrange(4, 12)):
                build.random_row(build.random.choice(rows))
                if build.random.random() < 0.2:
                    straight(build, count=6)

    return block


def branches(build: Builder) -> None:
    """Forward branches, taken or not, over a little computation."""
    rows = build.rows(fits=_branches)
    with build.guarded():
        for _ in range(build.random.randrange(1, 4)):
            over = build.code.label("over")
            row = build.random.choice(rows)
            left = build.random.randrange(32)
            right = left if build.random.random() < 0.2 else build.random.randrange(32)
            build.code.jump(row.name, over, rs1=left, rs2=right)
            straight(build, count=7)
            build.code.place(over)


def short_branches(build: Builder) -> None:
    """The same with compressed branches and jumps."""
    with build.guarded():
        for _ in range(build.random.randrange(1, 4)):
            over = build.code.label("over")
            if build.random.random() < 0.3:
                build.code.jump("c.j", over)
            else:
                name = build.random.choice(("c.beqz", "c.bnez"))
                build.code.jump(name, over, rs1=build.random.randrange(8, 16))
            straight(build, count=7)
            build.code.place(over)


def loop(build: Builder) -> None:
    """A few turns of computation and memory accesses: code that runs more than once."""
    with build.guarded():
        build.code.op("addi", rd=COUNTER, rs1=0, imm=build.random.randrange(2, 24))
        top = build.code.label("top")
        build.code.place(top)
        rows = build.rows(fits=lambda row: _computes(row) or _accesses(row))
        for _ in range(build.random.randrange(3, 12)):
            build.random_row(build.random.choice(rows))
        build.code.op("addi", rd=COUNTER, rs1=COUNTER, imm=-1)
        build.code.jump("bne", top, rs1=COUNTER, rs2=0)


def jumps(build: Builder) -> None:
    """JAL, and JALR through a register whose lowest bit is ignored, with a little garbage jumped over."""
    with build.guarded():
        for _ in range(build.random.randrange(1, 4)):
            target = build.code.label("target")
            if build.random.random() < 0.4:
                build.code.jump("jal", target, rd=build.random.choice(TARGETS))
            else:
                offset = build.random.randrange(-2048, 2048)
                number = build.random.choice(LINK)
                build.code.address(number, target, -offset + (build.random.random() < 0.3))
                _through(build, number, offset)
            build.code.word(build.random.getrandbits(32) | 3, 4)
            build.code.place(target)


def _through(build: Builder, number: int, offset: int) -> None:
    short = build.cpu.has("c") and build.random.random() < 0.3
    if short:
        build.code.op("addi", rd=number, rs1=number, imm=offset)
        build.code.op(build.random.choice(("c.jr", "c.jalr")), rs1=number)
    else:
        build.code.op("jalr", rd=build.random.choice(TARGETS), rs1=number, imm=offset)


def stack_moves(build: Builder) -> None:
    """C.ADDI16SP, which no other block may have: it moves a base register."""
    with build.guarded():
        row = build.rows("c", fits=lambda row: row.name == "c.addi16sp")[0]
        build.code.word(random_word(build.random, row), 2)
        straight(build, "c", count=6)
        build.code.constant(2, build.data_address() & ~7)


def amo(build: Builder) -> None:
    """Atomic memory operations."""
    rows = build.rows(fits=lambda row: row.name.startswith("amo"))
    for _ in range(build.random.randrange(2, 6)):
        with build.guarded():
            number = build.random.choice(BASES)
            mask = ~0 if "misaligned" in build.cpu.missing else ~15  # `explained.MISALIGNED_ATOMICS`
            build.code.constant(number, build.data_address() & mask)
            for _ in range(build.random.randrange(1, 4)):
                row = build.random.choice(rows)
                build.code.word(random_word(build.random, row) & ~(31 << 15) | number << 15, 4)


def reserved(build: Builder) -> None:
    """LR, something in between, SC: to the same address or another (no trap comes between: `explained.LOST`)."""
    with build.guarded():
        address = build.data_address() & ~7
        first, other = build.random.sample(BASES, 2)
        build.code.constant(first, address)
        build.code.constant(other, address + build.random.choice((0, 0, 4, 8, 64)))
        build.code.op(build.random.choice(("lr.w", "lr.d")), rd=build.random.choice(TARGETS), rs1=first, aqrl=0)
        if build.random.random() < 0.5:
            straight(build, "i", count=6)
        for _ in range(build.random.randrange(1, 3)):
            name, base = build.random.choice(("sc.w", "sc.d")), build.random.choice((first, first, other))
            aligned = "sc.w" if base == other else name
            rd, source = build.random.choice(TARGETS), build.random.randrange(32)
            build.code.op(aligned, rd=rd, rs1=base, rs2=source, aqrl=build.random.randrange(4))


def waits(build: Builder) -> None:
    """WRS.NTO and WRS.STO with a reservation, which has been stored to: they end at once."""
    with build.guarded():
        number = build.random.choice(BASES)
        build.code.constant(number, build.data_address() & ~7)
        build.code.op("lr.w", rd=build.random.choice(TARGETS), rs1=number, aqrl=0)
        build.code.op("sw", rs1=number, rs2=5, imm=0)
        build.code.op(build.random.choice(("wrs.nto", "wrs.sto")))


def cache_blocks(*, faults: bool = False) -> Block:
    """CBO instructions in some privilege, enabled by menvcfg and senvcfg or not, anywhere in their blocks.

    Where one can fault, CBO.ZERO is given the beginning of the block (`explained.BLOCK_TVAL`).
    """

    def block(build: Builder) -> None:
        build.raise_privilege()
        for name in ("menvcfg", "senvcfg"):
            build.write_csr(
                name, build.random.choice((0xD0, 0xF0, 0xF0, 0x90, 0x40, 0x80, build.random.getrandbits(8) & ~1))
            )
        rows = build.rows("zicbom", "zicboz", fits=lambda row: row.name.startswith("cbo"))
        build.enter(build.random.choice((0, 1, 3)))
        for _ in range(build.random.randrange(2, 6)):
            with build.guarded():
                number = build.random.choice(BASES)
                row = build.random.choice(rows)
                address = build.data_address(64)
                if faults and build.random.random() < 0.1:
                    address = build.random.choice(UNMAPPED)
                build.code.constant(number, address & ~63 if faults and row.name == "cbo.zero" else address)
                build.code.word(random_word(build.random, row) & ~(31 << 15) | number << 15, 4)

    return block


def lone_conditional(build: Builder) -> None:
    """SC without a reservation, also where there is no memory."""
    number = build.random.choice(BASES)
    nowhere = build.random.random() < 0.2
    with build.guarded():
        build.code.constant(number, (build.random.choice(UNMAPPED) if nowhere else build.data_address()) & ~7)
        for _ in range(2):
            build.code.op("sc.w", rd=build.random.choice(TARGETS), rs1=number, rs2=5, aqrl=0)


def self_modifying(build: Builder) -> None:
    """Code written into the data area, made visible by FENCE.I, and called."""
    pick = build.random
    number = pick.choice(BASES)
    source = pick.choice(LINK)
    with build.guarded():
        for _ in range(pick.randrange(1, 3)):
            build.code.constant(number, build.data_address() & ~7)
            row = pick.choice(build.rows("i", fits=lambda row: _computes(row) and row.length == 4))
            ret = 0x00028067 | 0  # jr x5
            build.code.constant(
                source if source != 5 else 6, random_word(pick, row, targets=tuple(LINK[4:])) | ret << 32
            )
            build.code.op("sd", rs1=number, rs2=source if source != 5 else 6, imm=0)
            build.code.op("fence.i", rd=0, rs1=0, imm=0)
            build.code.op("jalr", rd=5, rs1=number, imm=0)


def reload(build: Builder) -> None:
    """Fresh values in a few registers, so that they do not all run dry."""
    with build.guarded():
        for _ in range(build.random.randrange(1, 5)):
            build.code.constant(build.random.choice(LINK), random_value(build.random))
