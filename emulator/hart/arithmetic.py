"""Floating-point arithmetic by the book: every operation exact, rounded once, with the flags of IEEE 754-2019.

What the reference engine computes with, and what compiled code falls back on where the host's own unit will not do.
Operations take and give whole f registers, in which a narrower number is NaN-boxed (manual volume I, "NaN Boxing of
Narrower Values"). Every NaN result is the canonical one; underflow is detected after rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, Final, TypeAlias

from emulator.hart.floatformats import DOUBLE, FORMATS
from emulator.hart.floating import DIVIDE_BY_ZERO, INEXACT, INVALID, Rounding, accrue, rounding_mode
from emulator.hart.floatparts import (
    ROUNDED,
    TOP,
    Parts,
    Wide,
    boxed,
    return_nan,
    rounds_up,
    signed_box,
    sticky,
    unpack,
)
from emulator.isa.domain import Routine

if TYPE_CHECKING:
    from emulator.hart.floatformats import FloatFormat
    from emulator.isa.domain import Bool, Domain, Value

# Sums and products.


def _normal_product(d: Domain, x: Parts, y: Parts) -> tuple[Value, Wide]:
    """The product of two significands with bit 127 set, if it is not zero, and the exponent of that bit."""
    exact = Wide(d.mulhu(x.significand, y.significand), d.mul(x.significand, y.significand))
    high = d.ne(d.and_(exact.high, TOP), 0)
    exponent = d.add(d.add(x.exponent, y.exponent), d.flag(high))
    return exponent, exact.choose(d, high, exact.shifted_left(d, 1))


def _sum(
    d: Domain, form: FloatFormat, mode: Value, one: tuple[Value, Value, Wide], other: tuple[Value, Value, Wide]
) -> None:
    """Return the sum of two numbers, each given as sign, exponent and 128 bits of which the lowest is 0."""
    (sign_a, exponent_a, a), (sign_b, exponent_b, b) = one, other
    same = d.eq(exponent_a, exponent_b)
    swap = d.either(d.slt(exponent_a, exponent_b), d.both(same, a.below(d, b)))
    sign = d.select(swap, sign_b, sign_a)
    exponent = d.select(swap, exponent_b, exponent_a)
    distance = d.sub(exponent, d.select(swap, exponent_a, exponent_b))
    # Bit 127 is left free for a carry; the larger number's lowest bits are 0, so that the smaller one's sticky bit is
    # right also where it is subtracted.
    large = b.choose(d, swap, a).shifted_right(d, 1)
    small = a.choose(d, swap, b).shifted_right(d, 1)
    small = small.shifted_right(d, d.select(d.ult(distance, 127), distance, 127))
    alike = d.eq(sign_a, sign_b)
    total = large.plus(d, small).choose(d, alike, large.minus(d, small))
    for _ in d.when(total.is_zero(d)):
        negative = d.select(alike, sign_a, d.flag(d.eq(mode, Rounding.RDN)))
        d.ret(signed_box(d, form, negative, 0))
    zeros = total.leading_zeros(d)
    normal = total.shifted_left(d, zeros)
    significand = sticky(d, normal.high, d.ne(normal.low, 0))
    d.ret(d.call(ROUNDED[form], mode, sign, d.sub(d.add(exponent, 1), zeros), significand))


def _fused(form: FloatFormat) -> Routine:
    """A × b + c. Infinity × zero is invalid whatever c is."""

    def body(d: Domain, mode: Value, a: Value, b: Value, c: Value) -> None:
        x, y, z = (unpack(d, form, register) for register in (a, b, c))
        sign = d.xor(x.sign, y.sign)
        infinite = d.either(x.infinite, y.infinite)
        undefined = d.both(infinite, d.either(x.zero, y.zero))
        return_nan(d, form, x, y, z, invalid=undefined)
        for _ in d.when(infinite):
            for _ in d.when(d.both(z.infinite, d.ne(sign, z.sign))):
                return_nan(d, form, invalid=True)
            d.ret(signed_box(d, form, sign, form.infinity))
        for _ in d.when(z.infinite):
            d.ret(signed_box(d, form, z.sign, form.infinity))
        exponent, exact = _normal_product(d, x, y)
        _sum(d, form, mode, (sign, exponent, exact), (z.sign, z.exponent, Wide(z.significand, 0)))

    return Routine(f"float_fused_{form.suffix}", 4, body)


# Quotients and roots.

QUOTIENT_STEPS: Final = 5
QUOTIENT_BITS: Final = 11
"""A significand has 53 bits, so that a remainder leaves room for this many more in 64; five times is enough."""


def _divided(form: FloatFormat) -> Routine:
    def body(d: Domain, mode: Value, a: Value, b: Value) -> None:
        x, y = unpack(d, form, a), unpack(d, form, b)
        sign = d.xor(x.sign, y.sign)
        undefined = d.either(d.both(x.infinite, y.infinite), d.both(x.zero, y.zero))
        return_nan(d, form, x, y, invalid=undefined)
        for _ in d.when(x.infinite):
            d.ret(signed_box(d, form, sign, form.infinity))
        for _ in d.when(d.either(y.infinite, x.zero)):
            d.ret(signed_box(d, form, sign, 0))
        for _ in d.when(y.zero):
            d.call(accrue, DIVIDE_BY_ZERO)
            d.ret(signed_box(d, form, sign, form.infinity))
        dividend, divisor = d.lshr(x.significand, QUOTIENT_BITS), d.lshr(y.significand, QUOTIENT_BITS)
        quotient = d.udiv(dividend, divisor)
        rest = d.urem(dividend, divisor)
        for _ in range(QUOTIENT_STEPS):
            longer = d.shl(rest, QUOTIENT_BITS)
            quotient = d.or_(d.shl(quotient, QUOTIENT_BITS), d.udiv(longer, divisor))
            rest = d.urem(longer, divisor)
        zeros = d.clz(quotient)
        exponent = d.add(d.sub(x.exponent, y.exponent), d.sub(63 - QUOTIENT_STEPS * QUOTIENT_BITS, zeros))
        significand = sticky(d, d.shl(quotient, d.and_(zeros, 63)), d.ne(rest, 0))
        d.ret(d.call(ROUNDED[form], mode, sign, exponent, significand))

    return Routine(f"float_divided_{form.suffix}", 3, body)


ROOT_BITS: Final = 57
"""Bits of a root that are computed, two more than any format rounds to."""


def _root_bits(d: Domain, radicand: Value) -> Value:
    """The root of a number in [1, 4) whose two highest bits are the whole ones: 64 bits, the lowest sticky."""
    left, rest, root = d.var(radicand), d.var(0), d.var(0)
    count = d.var(ROOT_BITS)
    for _ in d.loop(lambda: d.ne(count.get(), 0)):
        longer = d.or_(d.shl(rest.get(), 2), d.lshr(left.get(), 62))
        trial = d.or_(d.shl(root.get(), 2), 1)
        fits = d.uge(longer, trial)
        rest.set(d.select(fits, d.sub(longer, trial), longer))
        root.set(d.or_(d.shl(root.get(), 1), d.flag(fits)))
        left.set(d.shl(left.get(), 2))
        count.set(d.sub(count.get(), 1))
    return sticky(d, d.shl(root.get(), 64 - ROOT_BITS), d.ne(rest.get(), 0))


def _rooted(form: FloatFormat) -> Routine:
    """The square root; of minus zero it is minus zero."""

    def body(d: Domain, mode: Value, a: Value) -> None:
        x = unpack(d, form, a)
        undefined = d.both(d.ne(x.sign, 0), d.negate(d.either(x.zero, x.nan)))
        return_nan(d, form, x, invalid=undefined)
        for _ in d.when(x.zero):
            d.ret(signed_box(d, form, x.sign, 0))
        for _ in d.when(x.infinite):
            d.ret(form.box(form.infinity))
        odd = d.ne(d.and_(x.exponent, 1), 0)
        radicand = d.select(odd, x.significand, d.lshr(x.significand, 1))
        d.ret(d.call(ROUNDED[form], mode, 0, d.ashr(x.exponent, 1), _root_bits(d, radicand)))

    return Routine(f"float_rooted_{form.suffix}", 2, body)


# Conversions.


def _converted(form: FloatFormat, source: FloatFormat) -> Routine:
    """A number of another format."""

    def body(d: Domain, mode: Value, a: Value) -> None:
        x = unpack(d, source, a)
        return_nan(d, form, x)
        for _ in d.when(x.infinite):
            d.ret(signed_box(d, form, x.sign, form.infinity))
        for _ in d.when(x.zero):
            d.ret(signed_box(d, form, x.sign, 0))
        d.ret(d.call(ROUNDED[form], mode, x.sign, x.exponent, x.significand))

    return Routine(f"float_{form.suffix}_from_{source.suffix}", 2, body)


def _integral(d: Domain, mode: Value, x: Parts) -> tuple[Value, Bool]:
    """The magnitude rounded to an integer, and whether that is inexact; for exponents up to 63."""
    behind = d.sub(63, x.exponent)
    places = d.select(d.slt(behind, 65), behind, 65)
    low = d.and_(places, 63)
    whole = d.select(d.ult(places, 64), d.lshr(x.significand, low), 0)
    # What stands behind the point, one half being the highest bit; of 65 places and more only that it is not zero.
    part = d.select(d.eq(places, 0), 0, d.shl(x.significand, d.and_(d.sub(64, places), 63)))
    part = d.select(d.eq(places, 65), d.flag(d.negate(x.zero)), part)
    up = rounds_up(d, mode, x.sign, whole, part, TOP)
    return d.add(whole, d.flag(up)), d.ne(part, 0)


def _to_integer(form: FloatFormat, name: str, *, signed: bool, width: int) -> Routine:
    """Out of range it is the bound that is exceeded, a NaN the upper one; sign-extended, also an unsigned one."""
    low, high = (1 << width - 1, (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)

    def body(d: Domain, mode: Value, a: Value) -> None:
        x = unpack(d, form, a)
        negative = d.ne(x.sign, 0)
        magnitude, inexact = _integral(d, mode, x)
        outside = d.either(d.slt(63, x.exponent), d.ult(d.select(negative, low, high), magnitude))
        for _ in d.when(d.either(d.either(x.nan, x.infinite), outside)):
            d.call(accrue, INVALID)
            lower = d.both(negative, d.negate(x.nan))
            d.ret(d.select(lower, d.sub(0, low), d.sext(high, width)))
        for _ in d.when(inexact):
            d.call(accrue, INEXACT)
        d.ret(d.sext(d.select(negative, d.sub(0, magnitude), magnitude), width))

    return Routine(f"float_{form.suffix}_to_{name}", 2, body)


def _from_integer(form: FloatFormat, name: str, *, signed: bool, width: int) -> Routine:
    def body(d: Domain, mode: Value, a: Value) -> None:
        value = d.sext(a, width) if signed else d.zext(a, width)
        sign = d.lshr(value, 63) if signed else 0
        magnitude = d.select(d.ne(sign, 0), d.sub(0, value), value)
        for _ in d.when(d.eq(magnitude, 0)):
            d.ret(form.box(0))
        d.ret(d.call(ROUNDED[form], mode, sign, *_normal(d, magnitude)))

    return Routine(f"float_{form.suffix}_from_{name}", 2, body)


def _normal(d: Domain, integer: Value) -> tuple[Value, Value]:
    """Exponent and significand of an integer that is not zero."""
    zeros = d.clz(integer)
    return d.sub(63, zeros), d.shl(integer, d.and_(zeros, 63))


def _modular(form: FloatFormat) -> Routine:
    """Toward zero to an integer, of which the low 32 bits are kept; flags as of a saturating conversion."""

    def body(d: Domain, a: Value) -> None:
        x = unpack(d, form, a)
        negative = d.ne(x.sign, 0)
        below, inexact = _integral(d, Rounding.RTZ, x)
        # From 2**64 on, the lowest bit of a significand of 53 bits is above the 32 that are kept.
        places = d.sub(x.exponent, 63)
        large = d.slt(63, x.exponent)
        above = d.select(d.ult(places, 64), d.shl(x.significand, d.and_(places, 63)), 0)
        magnitude = d.select(large, above, below)
        outside = d.either(large, d.ult(d.select(negative, 1 << 31, (1 << 31) - 1), magnitude))
        unreal = d.either(x.nan, x.infinite)
        for _ in d.when(d.either(unreal, outside)):
            d.call(accrue, INVALID)
        for _ in d.when(d.both(inexact, d.negate(d.either(unreal, outside)))):
            d.call(accrue, INEXACT)
        value = d.select(negative, d.sub(0, magnitude), magnitude)
        d.ret(d.sext(d.select(unreal, 0, value), 32))

    return Routine(f"float_{form.suffix}_modulo_w", 1, body)


def _to_integral(form: FloatFormat, *, tells: bool) -> Routine:
    """The nearest whole number of the same format; `tells` raises the flag where it is another one."""

    def body(d: Domain, mode: Value, a: Value) -> None:
        x = unpack(d, form, a)
        return_nan(d, form, x)
        # Infinity, too, is past the last place that can have a fraction behind it.
        for _ in d.when(d.either(x.zero, d.sge(x.exponent, form.fraction))):
            d.ret(a)
        magnitude, inexact = _integral(d, mode, x)
        for _ in d.when(inexact) if tells else ():
            d.call(accrue, INEXACT)
        for _ in d.when(d.eq(magnitude, 0)):
            d.ret(signed_box(d, form, x.sign, 0))
        d.ret(d.call(ROUNDED[form], mode, x.sign, *_normal(d, magnitude)))

    return Routine(f"float_integral_{form.suffix}{'_nx' if tells else ''}", 2, body)


# Operations by name.

Operation: TypeAlias = Callable[..., "Value"]
"""A function of the domain, the rounding mode, and as many registers (or an integer) as the instruction has."""

INTEGERS: Final = {"w": (True, 32), "wu": (False, 32), "l": (True, 64), "lu": (False, 64)}
"""Signedness and width of the integers that conversions know."""


def _calling(target: Routine) -> Operation:
    return lambda d, mode, *registers: d.call(target, mode, *registers)


def _sums_and_products(form: FloatFormat) -> dict[str, Operation]:
    """All that the fused operation is. A register keeps its boxing where the sign of its number is changed."""
    fused, sign, one = _fused(form), form.sign, form.box(form.one)

    def multiplied(d: Domain, mode: Value, a: Value, b: Value) -> Value:
        # A zero of the product's own sign changes nothing.
        return d.call(fused, mode, a, b, boxed(d, form, d.and_(d.xor(a, b), sign)))

    def fused_with(*, product: int, addend: int) -> Operation:
        return lambda d, mode, a, b, c: d.call(fused, mode, d.xor(a, product), b, d.xor(c, addend))

    return {
        "fadd": lambda d, mode, a, b: d.call(fused, mode, a, one, b),
        "fsub": lambda d, mode, a, b: d.call(fused, mode, a, one, d.xor(b, sign)),
        "fmul": multiplied,
        "fmadd": fused_with(product=0, addend=0),
        "fmsub": fused_with(product=0, addend=sign),
        "fnmsub": fused_with(product=sign, addend=0),
        "fnmadd": fused_with(product=sign, addend=sign),
    }


def _operations() -> dict[str, Operation]:
    found: dict[str, Operation] = {}
    for form in FORMATS:
        end = f".{form.suffix}"
        found |= {name + end: operation for name, operation in _sums_and_products(form).items()}
        found["fdiv" + end] = _calling(_divided(form))
        found["fsqrt" + end] = _calling(_rooted(form))
        found["fround" + end] = _calling(_to_integral(form, tells=False))
        found["froundnx" + end] = _calling(_to_integral(form, tells=True))
        for name, (signed, width) in INTEGERS.items():
            found[f"fcvt.{name}{end}"] = _calling(_to_integer(form, name, signed=signed, width=width))
            found[f"fcvt{end}.{name}"] = _calling(_from_integer(form, name, signed=signed, width=width))
    for form, source in product(FORMATS, FORMATS):
        if form is not source:
            found[f"fcvt.{form.suffix}.{source.suffix}"] = _calling(_converted(form, source))
    modular = _modular(DOUBLE)
    found["fcvtmod.w.d"] = lambda d, _mode, a: d.call(modular, a)
    return found


OPERATIONS: Final = _operations()
"""By the mnemonic of the instruction that is nothing else than this operation."""


def exact(d: Domain, name: str, field: Value, operands: tuple[Value, ...]) -> Value:
    """The result of an operation carried out by the book, its rounding mode resolved and its flags raised."""
    return OPERATIONS[name](d, d.call(rounding_mode, field), *operands)
