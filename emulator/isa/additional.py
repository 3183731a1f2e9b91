"""Zfa: additional floating-point instructions (manual volume I, chapter "Zfa").

Those that move halves of a double exist in RV32 only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.floatformats import DOUBLE, HALF, SINGLE
from emulator.hart.floating import INVALID
from emulator.hart.floatparts import Bits, boxed
from emulator.isa.floatconstants import CONSTANTS, constant_bits
from emulator.isa.floating import COMPARISONS, compared, to_f, to_x
from emulator.isa.rows import FLOAT_COMPARE, FLOAT_CONSTANT, FLOAT_MODULAR, FLOAT_PICK, FLOAT_UNARY, RowSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.hart.floatformats import FloatFormat
    from emulator.isa.domain import Execution, Value
    from emulator.isa.floating import Meaning

WITH_SINGLE: Final = RowSet("zfa")
WITH_DOUBLE: Final = RowSet("zfa&d")
WITH_HALF: Final = RowSet("zfa&zfh")
SETS: Final = (WITH_SINGLE, WITH_DOUBLE, WITH_HALF)


def _chosen(x: Execution, number: Value, values: Sequence[int]) -> Value:
    """The value of that number, by one selection a bit of it."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    upper = x.ne(x.and_(number, half), 0)
    return x.select(upper, _chosen(x, number, values[half:]), _chosen(x, number, values[:half]))


def _constant(form: FloatFormat) -> Meaning:
    values = [form.box(constant_bits(form, number)) for number in range(len(CONSTANTS))]

    def meaning(x: Execution) -> None:
        x.begin_float()
        x.write_fd(_chosen(x, x.rs1_number, values))

    return meaning


def _picked(form: FloatFormat, *, larger: bool) -> Meaning:
    """`minimum` or `maximum`: a NaN wins over a number."""

    def meaning(x: Execution) -> None:
        x.begin_float()
        a, b = Bits(x, form, x.f1), Bits(x, form, x.f2)
        x.raise_flags(x.select(x.either(a.signaling, b.signaling), INVALID, 0))
        first = x.slt(b.rank, a.rank) if larger else x.slt(a.rank, b.rank)
        number = x.select(first, a.bits, b.bits)
        x.write_fd(boxed(x, form, x.select(x.either(a.nan, b.nan), form.nan, number)))

    return meaning


def _all(rows: RowSet, code: str, form: FloatFormat) -> None:
    """Every row that a format has by itself."""
    end = f".{form.suffix}"
    rows.row(f"fli{end}", f"11110{code} 00001 ..... 000 ..... 1010011", FLOAT_CONSTANT, _constant(form))
    for name, rm, larger in (("fminm", "010", False), ("fmaxm", "011", True)):
        pattern = f"00101{code} ..... ..... {rm} ..... 1010011"
        rows.row(name + end, pattern, FLOAT_PICK, _picked(form, larger=larger))
    for name, rs2 in (("fround", "00100"), ("froundnx", "00101")):
        rows.row(name + end, f"01000{code} {rs2} ..... ... ..... 1010011", FLOAT_UNARY, to_f(name + end, 1))
    for name, rm in (("fleq", "100"), ("fltq", "101")):
        pattern = f"10100{code} ..... ..... {rm} ..... 1010011"
        meaning = compared(form, COMPARISONS[name.removesuffix("q")], quiet=True)
        rows.row(name + end, pattern, FLOAT_COMPARE, meaning)


_all(WITH_SINGLE, "00", SINGLE)
_all(WITH_DOUBLE, "01", DOUBLE)
_all(WITH_HALF, "10", HALF)
WITH_DOUBLE.row("fcvtmod.w.d", "1100001 01000 ..... 001 ..... 1010011", FLOAT_MODULAR, to_x("fcvtmod.w.d"))
