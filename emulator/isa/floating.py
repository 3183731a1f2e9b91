"""F, D, Zfh and Zfhmin: single, double and half precision (manual volume I, chapters 20, 21 and "Zfh").

Arithmetic is an operation of the domain, exact and rounded once. What only looks at bits (signs, comparisons, minimum
and maximum, classes, moves) is written in integer operations here. A register that does not hold a NaN-boxed single
counts as the canonical NaN wherever a single is an operand, but for moves and stores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MASK64
from emulator.hart.floatformats import DOUBLE as DOUBLE_FORMAT
from emulator.hart.floatformats import HALF as HALF_FORMAT
from emulator.hart.floatformats import SINGLE as SINGLE_FORMAT
from emulator.hart.floating import INVALID
from emulator.hart.floatparts import Bits, boxed
from emulator.isa.rows import (
    FLOAT_COMPARE,
    FLOAT_EXACT_FROM_X,
    FLOAT_FROM_X,
    FLOAT_LOAD,
    FLOAT_MOVE_FROM_X,
    FLOAT_MOVE_TO_X,
    FLOAT_PICK,
    FLOAT_R,
    FLOAT_R4,
    FLOAT_STORE,
    FLOAT_TO_X,
    FLOAT_UNARY,
    FLOAT_WIDEN,
    Format,
    RowSet,
)

if TYPE_CHECKING:
    from emulator.hart.floatformats import FloatFormat
    from emulator.isa.domain import Bool, Execution, Value

SINGLE: Final = RowSet("f")
DOUBLE: Final = RowSet("d")
HALF_MINIMAL: Final = RowSet("zfhmin")
HALF_MINIMAL_DOUBLE: Final = RowSet("zfhmin&d")
HALF: Final = RowSet("zfh")
SETS: Final = (SINGLE, DOUBLE, HALF_MINIMAL, HALF_MINIMAL_DOUBLE, HALF)

Meaning = Callable[["Execution"], None]

COMPARISONS: Final[dict[str, Callable[[Execution, Value, Value], Bool]]] = {
    "fle": lambda x, a, b: x.sge(b, a),
    "flt": lambda x, a, b: x.slt(a, b),
    "feq": lambda x, a, b: x.eq(a, b),
}
"""Of two numbers' values, by the instruction that tells."""


# Looking at bits.


def _pair(x: Execution, form: FloatFormat) -> tuple[Bits, Bits]:
    return Bits(x, form, x.f1), Bits(x, form, x.f2)


def _sign_injected(form: FloatFormat, sign: Callable[[Execution, Value, Value], Value]) -> Meaning:
    """FSGNJ and its kin: the first operand with a sign made from the bits of both."""

    def meaning(x: Execution) -> None:
        x.begin_float()
        a, b = _pair(x, form)
        bit = x.and_(sign(x, a.bits, b.bits), form.sign)
        x.write_fd(boxed(x, form, x.or_(a.magnitude, bit)))

    return meaning


def _picked(form: FloatFormat, *, larger: bool) -> Meaning:
    """`minimumNumber` or `maximumNumber`: a NaN gives way to a number."""

    def meaning(x: Execution) -> None:
        x.begin_float()
        a, b = _pair(x, form)
        x.raise_flags(x.select(x.either(a.signaling, b.signaling), INVALID, 0))
        first = x.slt(b.rank, a.rank) if larger else x.slt(a.rank, b.rank)
        number = x.select(x.either(b.nan, x.both(first, x.negate(a.nan))), a.bits, b.bits)
        x.write_fd(boxed(x, form, x.select(x.both(a.nan, b.nan), form.nan, number)))

    return meaning


def compared(form: FloatFormat, compare: Callable[[Execution, Value, Value], Bool], *, quiet: bool) -> Meaning:
    """A comparison is false with a NaN, which is invalid unless it is quiet and the comparison too."""

    def meaning(x: Execution) -> None:
        x.begin_float()
        a, b = _pair(x, form)
        unordered = x.either(a.nan, b.nan)
        invalid = x.either(a.signaling, b.signaling) if quiet else unordered
        x.raise_flags(x.select(invalid, INVALID, 0))
        x.write_rd(x.flag(x.both(compare(x, a.value, b.value), x.negate(unordered))))

    return meaning


