"""The transformed instruction: what `mtinst` and `htinst` tell of a load or store (manual volume II, "H").

It is the instruction without what only the address needs: the immediate is zero, and rs1's place holds how far behind
the first byte the faulting part is. Of a compressed one it is that of its expansion, with bit 1 clear.
"""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Final

from emulator.isa import rows
from emulator.isa.domain import routine
from emulator.isa.table import ROWS

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value
    from emulator.isa.rows import Operand, Row

FORMATS: Final = (
    *(rows.LOAD, rows.FLOAT_LOAD, rows.S, rows.FLOAT_STORE),
    *(rows.AMO, rows.LR, rows.AMO_PAIR, rows.GUEST_LOAD, rows.GUEST_STORE),
)
"""The formats of instructions for which a transformation is defined."""

OPCODE: Final = 0x7F
RS1_SHIFT: Final = 15
COMPRESSED: Final = 1 << 1
"""The bit that is clear in the transformation of a compressed instruction."""


def place(part: Operand) -> int:
    """The bits of an encoding that hold an operand."""
    return sum(((1 << piece.width) - 1) << piece.source for piece in part.slices)


def kept_bits(row: Row) -> int:
    """What a transformation keeps of a 4-byte encoding: everything but rs1 and the immediate."""
    replaced = sum(place(part) for part in row.format.operands if part.role in ("rs1", "imm"))
    return 0xFFFF_FFFF & ~replaced


def _families() -> list[tuple[int, int, int]]:
    """Mask and match of the encodings that keep the same bits of the same opcode, and what they keep."""
    found: dict[tuple[int, int], list[Row]] = {}
    for row in ROWS:
        if row.length == 4 and row.format in FORMATS:
            found.setdefault((row.match & OPCODE, kept_bits(row)), []).append(row)
    families = []
    for (_, kept), members in found.items():
        ones = reduce(and_, (row.mask & row.match for row in members))
        zeros = reduce(and_, (row.mask & ~row.match for row in members))
        families.append((ones | zeros, ones, kept))
    return families


def _moved(d: Domain, bits: Value, source: Operand, target: Operand) -> Value:
    """An operand of one encoding as another has it."""
    value: Value = source.bias
    for piece in source.slices:
        part = d.and_(d.lshr(bits, piece.source), (1 << piece.width) - 1)
        value = d.add(value, d.shl(part, piece.target))
    placed: Value = 0
    for piece in target.slices:
        part = d.and_(d.lshr(value, piece.target), (1 << piece.width) - 1)
        placed = d.or_(placed, d.shl(part, piece.source))
    return placed


def _expanded(d: Domain, bits: Value, row: Row) -> Value:
    """The transformation of a compressed row's expansion, but for the offset."""
    given = {part.role: part for part in row.format.operands}
    word: Value = row.target.match & ~COMPRESSED
    for part in row.target.format.operands:
        if part.role in given and part.role not in ("rs1", "imm"):
            word = d.or_(word, _moved(d, bits, given[part.role], part))
    return word


@routine(params=2)
def transformed(d: Domain, bits: Value, offset: Value) -> None:
    """The transformation of an instruction whose part at `offset` faulted; 0 where none is defined."""
    distance = d.shl(d.and_(offset, 31), RS1_SHIFT)
    for mask, match, kept in _families():
        for _ in d.when(d.eq(d.and_(bits, mask), match)):
            d.ret(d.or_(d.and_(bits, kept), distance))
    for row in ROWS:
        if row.length == 2 and row.target.format in FORMATS:
            for _ in d.when(d.eq(d.and_(bits, row.mask), row.match)):
                d.ret(d.or_(_expanded(d, bits, row), distance))
    d.ret(0)
