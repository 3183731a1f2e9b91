"""The exact arithmetic against the host's own doubles, and against rational numbers rounded by searching."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emulator.engine.reference import ReferenceDomain
from emulator.hart.arithmetic import OPERATIONS
from emulator.hart.floatformats import DOUBLE, FORMATS, HALF, SINGLE, FloatFormat
from emulator.hart.floating import DIVIDE_BY_ZERO, INEXACT, INVALID, OVERFLOW, UNDERFLOW, Rounding
from tests.helpers.rig import Rig

EXAMPLES: Final = 150

MODES: Final = tuple(Rounding)

_RIG: Final = Rig("reference")
_DOMAIN: Final = ReferenceDomain(_RIG.blocks, _RIG.hart, _RIG.backing, _RIG)


def operate(name: str, mode: int, *operands: int) -> tuple[int, int]:
    """The register (or integer) that an operation makes, and the flags that it raises."""
    _RIG.hart.put("fflags", 0)
    value: int = OPERATIONS[name](_DOMAIN, mode, *operands)
    return value, _RIG.hart.get("fflags")


def _edges(form: FloatFormat) -> st.SearchStrategy[int]:
    one = form.bias << form.fraction
    values = (0, 1, 2, (1 << form.fraction) - 1, 1 << form.fraction, one, one + 1, form.infinity - 1, form.infinity)
    return st.sampled_from((*values, form.infinity + 1, form.nan))


def numbers(form: FloatFormat) -> st.SearchStrategy[int]:
    """Bits of a format: any, near one, and the edges, of either sign."""
    away = min(60, form.bias - 1)
    near = st.integers(form.bias - away << form.fraction, form.bias + away << form.fraction)
    low = st.integers(0, 3 << form.fraction)
    magnitudes = st.one_of(st.integers(0, form.sign - 1), near, low, _edges(form))
    return st.builds(lambda magnitude, negative: magnitude | form.sign * negative, magnitudes, st.booleans())


def _double(bits: int) -> float:
    value: float = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
    return value


def _bits(value: float) -> int:
    return DOUBLE.nan if math.isnan(value) else int.from_bytes(struct.pack("<d", value), "little")


@settings(deadline=None, max_examples=EXAMPLES)
@given(a=numbers(DOUBLE), b=numbers(DOUBLE))
def test_like_the_host(a: int, b: int) -> None:
    """To nearest even, the four basic operations and the root have the bits that the host's have."""
    x, y = _double(a), _double(b)
    found = {name: operate(f"{name}.d", Rounding.RNE, a, b)[0] for name in ("fadd", "fsub", "fmul", "fdiv")}

    assert found["fadd"] == _bits(x + y)
    assert found["fsub"] == _bits(x - y)
    assert found["fmul"] == _bits(x * y)
    if y:
        assert found["fdiv"] == _bits(x / y)
    if not x < 0:
        assert operate("fsqrt.d", Rounding.RNE, a)[0] == _bits(math.sqrt(x))


@settings(deadline=None, max_examples=EXAMPLES)
@given(a=numbers(DOUBLE))
def test_narrowing_like_the_host(a: int) -> None:
    """A double becomes the single that the host makes of it."""
    assume(not math.isnan(_double(a)))
    try:
        single = struct.pack("<f", _double(a))
    except OverflowError:
        single = struct.pack("<f", math.copysign(math.inf, _double(a)))

    found, _ = operate("fcvt.s.d", Rounding.RNE, a)

    assert found == SINGLE.box(int.from_bytes(single, "little"))


# Rational numbers.


def _finite(form: FloatFormat, bits: int) -> bool:
    return bits & form.sign - 1 < form.infinity


def _value(form: FloatFormat, bits: int) -> Fraction:
    """The number, by the definition in IEEE 754-2019, 3.4; infinity counts as the next power of two."""
    exponent = bits >> form.fraction & (1 << form.exponent) - 1
    fraction = Fraction(bits & (1 << form.fraction) - 1, 1 << form.fraction)
    whole = (1 + fraction if exponent else fraction) * Fraction(2) ** (max(exponent, 1) - form.bias)
    return -whole if bits & form.sign else whole


