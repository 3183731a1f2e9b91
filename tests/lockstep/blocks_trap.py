"""Blocks about privilege: traps, delegation, returns, interrupts, waiting."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from emulator.isa.extensions import satisfied
from emulator.isa.table import decode
from tests.lockstep.explained import AVOIDED_CSRS
from tests.lockstep.handlers import csr
from tests.lockstep.layout import BASES, RAISE, TARGETS, UNMAPPED
from tests.lockstep.operands import is_memory, random_value, random_word
from tests.lockstep.program import ATOMICS, MPRV

if TYPE_CHECKING:
    from emulator.isa.rows import Row
    from tests.lockstep.program import Builder

USER: Final = 0
SUPERVISOR: Final = 1
MACHINE: Final = 3

ILLEGAL_INSTRUCTION: Final = 1 << 2
CALL_FROM_S: Final = 1 << 9
TW: Final = 1 << 21
TSR: Final = 1 << 22
DELEGATED: Final = 0xB3FE
"""Bits of medeleg that are writable in both machines; bit 0 only where instructions have four bytes."""
STORES: Final = ("sb", "sh", "sw", "sd", "hs")
"""How the names of stores begin: of those of integer registers, and of those into a guest's memory."""
SUPERVISOR_INTERRUPTS: Final = 0x222


def settle_traps(build: Builder) -> None:
    """To M-mode, with SRET allowed (so that the supervisor's handler can return) and interrupts off."""
    build.raise_privilege()
    build.code.constant(31, TSR | TW | 1 << 3)
    build.code.op("csrrc", rd=0, rs1=31, imm=csr("mstatus"))


def change_privilege(build: Builder) -> None:
    """To another privilege, through M-mode."""
    settle_traps(build)
    build.enter(build.random.choice((USER, USER, SUPERVISOR, SUPERVISOR, MACHINE)))


def delegate(build: Builder) -> None:
    """New delegation. Never both of the causes that `Builder.raise_privilege` counts on."""
    value = random_value(build.random) & (DELEGATED if build.cpu.has("c") else DELEGATED | 1)
    if build.spaces:
        value &= ~CALL_FROM_S  # behind it, S-mode would go on where U-mode was, in a space that has no code for it
    if value & CALL_FROM_S:
        value &= ~ILLEGAL_INSTRUCTION
    settle_traps(build)
    with build.guarded():
        build.code.constant(31, value)
        build.code.op("csrrw", rd=build.random.choice(TARGETS), rs1=31, imm=csr("medeleg"))
        build.code.op("csrrs", rd=build.random.choice(TARGETS), rs1=0, imm=csr("medeleg"))
        build.write_csr("mideleg", random_value(build.random))
    if build.random.random() < 0.8:
        build.enter(build.random.choice((USER, SUPERVISOR)))


def calls(build: Builder) -> None:
    """ECALL and EBREAK."""
    names = ["ecall", "ebreak"] + ["c.ebreak"] * build.cpu.has("c")
    with build.guarded():
        build.code.op(build.random.choice(names))
        build.code.align(4 if not build.cpu.has("c") else 2)


def _nothing(pick: Random, *, compressed: bool) -> tuple[int, int]:
    """An encoding that no row of this machine has, and its length."""
    while True:
        length = 2 if compressed and pick.random() < 0.3 else 4
        word = pick.getrandbits(16) if length == 2 else pick.getrandbits(32) | 3
        known_major = length == 2 or word & 0x7F in (0x03, 0x13, 0x1B, 0x23, 0x33, 0x3B, 0x63, 0x67, 0x73, 0x2F, 0x0F)
        right_length = (word & 3 != 3) if length == 2 else word & 0x1C != 0x1C
        if known_major and right_length and decode(word) is None:
            return word, length


def illegal(build: Builder) -> None:
    """An encoding that means nothing."""
    word, length = _nothing(build.random, compressed=build.cpu.has("c"))
    with build.guarded():
        build.code.word(word, length)
        build.code.align(2 if build.cpu.has("c") else 4)


def missing_extension(build: Builder) -> None:
    """An instruction of an extension that the hart has not."""
    from emulator.isa.table import ROWS  # noqa: PLC0415

    rows = [row for row in ROWS if not satisfied(row.extension, build.cpu.extensions) and not _touches_avoided(row)]
    if not rows:
        return
    row = build.random.choice(rows)
    with build.guarded():
        build.code.word(random_word(build.random, row), row.length)
        build.code.align(4)


def _touches_avoided(row: Row) -> bool:
    return "{csr}" in row.format.syntax and bool(AVOIDED_CSRS)


def bad_access(build: Builder) -> None:
    """A load, store or jump where there is nothing, also one that only begins or ends there."""
    pick = build.random
    number = pick.choice(BASES)
    rows = build.rows(fits=lambda row: is_memory(row) and row.length == 4 and row.name[:2] not in ("lr", "sc"))
    for _ in range(pick.randrange(1, 3)):
        with build.guarded():
            row = pick.choice(rows)
            before = 0 if row.extension in ATOMICS or row.name[:2] in STORES else pick.choice((0, 0, 0, 1, 3, 4, 7))
            address = pick.choice(UNMAPPED) - before
            aligned = 64 if row.name == "cbo.zero" else 16 if row.extension in ATOMICS else 1  # `explained.BLOCK_TVAL`
            build.code.constant(number, address & -aligned)
            if pick.random() < 0.2:
                build.code.op("jalr", rd=pick.choice(TARGETS), rs1=number, imm=0)
            else:
                word = random_word(pick, row) & ~(31 << 15) | number << 15
                build.code.word(word & ~_immediate(row), 4)
        build.code.constant(number, build.data_address() & ~7)


