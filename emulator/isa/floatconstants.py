"""The constants that FLI loads: a number in the field of rs1 names one (manual volume I, chapter "Zfa")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from emulator.hart.floatformats import FloatFormat

MINIMUM: Final = "min"
INFINITY: Final = "inf"
NAN: Final = "nan"

CONSTANTS: Final[tuple[float | str, ...]] = (
    *(-1.0, MINIMUM, 2.0**-16, 2.0**-15, 2.0**-8, 2.0**-7, 0.0625, 0.125),
    *(0.25, 0.3125, 0.375, 0.4375, 0.5, 0.625, 0.75, 0.875),
    *(1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0),
    *(8.0, 16.0, 128.0, 256.0, 32768.0, 65536.0, INFINITY, NAN),
)
"""By their numbers. `min` is the least positive normal number of the format, `nan` the canonical NaN."""


def constant_bits(form: FloatFormat, number: int) -> int:
    """The bits of a constant in a format; what is too large for it is infinity."""
    value = CONSTANTS[number]
    if isinstance(value, str):
        return {MINIMUM: 1 << form.fraction, INFINITY: form.infinity, NAN: form.nan}[value]
    mantissa, exponent = abs(value), form.bias
    while mantissa >= 2:
        mantissa, exponent = mantissa / 2, exponent + 1
    while mantissa < 1 and exponent > 1:
        mantissa, exponent = mantissa * 2, exponent - 1
    if exponent > 2 * form.bias:
        return form.infinity
    # The hidden bit of a normal number counts as one of the exponent.
    magnitude = (exponent - 1 << form.fraction) + int(mantissa * (1 << form.fraction))
    return magnitude | (form.sign if value < 0 else 0)


def constant_text(number: int) -> str:
    """A constant as binutils writes it: in C's hexadecimal notation, or by its name."""
    value = CONSTANTS[number]
    if isinstance(value, str):
        return value
    mantissa, exponent = value.hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{exponent}"


_NUMBERS: Final = {value: number for number, value in enumerate(CONSTANTS)}


def parse_constant(text: str) -> int:
    """The number of a constant: by name, or any notation of its value.

    Raises:
        KeyError: It is none of the constants.
        ValueError: It is not a number either.
    """
    if text in _NUMBERS:
        return _NUMBERS[text]
    return _NUMBERS[float.fromhex(text) if "x" in text else float(text)]