def _below(form: FloatFormat, square: bool, magnitude: Fraction) -> int:
    """Bits of the largest number not above `magnitude`, or above its root."""
    low, high = 0, form.infinity
    while high - low > 1:
        middle = (low + high) // 2
        number = _value(form, middle)
        if (number * number if square else number) <= magnitude:
            low = middle
        else:
            high = middle
    return low


def _nearest(form: FloatFormat, mode: int, exact: Fraction, *, root: bool = False) -> tuple[int, bool]:
    """Bits of `exact` (or of its root) as rounded in a mode, and whether they are it exactly."""
    magnitude, negative = abs(exact), exact < 0
    low = _below(form, root, magnitude)
    first, second = _value(form, low), _value(form, low + 1)
    middle = (first + second) / 2
    if root:
        first, middle = first * first, middle * middle
    if first == magnitude:
        return low | form.sign * negative, True
    up = {
        Rounding.RNE: magnitude > middle or (magnitude == middle and low & 1 == 1),
        Rounding.RTZ: False,
        Rounding.RDN: negative,
        Rounding.RUP: not negative,
        Rounding.RMM: magnitude >= middle,
    }[Rounding(mode)]
    return low + up | form.sign * negative, False


def expected(form: FloatFormat, mode: int, exact: Fraction, *, root: bool = False) -> tuple[int, int]:
    """Register and flags of a result that is not zero."""
    bits, same = _nearest(form, mode, exact, root=root)
    if same:
        return form.box(bits), 0
    flags = INEXACT
    limit = Fraction(2) ** (form.bias + 1)
    unbounded, _ = _nearest(WIDER[form], mode, exact, root=root)
    rounded = abs(_value(WIDER[form], unbounded))
    if rounded >= limit:
        flags |= OVERFLOW
    if rounded < Fraction(2) ** (1 - form.bias):
        flags |= UNDERFLOW
    return form.box(bits), flags


WIDER: Final = {form: FloatFormat(form.suffix, 13, form.fraction) for form in FORMATS}
"""Formats of the same precision whose exponent holds every result and product."""

formats = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.suffix)
modes = pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)


