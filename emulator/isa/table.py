"""All instruction rows together: decoding and encoding over them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from emulator.isa import (
    additional,
    atomic,
    base,
    bitmanip,
    cacheblock,
    carryless,
    compressed,
    conditional,
    floating,
    hints,
    hypervisor,
    maybe,
    muldiv,
    reservation,
    system,
)
from emulator.isa.rows import RESERVED_MODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from emulator.isa.rows import Row

PARTS: Final = (
    *(base.ROWS, base.ZIFENCEI, hints.ROWS, muldiv.ROWS, muldiv.ZMMUL, system.ZICSR, system.PRIVILEGED, system.SVINVAL),
    *(atomic.ZALRSC, atomic.ZAAMO, atomic.ZABHA, atomic.ZACAS, atomic.ZABHA_ZACAS, reservation.ROWS),
    *(bitmanip.ZBA, bitmanip.ZBB, bitmanip.SHARED, bitmanip.ZBKB, bitmanip.ZBS, carryless.ROWS, conditional.ROWS),
    *(cacheblock.ZICBOM, cacheblock.ZICBOZ, cacheblock.PREFETCHES, maybe.ZIMOP, maybe.ZCMOP),
    *(compressed.ROWS, compressed.ZCB, compressed.ZCB_ZBA, compressed.ZCB_ZBB, compressed.ZCB_ZMMUL),
    *(hypervisor.ROWS, hypervisor.INVALIDATIONS),
    *(*floating.SETS, *additional.SETS, compressed.DOUBLE_ROWS),
)
"""Every set of rows."""

ROWS: Final[tuple[Row, ...]] = tuple(row for part in PARTS for row in part.rows)
BY_NAME: Final = {row.name: row for row in ROWS}


@dataclass(frozen=True, slots=True)
class Instruction:
    """A decoded instruction.

    Attributes:
        row: Its row; a compressed one keeps its own, `row.target` is what it does.
        rd: Destination register number.
        rs1: First source register number, or the five-bit immediate of a CSR instruction.
        rs2: Second source register number.
        imm: Immediate, signed.
        aqrl: Acquire and release bits of an atomic.
        rs3: Third source register number of a fused multiplication.
        rm: Rounding mode.
    """

    row: Row
    rd: int = 0
    rs1: int = 0
    rs2: int = 0
    imm: int = 0
    aqrl: int = 0
    rs3: int = 0
    rm: int = 0


def instruction_length(parcel: int) -> int:
    """Bytes of the instruction that begins with this 16-bit parcel: 2 or 4."""
    return 4 if parcel & 3 == 3 else 2


def specific_first(rows: Iterable[Row]) -> list[Row]:
    """Rows in the order in which they are tried: the one with more fixed bits wins."""
    return sorted(rows, key=lambda row: -row.mask.bit_count())


@cache
def _candidates(length: int, key: int) -> tuple[Row, ...]:
    """Rows whose encoding may have `key` in its major fields (see `_key`)."""
    fitting = (row for row in ROWS if row.length == length and _key(row.match, length) == key & _key(row.mask, length))
    return tuple(specific_first(fitting))


def _key(word: int, length: int) -> int:
    """Opcode and funct3: bits 14:12 and 6:0 of 4 bytes, bits 15:13 and 1:0 of 2 bytes."""
    if length == 4:
        return word >> 5 & 0x380 | word & 0x7F
    return word >> 11 & 0x1C | word & 3


def decode(word: int) -> Instruction | None:
    """Decode the instruction in the low bits of `word` (at least 4 bytes of memory, or 2 for a compressed one).

    Returns:
        The instruction, or None where no row matches: an illegal instruction.
    """
    length = instruction_length(word)
    word &= (1 << 8 * length) - 1
    for row in _candidates(length, _key(word, length)):
        if row.matches(word):
            values = {part.role: part.extract(word) for part in row.format.operands}
            return Instruction(row, **values | dict(row.fixed))
    return None


def encode(row: Row, values: Mapping[str, int]) -> int:
    """The encoding of `row` with operand values by role; roles that share bits may be named once.

    Raises:
        ValueError: A value does not fit, or an operand is missing.
    """
    word = row.match
    for part in row.format.operands:
        shared = (other.role for other in row.format.operands if other.slices == part.slices and other.role in values)
        role = part.role if part.role in values else next(shared, None)
        if role is None:
            if part.role in ("aqrl", "rd", "rs1") and f"{{{part.role}}}" not in row.format.syntax:
                continue
            raise ValueError(f"{row.name} needs {part.role}")
        if part.role == "rm" and values[role] in RESERVED_MODES:
            raise ValueError(f"rm cannot be {values[role]}")
        word |= part.insert(values[role])
    return word