def _immediate(row: Row) -> int:
    """The bits of a row's immediate: the address is meant to be the register's."""
    bits = 0
    for part in row.format.operands:
        if part.role == "imm":
            for piece in part.slices:
                bits |= (1 << piece.width) - 1 << piece.source
    return bits


def misaligned_jump(build: Builder) -> None:
    """Jumps and branches to a halfword that is no instruction's beginning where instructions have four bytes."""
    pick = build.random
    with build.guarded():
        kind = pick.randrange(3)
        if kind == 0:
            build.code.op("jal", rd=pick.choice(TARGETS), imm=pick.choice((6, 10)))
        elif kind == 1:
            build.code.op("beq", rs1=5, rs2=5, imm=pick.choice((6, 10)))
        else:
            after = build.code.label()
            build.code.address(5, after)
            build.code.op("jalr", rd=pick.choice(TARGETS), rs1=5, imm=2)
            build.code.place(after)
        for _ in range(3):
            build.code.op("addi", rd=0, rs1=0, imm=0)


def returns(build: Builder) -> None:
    """MRET and SRET from wherever: allowed, or illegal. What they return to is prepared."""
    pick = build.random
    name = pick.choice(("mret", "sret", "sret"))
    after = build.code.label()
    with build.guarded():
        build.code.address(31, after)
        build.code.op("csrrw", rd=0, rs1=31, imm=csr("sepc"))
        if name == "mret" or pick.random() < 0.3:
            build.code.op("csrrw", rd=0, rs1=31, imm=csr("mepc"))
        build.code.op(name)
    build.code.place(after)


def trapped_return(build: Builder) -> None:
    """SRET under TSR, WFI under TW, both from S-mode: illegal, to M-mode."""
    pick = build.random
    settle_traps(build)
    build.write_csr("medeleg", 0)
    build.code.constant(31, TSR | TW)
    build.code.op("csrrs", rd=0, rs1=31, imm=csr("mstatus"))
    build.enter(SUPERVISOR)
    with build.guarded():
        build.code.op(pick.choice(("sret", "wfi")))
    settle_traps(build)
    build.enter(pick.choice((USER, SUPERVISOR, MACHINE)))


def user_wait(build: Builder) -> None:
    """WFI in U-mode, where it is illegal; in M-mode, something pending ends it at once."""
    settle_traps(build)
    build.write_csr("mie", SUPERVISOR_INTERRUPTS)
    build.write_csr("mip", 1 << build.random.choice((1, 5, 9)))
    with build.guarded():
        build.code.op("wfi")
    build.write_csr("mip", 0)
    build.enter(USER)
    with build.guarded():
        build.code.op("wfi")


def interrupts(build: Builder) -> None:
    """Supervisor interrupts made pending by software, delegated or not, where they are enabled or not."""
    pick = build.random
    settle_traps(build)
    with build.guarded():
        build.write_csr("mideleg", pick.getrandbits(16))
        build.write_csr("mie", pick.getrandbits(16))
        build.write_csr("mip", pick.getrandbits(12))
        build.code.op(
            pick.choice(("csrrsi", "csrrci")), rd=pick.choice(TARGETS), rs1=pick.choice((2, 8, 10)), imm=csr("mstatus")
        )
    build.raise_privilege()
    build.enter(pick.choice((USER, SUPERVISOR)))
    with build.guarded():
        build.code.op(pick.choice(("csrrsi", "csrrci")), rd=pick.choice(TARGETS), rs1=2, imm=csr("sstatus"))
        build.code.op("csrrsi", rd=pick.choice(TARGETS), rs1=2, imm=csr("sip"))
        build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr("sie"))


def borrowed_privilege(build: Builder) -> None:
    """Loads and stores from M-mode under MPRV."""
    pick = build.random
    settle_traps(build)
    build.code.constant(31, 3 << 11)
    build.code.op("csrrc", rd=0, rs1=31, imm=csr("mstatus"))
    build.code.constant(31, MPRV | pick.choice((USER, SUPERVISOR, MACHINE)) << 11)
    build.code.op("csrrs", rd=0, rs1=31, imm=csr("mstatus"))
    rows = build.rows("i", fits=is_memory)
    for _ in range(pick.randrange(1, 4)):
        with build.guarded():
            build.random_row(pick.choice([row for row in rows if row.name != "jalr"]))
    build.code.constant(31, MPRV)
    with build.guarded():
        build.code.op("csrrc", rd=0, rs1=31, imm=csr("mstatus"))
    build.code.op("addi", rd=RAISE, rs1=0, imm=0)


def fences(build: Builder) -> None:
    """SFENCE.VMA, also where TVM or the privilege forbids it; FENCE in all its forms."""
    pick = build.random
    with build.guarded():
        build.code.op("sfence.vma", rs1=pick.randrange(32), rs2=pick.randrange(32))
    with build.guarded():
        build.random_row(build.rows("i", fits=lambda row: row.name == "fence")[0])
