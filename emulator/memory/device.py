"""What a device is: a span of physical addresses that answers loads and stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

IrqLine: TypeAlias = Callable[[bool], None]
"""A wire to an interrupt controller: call it with the level."""


class Device(Protocol):
    """A span of physical addresses; offsets are relative to its first byte.

    A device raises `emulator.errors.BusFault` (with the offset as the address) for a width or an offset that it
    does not answer; the bus turns offsets into addresses.
    """

    size: int

    def load(self, offset: int, width: int) -> int:
        """Read `width` bytes (1, 2, 4 or 8) at `offset`, little-endian, with every side effect a guest's load has."""
        ...

    def store(self, offset: int, width: int, value: int) -> None:
        """Write the low `width` bytes of `value` at `offset`."""
        ...

    def reset(self) -> None:
        """Return to the power-on state."""
        ...
