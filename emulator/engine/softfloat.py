"""Floating point on Python integers: every operation exact, rounded once, with the flags of IEEE 754-2019.

The arithmetic of the reference domain, and what compiled code asks where the host's own will not do. Operations take
and give whole f registers: 64-bit words, in which a narrower number is NaN-boxed (manual volume I, "NaN Boxing of
Narrower Values"). Every NaN result is the canonical one; underflow is detected after rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum
from typing import Final, NamedTuple

from emulator.hart.floatformats import FORMATS, MASK64, FloatFormat


class Rounding(IntEnum):
    """Rounding modes as `frm` and the `rm` field encode them."""

    RNE = 0
    RTZ = 1
    RDN = 2
    RUP = 3
    RMM = 4


class Flag(IntEnum):
    """Bits of `fflags`."""

    NX = 1
    UF = 2
    OF = 4
    DZ = 8
    NV = 16


class Kind(IntEnum):
    """What a number is."""

    FINITE = 0
    INFINITE = 1
    QUIET = 2
    SIGNALING = 3


class Number(NamedTuple):
    """An unpacked number: (-1)**sign × significand × 2**exponent if it is finite."""

    kind: Kind
    sign: int
    significand: int = 0
    exponent: int = 0

    @property
    def is_nan(self) -> bool:
        """Quiet or signaling."""
        return self.kind >= Kind.QUIET

    @property
    def is_zero(self) -> bool:
        """Of either sign."""
        return self.kind == Kind.FINITE and self.significand == 0

    def negated(self) -> Number:
        """The number with the other sign."""
        return self._replace(sign=1 - self.sign)


Result = tuple[int, int]
"""Bits, or a register, or an integer; and the flags raised."""


def unpack(form: FloatFormat, bits: int) -> Number:
    """What the bits of a format mean."""
    sign = bits >> form.width - 1 & 1
    exponent = bits >> form.fraction & (1 << form.exponent) - 1
    fraction = bits & (1 << form.fraction) - 1
    if exponent == (1 << form.exponent) - 1:
        if fraction == 0:
            return Number(Kind.INFINITE, sign)
        return Number(Kind.QUIET if fraction >> form.fraction - 1 else Kind.SIGNALING, sign)
    lowest = 1 - form.bias - form.fraction
    if exponent == 0:
        return Number(Kind.FINITE, sign, fraction, lowest)
    return Number(Kind.FINITE, sign, fraction | 1 << form.fraction, lowest + exponent - 1)


def _pack(form: FloatFormat, sign: int, magnitude: int) -> int:
    return sign << form.width - 1 | magnitude


def shift_rounded(mode: int, sign: int, significand: int, shift: int) -> tuple[int, bool]:
    """`significand` / 2**`shift` as an integer, rounded for a number of that sign, and whether that was inexact."""
    if shift <= 0:
        return significand << -shift, False
    kept = significand >> shift
    rest = significand & (1 << shift) - 1
    half = 1 << shift - 1
    match mode:
        case Rounding.RNE:
            up = rest > half or (rest == half and kept & 1 == 1)
        case Rounding.RTZ:
            up = False
        case Rounding.RDN:
            up = rest != 0 and sign == 1
        case Rounding.RUP:
            up = rest != 0 and sign == 0
        case _:
            up = rest >= half
    return kept + up, rest != 0


def round_and_pack(form: FloatFormat, mode: int, sign: int, significand: int, exponent: int) -> Result:
    """The number of a format nearest, as the mode understands it, to ±`significand` × 2**`exponent`.

    A significand that is itself cut off must keep a bit below the last one rounded to that says so.
    """
    if significand == 0:
        return _pack(form, sign, 0), 0
    least = 1 - form.bias
    top = exponent + significand.bit_length() - 1
    quantum = max(top, least) - form.fraction
    kept, inexact = shift_rounded(mode, sign, significand, quantum - exponent)
    if kept.bit_length() + quantum - 1 > form.bias:
        away = mode in (Rounding.RNE, Rounding.RMM) or mode == (Rounding.RDN if sign else Rounding.RUP)
        return _pack(form, sign, form.infinity if away else form.infinity - 1), Flag.OF | Flag.NX
    flags = int(Flag.NX) if inexact else 0
    if inexact and top < least:
        # Tiny after rounding: with an unbounded exponent it would still be below the least normal number.
        unbounded, _ = shift_rounded(mode, sign, significand, top - form.fraction - exponent)
        if top + 1 < least or unbounded.bit_length() <= form.fraction + 1:
            flags |= Flag.UF
    # The hidden bit counts as one of the exponent; so a subnormal has exponent 0, and a carry goes up by itself.
    return _pack(form, sign, (quantum + form.fraction + form.bias - 1 << form.fraction) + kept), flags


def _invalid(form: FloatFormat) -> Result:
    return form.nan, Flag.NV


def _propagated(form: FloatFormat, *numbers: Number) -> Result:
    """The result where an operand is a NaN."""
    return form.nan, Flag.NV if any(number.kind == Kind.SIGNALING for number in numbers) else 0


def _sum(form: FloatFormat, mode: int, a: Number, b: Number) -> Result:
    """Of two numbers that are not NaN and whose exponents may be any."""
    if Kind.INFINITE in (a.kind, b.kind):
        if a.kind == b.kind and a.sign != b.sign:
            return _invalid(form)
        return _pack(form, a.sign if a.kind == Kind.INFINITE else b.sign, form.infinity), 0
    exponent = min(a.exponent, b.exponent)
    total = sum((-1) ** n.sign * (n.significand << n.exponent - exponent) for n in (a, b))
    if total == 0:
        same = a.sign if a.sign == b.sign else int(mode == Rounding.RDN)
        return _pack(form, same if a.is_zero and b.is_zero else int(mode == Rounding.RDN), 0), 0
    return round_and_pack(form, mode, int(total < 0), abs(total), exponent)


def add(form: FloatFormat, mode: int, a: Number, b: Number) -> Result:
    """A + b."""
    if a.is_nan or b.is_nan:
        return _propagated(form, a, b)
    return _sum(form, mode, a, b)


def subtract(form: FloatFormat, mode: int, a: Number, b: Number) -> Result:
    """A - b."""
    return add(form, mode, a, b.negated())


def multiply(form: FloatFormat, mode: int, a: Number, b: Number) -> Result:
    """A × b."""
    if a.is_nan or b.is_nan:
        return _propagated(form, a, b)
    sign = a.sign ^ b.sign
    if Kind.INFINITE in (a.kind, b.kind):
        return _invalid(form) if a.is_zero or b.is_zero else (_pack(form, sign, form.infinity), 0)
    return round_and_pack(form, mode, sign, a.significand * b.significand, a.exponent + b.exponent)


def fused(form: FloatFormat, mode: int, a: Number, b: Number, c: Number) -> Result:
    """A × b + c with one rounding. Infinity × zero is invalid whatever c is."""
    infinite = Kind.INFINITE in (a.kind, b.kind)
    if infinite and (a.is_zero or b.is_zero):
        return _invalid(form)
    if a.is_nan or b.is_nan or c.is_nan:
        return _propagated(form, a, b, c)
    sign = a.sign ^ b.sign
    if infinite:
        product = Number(Kind.INFINITE, sign)
    else:
        product = Number(Kind.FINITE, sign, a.significand * b.significand, a.exponent + b.exponent)
    return _sum(form, mode, product, c)


def divide(form: FloatFormat, mode: int, a: Number, b: Number) -> Result:
    """A / b."""
    if a.is_nan or b.is_nan:
        return _propagated(form, a, b)
    sign = a.sign ^ b.sign
    if a.kind == Kind.INFINITE:
        return _invalid(form) if b.kind == Kind.INFINITE else (_pack(form, sign, form.infinity), 0)
    if b.kind == Kind.INFINITE:
        return _pack(form, sign, 0), 0
    if b.is_zero:
        return _invalid(form) if a.is_zero else (_pack(form, sign, form.infinity), Flag.DZ)
    # Enough bits for a subnormal operand over a normal one; what remains makes the lowest bit stick.
    extra = 2 * form.fraction + 4
    quotient, rest = divmod(a.significand << extra, b.significand)
    significand = quotient << 1 | (rest != 0)
    return round_and_pack(form, mode, sign, significand, a.exponent - b.exponent - extra - 1)


def square_root(form: FloatFormat, mode: int, a: Number) -> Result:
    """The square root; of minus zero it is minus zero."""
    if a.is_nan:
        return _propagated(form, a)
    if a.is_zero:
        return _pack(form, a.sign, 0), 0
    if a.sign:
        return _invalid(form)
    if a.kind == Kind.INFINITE:
        return form.infinity, 0
    extra = 2 * form.fraction + 4 + (a.exponent & 1)
    scaled = a.significand << extra
    root = math.isqrt(scaled)
    significand = root << 1 | (root * root != scaled)
    return round_and_pack(form, mode, 0, significand, (a.exponent - extra >> 1) - 1)


def to_integer(mode: int, a: Number, low: int, high: int) -> Result:
    """The integer nearest to a number; out of range it is the bound that it exceeds, a NaN the upper one."""
    if a.is_nan:
        return high, Flag.NV
    if a.kind == Kind.INFINITE:
        return low if a.sign else high, Flag.NV
    magnitude, inexact = shift_rounded(mode, a.sign, a.significand, -a.exponent)
    value = -magnitude if a.sign else magnitude
    if not low <= value <= high:
        return low if value < low else high, Flag.NV
    return value, Flag.NX if inexact else 0


def convert(form: FloatFormat, mode: int, a: Number) -> Result:
    """The number in another format."""
    if a.is_nan:
        return _propagated(form, a)
    if a.kind == Kind.INFINITE:
        return _pack(form, a.sign, form.infinity), 0
    return round_and_pack(form, mode, a.sign, a.significand, a.exponent)


Operation = Callable[[int, int, int, int], Result]
"""Rounding mode and three registers (or integers) to a register and the flags; what is not needed is ignored."""

INTEGERS: Final = {"w": (True, 32), "wu": (False, 32), "l": (True, 64), "lu": (False, 64)}
"""Signedness and width of the integers that conversions know."""


def _binary(form: FloatFormat, compute: Callable[[FloatFormat, int, Number, Number], Result]) -> Operation:
    def operate(mode: int, a: int, b: int, _c: int) -> Result:
        bits, flags = compute(form, mode, unpack(form, form.unbox(a)), unpack(form, form.unbox(b)))
        return form.box(bits), flags

    return operate


def _fused(form: FloatFormat, *, product: bool, addend: bool) -> Operation:
    """One of the four fused operations: whether the product, and the addend, are negated before they are added."""

    def operate(mode: int, a: int, b: int, c: int) -> Result:
        x, y, z = (unpack(form, form.unbox(register)) for register in (a, b, c))
        bits, flags = fused(form, mode, x.negated() if product else x, y, z.negated() if addend else z)
        return form.box(bits), flags

    return operate


def _square_root(form: FloatFormat) -> Operation:
    def operate(mode: int, a: int, _b: int, _c: int) -> Result:
        bits, flags = square_root(form, mode, unpack(form, form.unbox(a)))
        return form.box(bits), flags

    return operate


def _converted(form: FloatFormat, source: FloatFormat) -> Operation:
    def operate(mode: int, a: int, _b: int, _c: int) -> Result:
        bits, flags = convert(form, mode, unpack(source, source.unbox(a)))
        return form.box(bits), flags

    return operate


def _to_integer(form: FloatFormat, *, signed: bool, width: int) -> Operation:
    """The result is sign-extended from its width, also an unsigned one."""
    low, high = (-1 << width - 1, (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)

    def operate(mode: int, a: int, _b: int, _c: int) -> Result:
        value, flags = to_integer(mode, unpack(form, form.unbox(a)), low, high)
        if value >> width - 1 & 1:
            value |= -1 << width
        return value & MASK64, flags

    return operate


def _from_integer(form: FloatFormat, *, signed: bool, width: int) -> Operation:
    def operate(mode: int, a: int, _b: int, _c: int) -> Result:
        value = a & (1 << width) - 1
        if signed and value >> width - 1:
            value -= 1 << width
        bits, flags = round_and_pack(form, mode, int(value < 0), abs(value), 0)
        return form.box(bits), flags

    return operate


def _operations() -> dict[str, Operation]:
    found: dict[str, Operation] = {}
    for form in FORMATS:
        end = f".{form.suffix}"
        arithmetic = {"fadd": add, "fsub": subtract, "fmul": multiply, "fdiv": divide}
        found |= {name + end: _binary(form, compute) for name, compute in arithmetic.items()}
        found |= {
            "fsqrt" + end: _square_root(form),
            "fmadd" + end: _fused(form, product=False, addend=False),
            "fmsub" + end: _fused(form, product=False, addend=True),
            "fnmsub" + end: _fused(form, product=True, addend=False),
            "fnmadd" + end: _fused(form, product=True, addend=True),
        }
        for other in FORMATS:
            if other is not form:
                found[f"fcvt{end}.{other.suffix}"] = _converted(form, other)
        for name, (signed, width) in INTEGERS.items():
            found[f"fcvt.{name}{end}"] = _to_integer(form, signed=signed, width=width)
            found[f"fcvt{end}.{name}"] = _from_integer(form, signed=signed, width=width)
    return found


OPERATIONS: Final = _operations()
"""By the mnemonic of the instruction that is nothing else than this operation."""

OPERATION_NUMBERS: Final = {name: number for number, name in enumerate(OPERATIONS)}
_BY_NUMBER: Final = tuple(OPERATIONS.values())


def operate(number: int, mode: int, a: int, b: int, c: int) -> Result:
    """Carry out an operation, named by its number in `OPERATION_NUMBERS`."""
    return _BY_NUMBER[number](mode, a, b, c)
