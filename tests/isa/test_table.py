from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.isa.rows import RESERVED_MODES, Row, parse_pattern
from emulator.isa.table import ROWS, Instruction, decode, encode, instruction_length

CLAIMED: Final = {
    "c.lui": {"c.addi16sp"},
    "fence": {"pause"},
    "ori": {"prefetch.i", "prefetch.r", "prefetch.w"},
    "packw": {"zext.h"},
}
"""Rows some of whose encodings other rows have by the manual, for example C.LUI with rd = x2 (volume I, 26.5)."""

IGNORED: Final = {"fence.i": 0xFFFF_8F80}
"""Bits that a row has as neither fixed nor operand: rd, rs1 and imm are reserved and ignored (volume I, chapter 5)."""


def _identify(row: Row) -> str:
    return row.name


def _draw_operands(data: st.DataObject, row: Row) -> dict[str, int]:
    """A value of each operand that its place in the encoding can hold."""
    values: dict[str, int] = {}
    places: dict[object, int] = {}
    for part in row.format.operands:
        raw = data.draw(st.integers(0, 0xFFFF_FFFF), label=part.role)
        if part.nonzero and part.extract(raw) == part.bias:
            raw = 1 << part.slices[0].source
        if part.role == "rm" and part.extract(raw) in RESERVED_MODES:
            raw = 0
        # Roles that share bits, such as rd and rs1 of c.add, are one operand.
        values[part.role] = places.setdefault(part.slices, part.extract(raw))
    return values


def _operands(instruction: Instruction, row: Row) -> dict[str, int]:
    return {part.role: getattr(instruction, part.role) for part in row.format.operands}


@pytest.mark.parametrize("row", ROWS, ids=_identify)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_encoding_and_decoding_are_inverse(row: Row, data: st.DataObject) -> None:
    """Operands that are encoded are decoded from the encoding, and belong to the same row."""
    values = _draw_operands(data, row)

    found = decode(encode(row, values))

    assert found is not None
    if found.row.name in CLAIMED.get(row.name, ()):
        return
    assert found.row is row
    assert _operands(found, row) == values


@settings(deadline=None, max_examples=2000)
@given(word=st.integers(0, 0xFFFF_FFFF))
def test_any_word_decodes_or_is_illegal(word: int) -> None:
    """No word makes the decoder fail, and what it finds has the row's fixed bits and gives the word back."""
    found = decode(word)

    if found is not None:
        own = word & (1 << 8 * found.row.length) - 1
        assert own & found.row.mask == found.row.match
        assert encode(found.row, _operands(found, found.row)) == own & ~IGNORED.get(found.row.name, 0)


def test_every_short_word_gives_itself_back() -> None:
    """All halfwords that are instructions are encoded again as they were; implied operands are the row's."""
    for word in range(1 << 16):
        found = decode(word) if instruction_length(word) == 2 else None
        if found is not None:
            assert encode(found.row, _operands(found, found.row)) == word
            assert all(getattr(found, role) == value for role, value in found.row.fixed)


@pytest.mark.parametrize("row", ROWS, ids=_identify)
def test_rows_are_complete(row: Row) -> None:
    """Each free bit of a pattern belongs to an operand, but for fields that the manual ignores."""
    free = ~row.mask & (1 << 8 * row.length) - 1 & ~IGNORED.get(row.name, 0)
    held = 0
    for part in row.format.operands:
        for piece in part.slices:
            held |= (1 << piece.width) - 1 << piece.source

    assert free & ~held == 0
    assert row.match & ~row.mask == 0


@pytest.mark.parametrize("row", ROWS, ids=_identify)
def test_operands_that_do_not_fit_are_refused(row: Row) -> None:
    """A value outside an operand's range is an error, never a wrong encoding."""
    for part in row.format.operands:
        values = {other.role: other.extract(0xFFFF_FFFF) for other in row.format.operands}
        values[part.role] = part.bias + (1 << part.bits)

        with pytest.raises(ValueError, match="cannot be"):
            encode(row, values)


@pytest.mark.parametrize("pattern", ["0101", "0" * 31 + "2", "x" * 16, ""])
def test_bad_patterns_are_refused(pattern: str) -> None:
    """A pattern is 16 or 32 of `0`, `1` and `.`."""
    with pytest.raises(ValueError, match="pattern"):
        parse_pattern(pattern)
