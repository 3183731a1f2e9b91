"""Random instructions of a row, and the values that find mistakes."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import TYPE_CHECKING, Final

from emulator.isa.table import encode
from tests.lockstep.layout import BASES, TARGETS

if TYPE_CHECKING:
    from emulator.isa.rows import Operand, Row

MASK64: Final = (1 << 64) - 1
EDGES: Final = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    1 << 63,
    (1 << 63) - 1,
    MASK64,
)
ALL: Final = tuple(range(32))


def is_memory(row: Row) -> bool:
    """Whether a row's address is a register, with or without an offset."""
    return "({rs1})" in row.format.syntax or "({sp})" in row.format.syntax


def writes(row: Row) -> int | None:
    """The register that a row writes without naming it, if any."""
    return dict(row.fixed).get("rd")


def random_value(pick: Random) -> int:
    """A 64-bit value: an edge, a short one, or anything."""
    kind = pick.random()
    if kind < 0.35:
        return pick.choice(EDGES) + pick.choice((-1, 0, 0, 1)) & MASK64
    if kind < 0.65:
        return pick.getrandbits(64)
    value = pick.getrandbits(pick.randrange(1, 64))
    return value if kind < 0.85 else -value & MASK64


def random_word(pick: Random, row: Row, *, sources: tuple[int, ...] = ALL, targets: tuple[int, ...] = TARGETS) -> int:
    """A legal encoding of a row: addresses from the base registers, results into `targets`."""
    while True:
        values: dict[str, int] = {}
        for part in row.format.operands:
            if any(other.slices == part.slices and other.role in values for other in row.format.operands):
                continue
            values[part.role] = _operand(pick, row, part, sources, targets)
        try:
            return encode(row, values)
        except ValueError:  # an immediate that must not be zero
            continue


def _operand(pick: Random, row: Row, part: Operand, sources: tuple[int, ...], targets: tuple[int, ...]) -> int:
    roles = {other.role for other in row.format.operands if other.slices == part.slices}
    if "rd" in roles:
        paired = part.slices[0].target == 1  # the odd register is written too
        return _register(pick, part, tuple(n for n in targets if n + 1 in targets) if paired else targets)
    if part.role == "rs1" and is_memory(row):
        return _register(pick, part, BASES)
    if part.role in ("rs1", "rs2"):
        return _register(pick, part, sources)
    return part.extract(pick.getrandbits(32))


def _register(pick: Random, part: Operand, wanted: tuple[int, ...]) -> int:
    return pick.choice(_fitting(part, wanted))


@cache
def _fitting(part: Operand, wanted: tuple[int, ...]) -> tuple[int, ...]:
    """Those of the wanted registers that an operand can name."""
    named = range(part.bias + part.nonzero, part.bias + (1 << part.bits))
    return tuple(number for number in wanted if number in named)
