"""The binary formats that f registers hold numbers in (IEEE 754-2019, 3.4; manual volume I, F, D and Zfh)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MASK64: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class FloatFormat:
    """A binary interchange format.

    Attributes:
        suffix: As mnemonics have it.
        exponent: Bits of the exponent.
        fraction: Bits of the fraction, without the hidden one.
    """

    suffix: str
    exponent: int
    fraction: int

    @property
    def width(self) -> int:
        """Bits in all."""
        return 1 + self.exponent + self.fraction

    @property
    def bias(self) -> int:
        """Of the exponent; also the largest exponent."""
        return (1 << self.exponent - 1) - 1

    @property
    def infinity(self) -> int:
        """The bits of plus infinity."""
        return (1 << self.exponent) - 1 << self.fraction

    @property
    def nan(self) -> int:
        """The bits of the canonical NaN."""
        return self.infinity | 1 << self.fraction - 1

    @property
    def sign(self) -> int:
        """The sign bit."""
        return 1 << self.width - 1

    @property
    def quiet(self) -> int:
        """The bit that a quiet NaN has and a signaling one has not."""
        return 1 << self.fraction - 1

    @property
    def one(self) -> int:
        """The bits of 1.0."""
        return self.bias << self.fraction

    def box(self, bits: int) -> int:
        """A register that holds these bits."""
        return (bits | -1 << self.width) & MASK64


HALF: Final = FloatFormat("h", 5, 10)
SINGLE: Final = FloatFormat("s", 8, 23)
DOUBLE: Final = FloatFormat("d", 11, 52)
FORMATS: Final = (HALF, SINGLE, DOUBLE)