def _classified(form: FloatFormat) -> Meaning:
    """FCLASS: one bit of ten is set."""

    def meaning(x: Execution) -> None:
        x.begin_float()
        a = Bits(x, form, x.f1)
        least = 1 << form.fraction
        # Distance from the middle: 0 zero, 1 subnormal, 2 normal, 3 infinite.
        size = x.add(
            x.flag(x.ne(a.magnitude, 0)),
            x.add(x.flag(x.uge(a.magnitude, least)), x.flag(x.uge(a.magnitude, form.infinity))),
        )
        place = x.select(a.negative, x.sub(3, size), x.add(4, size))
        kind = x.select(a.signaling, 8, 9)
        x.write_rd(x.shl(1, x.and_(x.select(a.nan, kind, place), 63)))

    return meaning


# Moving.


def _load(form: FloatFormat) -> Meaning:
    def meaning(x: Execution) -> None:
        x.begin_float()
        x.write_fd(boxed(x, form, x.load(x.add(x.rs1, x.imm), form.width // 8)))

    return meaning


def _store(form: FloatFormat) -> Meaning:
    def meaning(x: Execution) -> None:
        x.begin_float()
        x.store(x.add(x.rs1, x.imm), form.width // 8, x.f2)

    return meaning


def _move_to_x(form: FloatFormat) -> Meaning:
    def meaning(x: Execution) -> None:
        x.begin_float()
        x.write_rd(x.sext(x.f1, form.width))

    return meaning


def _move_from_x(form: FloatFormat) -> Meaning:
    def meaning(x: Execution) -> None:
        x.begin_float()
        x.write_fd(boxed(x, form, x.zext(x.rs1, form.width)))

    return meaning


# Arithmetic.


def to_f(name: str, operands: int) -> Meaning:
    """An operation on f registers into one."""

    def meaning(x: Execution) -> None:
        x.begin_float(rounded=True)
        registers = (x.f1, *([x.f2] if operands > 1 else []), *([x.f3] if operands > 2 else []))
        x.write_fd(x.float_op(name, *registers))

    return meaning


def to_x(name: str) -> Meaning:
    """An operation on an f register into an integer one."""

    def meaning(x: Execution) -> None:
        x.begin_float(rounded=True)
        x.write_rd(x.float_op(name, x.f1))

    return meaning


def _from_x(name: str) -> Meaning:
    def meaning(x: Execution) -> None:
        x.begin_float(rounded=True)
        x.write_fd(x.float_op(name, x.rs1))

    return meaning


# Rows.

ANY: Final = "....."


def _op(rows: RowSet, name: str, function: str, rs2: str, rm: str, layout: Format, meaning: Meaning) -> None:
    """A row of the major opcode OP-FP."""
    rows.row(name, f"{function} {rs2} ..... {rm} ..... 1010011", layout, meaning)


def _arithmetic(rows: RowSet, code: str, end: str) -> None:
    """Rows whose results are rounded, but for conversions."""
    for name, function in (("fadd", "00000"), ("fsub", "00001"), ("fmul", "00010"), ("fdiv", "00011")):
        _op(rows, name + end, function + code, ANY, "...", FLOAT_R, to_f(name + end, 2))
    _op(rows, f"fsqrt{end}", f"01011{code}", "00000", "...", FLOAT_UNARY, to_f(f"fsqrt{end}", 1))
    for name, opcode in (("fmadd", "1000011"), ("fmsub", "1000111"), ("fnmsub", "1001011"), ("fnmadd", "1001111")):
        rows.row(name + end, f"..... {code} ..... ..... ... ..... {opcode}", FLOAT_R4, to_f(name + end, 3))


def _bitwise(rows: RowSet, code: str, end: str, form: FloatFormat) -> None:
    """Rows that only look at bits."""
    signs: tuple[tuple[str, str, Callable[[Execution, Value, Value], Value]], ...] = (
        ("fsgnj", "000", lambda _x, _a, b: b),
        ("fsgnjn", "001", lambda x, _a, b: x.xor(b, MASK64)),
        ("fsgnjx", "010", lambda x, a, b: x.xor(a, b)),
    )
    for name, rm, sign in signs:
        _op(rows, name + end, f"00100{code}", ANY, rm, FLOAT_PICK, _sign_injected(form, sign))
    for name, rm, larger in (("fmin", "000", False), ("fmax", "001", True)):
        _op(rows, name + end, f"00101{code}", ANY, rm, FLOAT_PICK, _picked(form, larger=larger))
    for name, rm, quiet in (("fle", "000", False), ("flt", "001", False), ("feq", "010", True)):
        meaning = compared(form, COMPARISONS[name], quiet=quiet)
        _op(rows, name + end, f"10100{code}", ANY, rm, FLOAT_COMPARE, meaning)
    _op(rows, f"fclass{end}", f"11100{code}", "00000", "001", FLOAT_MOVE_TO_X, _classified(form))


INTEGERS: Final = (("w", "00000", 32), ("wu", "00001", 32), ("l", "00010", 64), ("lu", "00011", 64))
"""Integers that conversions know: name, code, bits."""


def _conversions(rows: RowSet, code: str, end: str, form: FloatFormat) -> None:
    for name, rs2, bits in INTEGERS:
        to, back = f"fcvt.{name}{end}", f"fcvt{end}.{name}"
        _op(rows, to, f"11000{code}", rs2, "...", FLOAT_TO_X, to_x(to))
        exact = bits <= form.fraction
        _op(rows, back, f"11010{code}", rs2, "...", FLOAT_EXACT_FROM_X if exact else FLOAT_FROM_X, _from_x(back))


def _transfers(rows: RowSet, code: str, width: str, letter: str, form: FloatFormat) -> None:
    """Loads, stores and moves."""
    rows.row(f"fl{letter}", f"............ ..... {width} ..... 0000111", FLOAT_LOAD, _load(form))
    rows.row(f"fs{letter}", f"....... ..... ..... {width} ..... 0100111", FLOAT_STORE, _store(form))
    _op(rows, f"fmv.x.{letter}", f"11100{code}", "00000", "000", FLOAT_MOVE_TO_X, _move_to_x(form))
    _op(rows, f"fmv.{letter}.x", f"11110{code}", "00000", "000", FLOAT_MOVE_FROM_X, _move_from_x(form))


def _computing(rows: RowSet, code: str, form: FloatFormat) -> None:
    """Every row that a format has by itself, but for transfers."""
    end = f".{form.suffix}"
    _arithmetic(rows, code, end)
    _bitwise(rows, code, end, form)
    _conversions(rows, code, end, form)


def _converted(rows: RowSet, target: tuple[str, str], source: tuple[str, str], layout: Format) -> None:
    """The conversion between two formats, each given as suffix and code."""
    name = f"fcvt.{target[0]}.{source[0]}"
    _op(rows, name, f"01000{target[1]}", f"000{source[1]}", "...", layout, to_f(name, 1))


_S, _D, _H = ("s", "00"), ("d", "01"), ("h", "10")

_transfers(SINGLE, _S[1], "010", "w", SINGLE_FORMAT)
_computing(SINGLE, _S[1], SINGLE_FORMAT)
_transfers(DOUBLE, _D[1], "011", "d", DOUBLE_FORMAT)
_computing(DOUBLE, _D[1], DOUBLE_FORMAT)
_converted(DOUBLE, _S, _D, FLOAT_UNARY)
_converted(DOUBLE, _D, _S, FLOAT_WIDEN)
_transfers(HALF_MINIMAL, _H[1], "001", "h", HALF_FORMAT)
_converted(HALF_MINIMAL, _H, _S, FLOAT_UNARY)
_converted(HALF_MINIMAL, _S, _H, FLOAT_WIDEN)
_converted(HALF_MINIMAL_DOUBLE, _H, _D, FLOAT_UNARY)
_converted(HALF_MINIMAL_DOUBLE, _D, _H, FLOAT_WIDEN)
_computing(HALF, _H[1], HALF_FORMAT)
