"""The M extension and its part Zmmul: multiplication and division (manual volume I, chapter 12).

Division never traps: by zero it gives all ones (quotient) or the dividend (remainder); the one signed overflow gives
the dividend (quotient) or zero (remainder). Both are selected before dividing, so the operation stays total.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.isa.rows import R, RowSet

if TYPE_CHECKING:
    from emulator.isa.domain import Execution, Value

ZMMUL: Final = RowSet("zmmul")
ROWS: Final = RowSet("m")

ONES: Final = (1 << 64) - 1
LOWEST: Final = 1 << 63

Binary = Callable[["Execution", "Value", "Value"], "Value"]


def _signed(x: Execution, divide: Binary, a: Value, b: Value, by_zero: Value, overflow: Value) -> Value:
    zero = x.eq(b, 0)
    over = x.both(x.eq(a, LOWEST), x.eq(b, ONES))
    safe = x.select(x.either(zero, over), 1, b)
    return x.select(zero, by_zero, x.select(over, overflow, divide(x, a, safe)))


def _unsigned(x: Execution, divide: Binary, a: Value, b: Value, by_zero: Value) -> Value:
    zero = x.eq(b, 0)
    return x.select(zero, by_zero, divide(x, a, x.select(zero, 1, b)))


def _div(x: Execution, a: Value, b: Value) -> Value:
    return _signed(x, lambda d, p, q: d.sdiv(p, q), a, b, ONES, LOWEST)


def _rem(x: Execution, a: Value, b: Value) -> Value:
    return _signed(x, lambda d, p, q: d.srem(p, q), a, b, a, 0)


def _divu(x: Execution, a: Value, b: Value) -> Value:
    return _unsigned(x, lambda d, p, q: d.udiv(p, q), a, b, ONES)


def _remu(x: Execution, a: Value, b: Value) -> Value:
    return _unsigned(x, lambda d, p, q: d.urem(p, q), a, b, a)


def _word(x: Execution, compute: Binary, a: Value, b: Value, *, signed: bool) -> Value:
    """A 32-bit division done on extended operands: the 64-bit one cannot overflow, and its low half is the result."""
    extend = x.sext if signed else x.zext
    return x.sext(compute(x, extend(a, 32), extend(b, 32)), 32)


def _rr(pattern: str, name: str, compute: Binary, rows: RowSet = ROWS) -> None:
    rows.row(name, pattern, R, lambda x: x.write_rd(compute(x, x.rs1, x.rs2)))


_rr("0000001 ..... ..... 000 ..... 0110011", "mul", lambda x, a, b: x.mul(a, b), ZMMUL)
_rr("0000001 ..... ..... 001 ..... 0110011", "mulh", lambda x, a, b: x.mulh(a, b), ZMMUL)
_rr("0000001 ..... ..... 010 ..... 0110011", "mulhsu", lambda x, a, b: x.mulhsu(a, b), ZMMUL)
_rr("0000001 ..... ..... 011 ..... 0110011", "mulhu", lambda x, a, b: x.mulhu(a, b), ZMMUL)
_rr("0000001 ..... ..... 100 ..... 0110011", "div", _div)
_rr("0000001 ..... ..... 101 ..... 0110011", "divu", _divu)
_rr("0000001 ..... ..... 110 ..... 0110011", "rem", _rem)
_rr("0000001 ..... ..... 111 ..... 0110011", "remu", _remu)
_rr("0000001 ..... ..... 000 ..... 0111011", "mulw", lambda x, a, b: x.sext(x.mul(a, b), 32), ZMMUL)
_rr("0000001 ..... ..... 100 ..... 0111011", "divw", lambda x, a, b: _word(x, _div, a, b, signed=True))
_rr("0000001 ..... ..... 101 ..... 0111011", "divuw", lambda x, a, b: _word(x, _divu, a, b, signed=False))
_rr("0000001 ..... ..... 110 ..... 0111011", "remw", lambda x, a, b: _word(x, _rem, a, b, signed=True))
_rr("0000001 ..... ..... 111 ..... 0111011", "remuw", lambda x, a, b: _word(x, _remu, a, b, signed=False))
