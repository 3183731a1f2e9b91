"""ACLINT: software interrupts (MSWI) and the timer (MTIMER) of every hart. Together they look like SiFive's CLINT.

Register layout: RISC-V ACLINT specification 1.0, chapters 2 and 3.
"""

from __future__ import annotations

from emulator.clock import TICKS_PER_SECOND, Clock
from emulator.devices.interrupts import MSIP, MTIP, HartLines
from emulator.devices.registers import peek_words
from emulator.errors import BusFault

_NEVER = (1 << 63) // (10**9 // TICKS_PER_SECOND)
"""Deadlines from here on (292 years, QEMU's limit) are not armed, so that a guest waiting for nothing is seen to."""


class Mswi:
    """One 32-bit register a hart whose bit 0 is that hart's machine software interrupt."""

    size = 0x4000

    def __init__(self, harts: int, lines: HartLines) -> None:
        """Make the device.

        Args:
            harts: Number of harts.
            lines: Interrupt lines into the harts.
        """
        self._pending = [0] * harts
        self._lines = lines

    def load(self, offset: int, width: int) -> int:
        """Read a hart's bit; registers of absent harts read zero."""
        if width != 4:
            raise BusFault(offset, width)
        return self._read(offset)

    def store(self, offset: int, width: int, value: int) -> None:
        """Set or clear a hart's software interrupt."""
        if width != 4:
            raise BusFault(offset, width)
        hart = offset >> 2
        if hart < len(self._pending):
            self._pending[hart] = value & 1
            self._lines(hart, MSIP, bool(value & 1))

    def peek(self, offset: int, length: int) -> bytes:
        """The registers' bytes."""
        return peek_words(self._read, offset, length)

    def reset(self) -> None:
        """Clear every software interrupt."""
        for hart in range(len(self._pending)):
            self._pending[hart] = 0
            self._lines(hart, MSIP, False)

    def _read(self, offset: int) -> int:
        hart = offset >> 2
        return self._pending[hart] if hart < len(self._pending) else 0


class Mtimer:
    """`mtime`, and one `mtimecmp` a hart. A hart's timer interrupt is pending while mtime >= mtimecmp."""

    size = 0x8000
    MTIME = 0x7FF8

    def __init__(self, harts: int, clock: Clock, lines: HartLines) -> None:
        """Make the device.

        Args:
            harts: Number of harts.
            clock: Where time comes from; alarms end a run slice at the tick a comparison becomes true.
            lines: Interrupt lines into the harts.
        """
        self._compare = [0] * harts
        self._clock = clock
        self._lines = lines

    def now(self) -> int:
        """`mtime` as the guest sees it."""
        return self._clock.mtime

    def load(self, offset: int, width: int) -> int:
        """Read `mtime` or an `mtimecmp`, whole or by halves; the rest reads zero."""
        if width not in (4, 8):
            raise BusFault(offset, width)
        return self._read(offset & ~7) >> 8 * (offset & 4) & (1 << 8 * width) - 1

    def store(self, offset: int, width: int, value: int) -> None:
        """Write `mtime` or an `mtimecmp`, whole or by halves."""
        if width not in (4, 8):
            raise BusFault(offset, width)
        register = offset & ~7
        if width == 4:
            keep, shift = (0xFFFF_FFFF, 32) if offset & 4 else (0xFFFF_FFFF << 32, 0)
            value = self._read(register) & keep | value << shift
        if register == self.MTIME:
            self._clock.mtime = value
            for hart in range(len(self._compare)):
                self._update(hart)
        elif register >> 3 < len(self._compare):
            self._compare[register >> 3] = value
            self._update(register >> 3)

    def peek(self, offset: int, length: int) -> bytes:
        """The registers' bytes."""
        return peek_words(lambda word: self._read(word & ~7) >> 8 * (word & 4) & 0xFFFF_FFFF, offset, length)

    def reset(self) -> None:
        """Forget writes to `mtime` and zero every `mtimecmp`: as in QEMU, every timer interrupt is pending.

        The machine's clock starts over by itself.
        """
        self._clock.forget_mtime()
        for hart in range(len(self._compare)):
            self._compare[hart] = 0
            self._lines(hart, MTIP, True)
            # Harts come out of reset after the board and forget the level; as soon as time runs they get it again.
            self._alarm(hart, 0)

    def _read(self, register: int) -> int:
        if register == self.MTIME:
            return self.now()
        hart = register >> 3
        return self._compare[hart] if hart < len(self._compare) else 0

    def _update(self, hart: int) -> None:
        left = self._compare[hart] - self.now()
        self._lines(hart, MTIP, left <= 0)
        self._alarm(hart, self._clock.now() + left if 0 < left < _NEVER else None)

    def _alarm(self, hart: int, deadline: int | None) -> None:
        self._clock.alarm(("mtimer", hart), deadline, lambda: self._update(hart))
