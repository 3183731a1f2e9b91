"""Zba, Zbb, Zbs and Zbkb: address generation and bit manipulation (manual volume I, chapter "B")."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.isa.rows import SHIFT, SHIFTW, UNARY, R, RowSet

if TYPE_CHECKING:
    from emulator.isa.domain import Execution, Value

ZBA: Final = RowSet("zba")
ZBB: Final = RowSet("zbb")
SHARED: Final = RowSet("zbb|zbkb")
ZBKB: Final = RowSet("zbkb")
ZBS: Final = RowSet("zbs")

ONES: Final = (1 << 64) - 1

BYTE_LOW_BITS: Final = 0x0101_0101_0101_0101
LOW_HALF: Final = (1 << 32) - 1

Unary = Callable[["Execution", "Value"], "Value"]
Binary = Callable[["Execution", "Value", "Value"], "Value"]


def _rr(rows: RowSet, pattern: str, name: str, compute: Binary) -> None:
    rows.row(name, pattern, R, lambda x: x.write_rd(compute(x, x.rs1, x.rs2)))


def _r(rows: RowSet, pattern: str, name: str, compute: Unary) -> None:
    rows.row(name, pattern, UNARY, lambda x: x.write_rd(compute(x, x.rs1)))


def _shift(rows: RowSet, pattern: str, name: str, compute: Binary) -> None:
    rows.row(name, pattern, SHIFT, lambda x: x.write_rd(compute(x, x.rs1, x.imm)))


def _shiftw(rows: RowSet, pattern: str, name: str, compute: Binary) -> None:
    rows.row(name, pattern, SHIFTW, lambda x: x.write_rd(compute(x, x.rs1, x.imm)))


def _not(x: Execution, a: Value) -> Value:
    return x.xor(a, ONES)


# Zba.


def _shift_add(distance: int) -> Binary:
    return lambda x, a, b: x.add(b, x.shl(a, distance))


def _shift_add_word(distance: int) -> Binary:
    return lambda x, a, b: x.add(b, x.shl(x.zext(a, 32), distance))


_rr(ZBA, "0000100 ..... ..... 000 ..... 0111011", "add.uw", _shift_add_word(0))
_rr(ZBA, "0010000 ..... ..... 010 ..... 0110011", "sh1add", _shift_add(1))
_rr(ZBA, "0010000 ..... ..... 100 ..... 0110011", "sh2add", _shift_add(2))
_rr(ZBA, "0010000 ..... ..... 110 ..... 0110011", "sh3add", _shift_add(3))
_rr(ZBA, "0010000 ..... ..... 010 ..... 0111011", "sh1add.uw", _shift_add_word(1))
_rr(ZBA, "0010000 ..... ..... 100 ..... 0111011", "sh2add.uw", _shift_add_word(2))
_rr(ZBA, "0010000 ..... ..... 110 ..... 0111011", "sh3add.uw", _shift_add_word(3))
_shift(ZBA, "000010 ...... ..... 001 ..... 0011011", "slli.uw", lambda x, a, b: x.shl(x.zext(a, 32), b))


# Zbb, and what it shares with Zbkb.


def _twice(x: Execution, a: Value) -> Value:
    """The low word in both halves: rotated, its low word is the rotated word."""
    low = x.zext(a, 32)
    return x.or_(low, x.shl(low, 32))


def _rolw(x: Execution, a: Value, b: Value) -> Value:
    return x.sext(x.rotl(_twice(x, a), x.and_(b, 31)), 32)


def _rorw(x: Execution, a: Value, b: Value) -> Value:
    return x.sext(x.rotr(_twice(x, a), x.and_(b, 31)), 32)


def _or_combine(x: Execution, a: Value) -> Value:
    """Every byte that has a bit set becomes 0xff."""
    folded = a
    for distance in (4, 2, 1):
        folded = x.or_(folded, x.lshr(folded, distance))
    return x.mul(x.and_(folded, BYTE_LOW_BITS), 0xFF)


_r(ZBB, "0110000 00000 ..... 001 ..... 0010011", "clz", lambda x, a: x.clz(a))
_r(ZBB, "0110000 00001 ..... 001 ..... 0010011", "ctz", lambda x, a: x.ctz(a))
_r(ZBB, "0110000 00010 ..... 001 ..... 0010011", "cpop", lambda x, a: x.cpop(a))
_r(ZBB, "0110000 00000 ..... 001 ..... 0011011", "clzw", lambda x, a: x.sub(x.clz(x.zext(a, 32)), 32))
_r(ZBB, "0110000 00001 ..... 001 ..... 0011011", "ctzw", lambda x, a: x.ctz(x.or_(a, 1 << 32)))
_r(ZBB, "0110000 00010 ..... 001 ..... 0011011", "cpopw", lambda x, a: x.cpop(x.zext(a, 32)))
_rr(ZBB, "0000101 ..... ..... 100 ..... 0110011", "min", lambda x, a, b: x.select(x.slt(a, b), a, b))
_rr(ZBB, "0000101 ..... ..... 101 ..... 0110011", "minu", lambda x, a, b: x.select(x.ult(a, b), a, b))
_rr(ZBB, "0000101 ..... ..... 110 ..... 0110011", "max", lambda x, a, b: x.select(x.slt(a, b), b, a))
_rr(ZBB, "0000101 ..... ..... 111 ..... 0110011", "maxu", lambda x, a, b: x.select(x.ult(a, b), b, a))
_r(ZBB, "0110000 00100 ..... 001 ..... 0010011", "sext.b", lambda x, a: x.sext(a, 8))
_r(ZBB, "0110000 00101 ..... 001 ..... 0010011", "sext.h", lambda x, a: x.sext(a, 16))
_r(ZBB, "0010100 00111 ..... 101 ..... 0010011", "orc.b", _or_combine)

_rr(SHARED, "0100000 ..... ..... 111 ..... 0110011", "andn", lambda x, a, b: x.and_(a, _not(x, b)))
_rr(SHARED, "0100000 ..... ..... 110 ..... 0110011", "orn", lambda x, a, b: x.or_(a, _not(x, b)))
_rr(SHARED, "0100000 ..... ..... 100 ..... 0110011", "xnor", lambda x, a, b: _not(x, x.xor(a, b)))
_rr(SHARED, "0110000 ..... ..... 001 ..... 0110011", "rol", lambda x, a, b: x.rotl(a, b))
_rr(SHARED, "0110000 ..... ..... 101 ..... 0110011", "ror", lambda x, a, b: x.rotr(a, b))
_rr(SHARED, "0110000 ..... ..... 001 ..... 0111011", "rolw", _rolw)
_rr(SHARED, "0110000 ..... ..... 101 ..... 0111011", "rorw", _rorw)
_shift(SHARED, "011000 ...... ..... 101 ..... 0010011", "rori", lambda x, a, b: x.rotr(a, b))
_shiftw(SHARED, "0110000 ..... ..... 101 ..... 0011011", "roriw", _rorw)
_r(SHARED, "0110101 11000 ..... 101 ..... 0010011", "rev8", lambda x, a: x.reverse_bytes(a))
# `packw` with rs2 = x0, which Zbb has under a name of its own.
_r(SHARED, "0000100 00000 ..... 100 ..... 0111011", "zext.h", lambda x, a: x.zext(a, 16))


# Zbkb.


def _pack(x: Execution, a: Value, b: Value) -> Value:
    return x.or_(x.and_(a, LOW_HALF), x.shl(b, 32))


def _packh(x: Execution, a: Value, b: Value) -> Value:
    return x.or_(x.zext(a, 8), x.shl(x.zext(b, 8), 8))


def _packw(x: Execution, a: Value, b: Value) -> Value:
    return x.sext(x.or_(x.zext(a, 16), x.shl(b, 16)), 32)


_rr(ZBKB, "0000100 ..... ..... 100 ..... 0110011", "pack", _pack)
_rr(ZBKB, "0000100 ..... ..... 111 ..... 0110011", "packh", _packh)
_rr(ZBKB, "0000100 ..... ..... 100 ..... 0111011", "packw", _packw)
_r(ZBKB, "0110100 00111 ..... 101 ..... 0010011", "brev8", lambda x, a: x.reverse_bytes(x.reverse_bits(a)))


# Zbs.


def _bit(x: Execution, index: Value) -> Value:
    return x.shl(1, x.and_(index, 63))


def _clear(x: Execution, a: Value, index: Value) -> Value:
    return x.and_(a, _not(x, _bit(x, index)))


def _extract(x: Execution, a: Value, index: Value) -> Value:
    return x.and_(x.lshr(a, x.and_(index, 63)), 1)


def _invert(x: Execution, a: Value, index: Value) -> Value:
    return x.xor(a, _bit(x, index))


def _set(x: Execution, a: Value, index: Value) -> Value:
    return x.or_(a, _bit(x, index))


_rr(ZBS, "0100100 ..... ..... 001 ..... 0110011", "bclr", _clear)
_rr(ZBS, "0100100 ..... ..... 101 ..... 0110011", "bext", _extract)
_rr(ZBS, "0110100 ..... ..... 001 ..... 0110011", "binv", _invert)
_rr(ZBS, "0010100 ..... ..... 001 ..... 0110011", "bset", _set)
_shift(ZBS, "010010 ...... ..... 001 ..... 0010011", "bclri", _clear)
_shift(ZBS, "010010 ...... ..... 101 ..... 0010011", "bexti", _extract)
_shift(ZBS, "011010 ...... ..... 001 ..... 0010011", "binvi", _invert)
_shift(ZBS, "001010 ...... ..... 001 ..... 0010011", "bseti", _set)
