"""Numbers of the f registers taken apart, and put together again with one rounding: what all arithmetic is made of.

A finite number is (-1)**sign × significand × 2**(exponent - 63), its significand shifted up until bit 63 is set. What
does not fit into 64 bits is remembered by the lowest one, which then is set: no format rounds there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MASK64
from emulator.hart.floatformats import FORMATS
from emulator.hart.floating import INEXACT, INVALID, OVERFLOW, UNDERFLOW, Rounding, accrue
from emulator.isa.domain import Routine

if TYPE_CHECKING:
    from emulator.hart.floatformats import FloatFormat
    from emulator.isa.domain import Bool, Domain, Value

TOP: Final = 1 << 63
"""The highest bit of a significand."""

FAR_BELOW: Final = -(1 << 20) & MASK64
"""The exponent of zero: below that of every product."""


class Bits:
    """The bits of an operand, and what they say about it; the canonical NaN if it is not boxed as it should be."""

    def __init__(self, d: Domain, form: FloatFormat, register: Value) -> None:
        self._d, self._form = d, form
        if form.width < 64:
            boxed = d.eq(d.lshr(register, form.width), MASK64 >> form.width)
            register = d.select(boxed, d.zext(register, form.width), form.nan)
        self.bits = register
        self.magnitude = d.and_(register, form.sign - 1)

    @property
    def nan(self) -> Bool:
        """Whether it is a NaN, quiet or signaling."""
        return self._d.ult(self._form.infinity, self.magnitude)

    @property
    def signaling(self) -> Bool:
        """Whether it is a signaling NaN."""
        quiet = self._d.ne(self._d.and_(self.bits, self._form.quiet), 0)
        return self._d.both(self.nan, self._d.negate(quiet))

    @property
    def negative(self) -> Bool:
        """Whether the sign bit is set."""
        return self._d.ne(self._d.and_(self.bits, self._form.sign), 0)

    @property
    def value(self) -> Value:
        """A signed integer in the order of the numbers; both zeros are 0."""
        return self._d.select(self.negative, self._d.sub(0, self.magnitude), self.magnitude)

    @property
    def rank(self) -> Value:
        """A signed integer in the order of the numbers; minus zero is below zero."""
        return self._d.select(self.negative, self._d.xor(self.magnitude, MASK64), self.magnitude)


def boxed(d: Domain, form: FloatFormat, bits: Value) -> Value:
    """The register that holds these bits."""
    return d.or_(bits, form.box(0))


def signed_box(d: Domain, form: FloatFormat, sign: Value, magnitude: Value) -> Value:
    """The register that holds a magnitude with a sign, 0 or 1."""
    return boxed(d, form, d.or_(d.shl(sign, form.width - 1), magnitude))


@dataclass(frozen=True, slots=True)
class Parts:
    """A number taken apart.

    Attributes:
        sign: 1 if negative.
        exponent: Of the highest bit, signed; `FAR_BELOW` for zero. Void for what is not finite.
        significand: 64 bits, the highest one set; 0 for zero. Void for what is not finite.
        nan: Whether it is one, quiet or signaling.
        signaling: Whether it is a signaling NaN.
        infinite: Whether it is an infinity.
        zero: Whether it is zero.
    """

    sign: Value
    exponent: Value
    significand: Value
    nan: Bool
    signaling: Bool
    infinite: Bool
    zero: Bool


def unpack(d: Domain, form: FloatFormat, register: Value) -> Parts:
    """Take apart what a register holds."""
    bits = Bits(d, form, register)
    field = d.lshr(bits.magnitude, form.fraction)
    normal = d.ne(field, 0)
    fraction = d.shl(d.and_(bits.bits, (1 << form.fraction) - 1), 63 - form.fraction)
    raw = d.or_(fraction, d.select(normal, TOP, 0))
    zeros = d.clz(raw)
    zero = d.eq(raw, 0)
    exponent = d.sub(d.sub(d.select(normal, field, 1), form.bias), zeros)
    return Parts(
        sign=d.lshr(bits.bits, form.width - 1),
        exponent=d.select(zero, FAR_BELOW, exponent),
        significand=d.shl(raw, d.and_(zeros, 63)),
        nan=bits.nan,
        signaling=bits.signaling,
        infinite=d.eq(bits.magnitude, form.infinity),
        zero=zero,
    )


def return_nan(d: Domain, form: FloatFormat, *operands: Parts, invalid: Bool = False) -> None:
    """Return the canonical NaN where an operand is one, or the operation invalid; raises the flag."""
    nan: Bool = False
    signaling = invalid
    for operand in operands:
        nan, signaling = d.either(nan, operand.nan), d.either(signaling, operand.signaling)
    for _ in d.when(signaling):
        d.call(accrue, INVALID)
    for _ in d.when(d.either(nan, signaling)):
        d.ret(form.box(form.nan))


def sticky(d: Domain, value: Value, lost: Bool) -> Value:
    """A value whose lowest bit is set if something below it was lost."""
    return d.or_(value, d.flag(lost))


def _shift_right(d: Domain, value: Value, count: Value) -> Value:
    """Shifted by at most 64, the lowest bit sticky."""
    most = d.eq(count, 64)
    low = d.and_(count, 63)
    kept = d.select(most, 0, d.lshr(value, low))
    return sticky(d, kept, d.ne(d.select(most, 0, d.shl(kept, low)), value))


def _outward(d: Domain, mode: Value, sign: Value) -> Bool:
    """Whether a directed mode takes numbers of a sign away from zero."""
    down = d.both(d.eq(mode, Rounding.RDN), d.ne(sign, 0))
    return d.either(down, d.both(d.eq(mode, Rounding.RUP), d.eq(sign, 0)))


def _to_nearest(d: Domain, mode: Value) -> Bool:
    return d.either(d.eq(mode, Rounding.RNE), d.eq(mode, Rounding.RMM))


def rounds_up(d: Domain, mode: Value, sign: Value, kept: Value, rest: Value, half: int) -> Bool:
    """Whether a magnitude becomes the one above `kept`, from which `rest` is cut off; `half` is half a step."""
    tie_up = d.either(d.eq(mode, Rounding.RMM), d.ne(d.and_(kept, 1), 0))
    past_half = d.either(d.ult(half, rest), d.both(d.eq(rest, half), tie_up))
    directed = d.both(_outward(d, mode, sign), d.ne(rest, 0))
    return d.either(d.both(_to_nearest(d, mode), past_half), directed)


def _rounding(form: FloatFormat) -> Routine:
    """The routine that makes a register of mode, sign, exponent and significand (not zero), raising flags."""
    dropped = 63 - form.fraction
    half, rest_bits = 1 << dropped - 1, (1 << dropped) - 1
    least = 1 - form.bias

    def cut(d: Domain, mode: Value, sign: Value, significand: Value) -> tuple[Value, Value]:
        """The fraction and its hidden bit, rounded; and what was cut off."""
        kept, rest = d.lshr(significand, dropped), d.and_(significand, rest_bits)
        return d.add(kept, d.flag(rounds_up(d, mode, sign, kept, rest, half))), rest

    def body(d: Domain, mode: Value, sign: Value, exponent: Value, significand: Value) -> None:
        below = d.sub(least & MASK64, exponent)
        small = d.slt(0, below)
        places = d.select(small, d.select(d.ult(below, 64), below, 64), 0)
        kept, rest = cut(d, mode, sign, _shift_right(d, significand, places))
        # The hidden bit counts as one of the exponent; so a subnormal has exponent 0, and a carry goes up by itself.
        field = d.select(small, 0, d.add(exponent, form.bias - 1))
        magnitude = d.add(d.shl(field, form.fraction), kept)
        huge = d.either(d.slt(form.bias, exponent), d.uge(magnitude, form.infinity))
        for _ in d.when(huge):
            away = d.either(_to_nearest(d, mode), _outward(d, mode, sign))
            d.call(accrue, OVERFLOW | INEXACT)
            d.ret(signed_box(d, form, sign, d.select(away, form.infinity, form.infinity - 1)))
        for _ in d.when(d.ne(rest, 0)):
            # Tiny is what would be below the least normal number also if it were rounded with an unbounded exponent.
            unbounded, _ = cut(d, mode, sign, significand)
            grows = d.both(d.eq(below, 1), d.eq(unbounded, 2 << form.fraction))
            tiny = d.both(small, d.negate(grows))
            d.call(accrue, d.or_(INEXACT, d.select(tiny, UNDERFLOW, 0)))
        d.ret(signed_box(d, form, sign, magnitude))

    return Routine(f"float_rounded_{form.suffix}", 4, body)


ROUNDED: Final = {form: _rounding(form) for form in FORMATS}


@dataclass(frozen=True, slots=True)
class Wide:
    """An unsigned integer of 128 bits, in two halves."""

    high: Value
    low: Value

    def plus(self, d: Domain, other: Wide) -> Wide:
        """The sum, which fits."""
        low = d.add(self.low, other.low)
        carry = d.flag(d.ult(low, self.low))
        return Wide(d.add(d.add(self.high, other.high), carry), low)

    def minus(self, d: Domain, other: Wide) -> Wide:
        """The difference, which is not negative."""
        borrow = d.flag(d.ult(self.low, other.low))
        return Wide(d.sub(d.sub(self.high, other.high), borrow), d.sub(self.low, other.low))

    def below(self, d: Domain, other: Wide) -> Bool:
        """Whether it is less."""
        return d.either(d.ult(self.high, other.high), d.both(d.eq(self.high, other.high), d.ult(self.low, other.low)))

    def is_zero(self, d: Domain) -> Bool:
        """Whether it is 0."""
        return d.eq(d.or_(self.high, self.low), 0)

    def choose(self, d: Domain, cond: Bool, other: Wide) -> Wide:
        """This one if the condition holds, else the other."""
        return Wide(d.select(cond, self.high, other.high), d.select(cond, self.low, other.low))

    def shifted_right(self, d: Domain, count: Value) -> Wide:
        """Shifted by at most 127, the lowest bit sticky."""
        word, bits = d.uge(count, 64), d.and_(count, 63)
        high, low = d.select(word, 0, self.high), d.select(word, self.high, self.low)
        lost = d.either(d.both(word, d.ne(self.low, 0)), d.ne(d.shl(d.lshr(low, bits), bits), low))
        from_high = d.shl(d.shl(high, 1), d.sub(63, bits))
        return Wide(d.lshr(high, bits), sticky(d, d.or_(d.lshr(low, bits), from_high), lost))

    def leading_zeros(self, d: Domain) -> Value:
        """Zero bits above the highest one; 128 for 0."""
        return d.select(d.eq(self.high, 0), d.add(d.clz(self.low), 64), d.clz(self.high))

    def shifted_left(self, d: Domain, count: Value) -> Wide:
        """Shifted by at most 127."""
        word, bits = d.uge(count, 64), d.and_(count, 63)
        high, low = d.select(word, self.low, self.high), d.select(word, 0, self.low)
        from_low = d.lshr(d.lshr(low, 1), d.sub(63, bits))
        return Wide(d.or_(d.shl(high, bits), from_low), d.shl(low, bits))