@formats
@modes
@settings(deadline=None, max_examples=EXAMPLES // 6)
@given(data=st.data())
def test_against_rational_numbers(form: FloatFormat, mode: Rounding, data: st.DataObject) -> None:
    """Every operation on finite numbers, in every mode, has the bits and flags of the exact result rounded once."""
    a, b, c = (data.draw(numbers(form).filter(lambda bits: _finite(form, bits))) for _ in "abc")
    x, y, z = (_value(form, bits) for bits in (a, b, c))
    exact = {
        "fadd": x + y,
        "fsub": x - y,
        "fmul": x * y,
        "fdiv": x / y if y else Fraction(0),
        "fmadd": x * y + z,
        "fmsub": x * y - z,
        "fnmsub": z - x * y,
        "fnmadd": -x * y - z,
    }

    for name, result in exact.items():
        if result:
            operands = [form.box(bits) for bits in (a, b, c)][
                : 3 if name.startswith(("fm", "fn")) and name != "fmul" else 2
            ]
            found = operate(f"{name}.{form.suffix}", mode, *operands)
            assert found == expected(form, mode, result), name
    if x > 0:
        found = operate(f"fsqrt.{form.suffix}", mode, form.box(a))
        assert found == expected(form, mode, x, root=True)


@modes
@pytest.mark.parametrize(("form", "source"), [(SINGLE, DOUBLE), (HALF, DOUBLE), (HALF, SINGLE)])
@settings(deadline=None, max_examples=EXAMPLES // 3)
@given(data=st.data())
def test_narrowing_against_rational_numbers(
    form: FloatFormat, source: FloatFormat, mode: Rounding, data: st.DataObject
) -> None:
    """A number that becomes one of a narrower format, with its flags."""
    bits = data.draw(numbers(source).filter(lambda bits: _finite(source, bits)))
    exact = _value(source, bits)
    assume(exact != 0)

    assert operate(f"fcvt.{form.suffix}.{source.suffix}", mode, source.box(bits)) == expected(form, mode, exact)


@modes
@pytest.mark.parametrize(("form", "source"), [(DOUBLE, SINGLE), (DOUBLE, HALF), (SINGLE, HALF)])
@settings(deadline=None, max_examples=EXAMPLES // 6)
@given(data=st.data())
def test_widening_is_exact(form: FloatFormat, source: FloatFormat, mode: Rounding, data: st.DataObject) -> None:
    """A wider format has every number of a narrower one."""
    bits = data.draw(numbers(source).filter(lambda bits: _finite(source, bits)))

    register, flags = operate(f"fcvt.{form.suffix}.{source.suffix}", mode, source.box(bits))

    assert _value(form, register & 2 * form.sign - 1) == _value(source, bits)
    assert (register >> form.width - 1 & 1, flags) == (bits >> source.width - 1, 0)


def _rounded_integer(mode: Rounding, exact: Fraction) -> int:
    down = math.floor(exact)
    rest = exact - down
    toward = {
        Rounding.RNE: round(exact),
        Rounding.RTZ: math.trunc(exact),
        Rounding.RDN: down,
        Rounding.RUP: math.ceil(exact),
        Rounding.RMM: down + (rest > Fraction(1, 2) or (rest == Fraction(1, 2) and exact > 0)),
    }
    return int(toward[mode])


@formats
@modes
@pytest.mark.parametrize(("name", "low", "high"), [("w", -(2**31), 2**31), ("wu", 0, 2**32), ("l", -(2**63), 2**63)])
@settings(deadline=None, max_examples=EXAMPLES // 6)
@given(data=st.data())
def test_to_integers(form: FloatFormat, mode: Rounding, name: str, low: int, high: int, data: st.DataObject) -> None:
    """Conversions round as asked, saturate, and tell invalid from inexact."""
    bits = data.draw(numbers(form).filter(lambda bits: _finite(form, bits)))
    exact = _value(form, bits)
    wanted = _rounded_integer(mode, exact)
    flags = INEXACT if wanted != exact else 0
    if not low <= wanted < high:
        wanted, flags = (low if wanted < low else high - 1), INVALID
    if name == "wu" and wanted >> 31:
        wanted -= 1 << 32  # the word is sign-extended

    assert operate(f"fcvt.{name}.{form.suffix}", mode, form.box(bits)) == (wanted & (1 << 64) - 1, flags)


@formats
@modes
@settings(deadline=None, max_examples=EXAMPLES // 6)
@given(data=st.data())
def test_to_whole_numbers(form: FloatFormat, mode: Rounding, data: st.DataObject) -> None:
    """FROUND and FROUNDNX give the whole number that a conversion would, with the operand's sign; one tells."""
    bits = data.draw(numbers(form).filter(lambda bits: _finite(form, bits)))
    exact = _value(form, bits)
    wanted = _rounded_integer(mode, exact)

    register, flags = operate(f"fround.{form.suffix}", mode, form.box(bits))

    assert _value(form, register & 2 * form.sign - 1) == wanted
    assert (register & form.sign, flags) == (bits & form.sign, 0)
    assert operate(f"froundnx.{form.suffix}", mode, form.box(bits)) == (register, INEXACT if wanted != exact else 0)


@settings(deadline=None, max_examples=EXAMPLES)
@given(bits=numbers(DOUBLE))
def test_modular_conversion(bits: int) -> None:
    """FCVTMOD.W.D keeps the low 32 bits of the truncated number, and raises what FCVT.W.D raises."""
    assume(_finite(DOUBLE, bits))
    low = math.trunc(_value(DOUBLE, bits)) & 0xFFFF_FFFF
    _, flags = operate("fcvt.w.d", Rounding.RTZ, bits)

    wanted = low - (low >> 31 << 32) & (1 << 64) - 1

    assert operate("fcvtmod.w.d", Rounding.RNE, bits) == (wanted, flags)


@formats
@modes
@settings(deadline=None, max_examples=EXAMPLES // 6)
@given(value=st.one_of(st.integers(0, (1 << 64) - 1), st.integers(0, 64).map(lambda n: (1 << n) - 1)))
def test_from_integers(form: FloatFormat, mode: Rounding, value: int) -> None:
    """Integers of each kind, in every mode."""
    for name, low, width in (("w", -(2**31), 32), ("wu", 0, 32), ("l", -(2**63), 64), ("lu", 0, 64)):
        number = (value & (1 << width) - 1) + low
        number = number if low else value & (1 << width) - 1
        if number:
            found = operate(f"fcvt.{form.suffix}.{name}", mode, number & (1 << 64) - 1)
            assert found == expected(form, mode, Fraction(number)), name


NV: Final = INVALID
INF: Final = DOUBLE.infinity
NAN: Final = DOUBLE.nan
SNAN: Final = INF + 1
MINUS: Final = DOUBLE.sign
ONE: Final = DOUBLE.bias << DOUBLE.fraction


@pytest.mark.parametrize(
    ("name", "operands", "wanted"),
    [
        ("fadd.d", (INF, INF | MINUS), (NAN, NV)),
        ("fsub.d", (INF, INF), (NAN, NV)),
        ("fadd.d", (INF, INF), (INF, 0)),
        ("fmul.d", (INF, 0), (NAN, NV)),
        ("fdiv.d", (0, MINUS), (NAN, NV)),
        ("fdiv.d", (INF, INF), (NAN, NV)),
        ("fdiv.d", (ONE, MINUS), (INF | MINUS, DIVIDE_BY_ZERO)),
        ("fdiv.d", (ONE, INF | MINUS), (MINUS, 0)),
        ("fsqrt.d", (MINUS,), (MINUS, 0)),
        ("fsqrt.d", (MINUS | 1,), (NAN, NV)),
        ("fsqrt.d", (MINUS | INF,), (NAN, NV)),
        ("fadd.d", (NAN | MINUS | 5, ONE), (NAN, 0)),
        ("fadd.d", (ONE, SNAN), (NAN, NV)),
        ("fmadd.d", (INF, 0, NAN), (NAN, NV)),
        ("fmadd.d", (ONE, ONE, NAN), (NAN, 0)),
        ("fmadd.d", (INF, ONE, INF | MINUS), (NAN, NV)),
        ("fcvt.s.d", (SNAN,), (SINGLE.box(SINGLE.nan), NV)),
        ("fcvt.d.s", (SINGLE.infinity,), (NAN, 0)),
        ("fcvt.w.d", (NAN | MINUS,), (0x7FFF_FFFF, NV)),
        ("fcvt.wu.d", (INF,), ((1 << 64) - 1, NV)),
        ("fcvt.lu.d", (ONE | MINUS,), (0, NV)),
    ],
)
def test_special_operands(name: str, operands: tuple[int, ...], wanted: tuple[int, int]) -> None:
    """What has no exact result: infinities, zeros, NaN, and a single that is not boxed."""
    assert operate(name, Rounding.RNE, *operands) == wanted


@pytest.mark.parametrize("mode", MODES)
def test_the_sign_of_an_exact_zero(mode: Rounding) -> None:
    """A difference that vanishes is plus zero, but minus zero when rounding down; equal signs stay."""
    zero = MINUS if mode == Rounding.RDN else 0

    assert operate("fsub.d", mode, ONE, ONE) == (zero, 0)
    assert operate("fadd.d", mode, 0, MINUS) == (zero, 0)
    assert operate("fadd.d", mode, MINUS, MINUS) == (MINUS, 0)
    assert operate("fmadd.d", mode, ONE, ONE, ONE | MINUS) == (zero, 0)
