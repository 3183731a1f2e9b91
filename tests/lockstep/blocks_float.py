"""Blocks of floating point: operands that find mistakes, every rounding mode, flags, and FS in each state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MSTATUS_FS
from emulator.hart.floatformats import DOUBLE, HALF, SINGLE
from emulator.isa.rows import RESERVED_MODES, RM_SHIFT, Lift
from tests.lockstep.handlers import csr
from tests.lockstep.layout import TARGETS
from tests.lockstep.operands import is_memory, random_value, random_word

if TYPE_CHECKING:
    from random import Random

    from emulator.hart.floatformats import FloatFormat
    from emulator.isa.rows import Row
    from tests.lockstep.program import Block, Builder

LINK: Final = tuple(number for number in TARGETS if number)
MODES: Final = (0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7)
"""What `frm` is set to, a reserved value now and then."""
SCRATCH: Final = 31


def float_value(pick: Random, form: FloatFormat) -> int:
    """A register that holds a number: an edge, one near one with few bits, or anything; rarely not boxed."""
    kind = pick.random()
    if kind < 0.35:
        least = 1 << form.fraction
        edges = (0, 1, least - 1, least, form.infinity - 1, form.infinity, form.nan, form.infinity + 1, form.one)
        magnitude = pick.choice(edges)
    elif kind < 0.75:
        away = min(pick.choice((3, 30, 70)), form.bias - 1)
        exponent = form.bias + pick.randrange(-away, away + 1)
        # Few bits in the fraction, so that sums and products are exact, or ties.
        kept = pick.randrange(form.fraction + 1)
        fraction = pick.getrandbits(form.fraction) >> kept << kept
        magnitude = exponent << form.fraction | fraction
    else:
        magnitude = pick.getrandbits(form.width - 1)
    bits = magnitude | pick.getrandbits(1) * form.sign
    return bits | pick.getrandbits(16) << 48 if pick.random() < 0.03 else form.box(bits)


def _formats(build: Builder) -> tuple[FloatFormat, ...]:
    if not build.cpu.has("d"):
        return (SINGLE,)
    return (SINGLE, DOUBLE, HALF) if build.cpu.has("zfhmin") else (SINGLE, DOUBLE)


def _load(build: Builder, number: int, form: FloatFormat) -> None:
    build.code.constant(SCRATCH, float_value(build.random, form))
    build.code.op("fmv.d.x" if build.cpu.has("d") else "fmv.w.x", rd=number, rs1=SCRATCH)


def begin(build: Builder) -> None:
    """FS on, and a value in every f register."""
    build.code.constant(SCRATCH, MSTATUS_FS)
    build.code.op("csrrs", rd=0, rs1=SCRATCH, imm=csr("mstatus"))
    for number in range(32):
        _load(build, number, build.random.choice(_formats(build)))


def reload(build: Builder) -> None:
    """Fresh values in some f registers, most of them of one format."""
    usual = build.random.choice(_formats(build))
    with build.guarded():
        for _ in range(build.random.randrange(2, 8)):
            other = build.random.choice(_formats(build))
            _load(build, build.random.randrange(32), usual if build.random.random() < 0.9 else other)


def mode(build: Builder) -> None:
    """Another rounding mode."""
    with build.guarded():
        build.code.op("csrrwi", rd=0, rs1=build.random.choice(MODES), imm=csr("frm"))


def flags(build: Builder) -> None:
    """`fflags`, `frm` and `fcsr` read and written."""
    pick = build.random
    with build.guarded():
        for _ in range(pick.randrange(1, 4)):
            target, name = pick.choice(TARGETS), pick.choice(("fflags", "frm", "fcsr"))
            kind = pick.choice(("csrrw", "csrrs", "csrrc", "csrrs"))
            source = 0 if kind == "csrrs" and pick.random() < 0.7 else pick.choice(LINK)
            build.code.op(kind, rd=target, rs1=source, imm=csr(name))


def _computes(row: Row) -> bool:
    return row.lift is Lift.INLINE and not is_memory(row) and "{f" in row.target.format.syntax


def _row(build: Builder, row: Row) -> None:
    """A random instruction of a row; now and then with a reserved rounding mode."""
    word = random_word(build.random, row)
    if row.rounds and build.random.random() < 0.02:
        word = word & ~(7 << RM_SHIFT) | build.random.choice(RESERVED_MODES) << RM_SHIFT
    build.code.word(word, row.length)


def compute(*extensions: str) -> Block:
    """Random computation with the floating-point instructions of these extensions."""

    def block(build: Builder) -> None:
        rows = build.rows(*extensions, fits=_computes)
        with build.guarded():
            for _ in range(build.random.randrange(6, 24)):
                _row(build, build.random.choice(rows))

    return block


def status(*extensions: str) -> Block:
    """FS off, initial or clean: an exception, or a register or flag that makes it dirty."""

    def block(build: Builder) -> None:
        pick = build.random
        rows = build.rows(*extensions, fits=_computes)
        build.code.constant(SCRATCH, MSTATUS_FS)
        build.code.op("csrrc", rd=0, rs1=SCRATCH, imm=csr("mstatus"))
        build.code.constant(SCRATCH, pick.choice((0, 1, 2, 2)) << 13)
        build.code.op("csrrs", rd=0, rs1=SCRATCH, imm=csr("mstatus"))
        with build.guarded():
            _row(build, pick.choice(rows))
            build.code.op("csrrs", rd=pick.choice(LINK), rs1=0, imm=csr("mstatus"))
            _row(build, pick.choice(rows))
        build.code.op("csrrs", rd=pick.choice(LINK), rs1=0, imm=csr("mstatus"))
        build.code.constant(SCRATCH, MSTATUS_FS)
        build.code.op("csrrs", rd=0, rs1=SCRATCH, imm=csr("mstatus"))

    return block


def integers(build: Builder) -> None:
    """Fresh integers to convert."""
    with build.guarded():
        for _ in range(build.random.randrange(1, 5)):
            build.code.constant(build.random.choice(LINK), random_value(build.random))
