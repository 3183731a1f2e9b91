"""SiFive's test finisher: the guest ends or resets the machine with one store. Exit codes as QEMU 10 and later."""

from __future__ import annotations

from collections.abc import Callable

from emulator.errors import BusFault
from emulator.stops import GuestExit, GuestReset, Stop

FAIL = 0x3333
PASS = 0x5555
RESET = 0x7777


class Finisher:
    """One write-only register: the low 16 bits say what to do, the next 16 are the exit code."""

    size = 0x1000

    def __init__(self, request: Callable[[Stop], None]) -> None:
        """Make a finisher.

        Args:
            request: Asks the machine to end its run with this stop.
        """
        self._request = request

    def load(self, offset: int, width: int) -> int:
        """Read zero."""
        self._check(offset, width)
        return 0

    def store(self, offset: int, width: int, value: int) -> None:
        """End or reset the machine; anything that is not one of the three commands is ignored."""
        self._check(offset, width)
        if offset != 0:
            return
        command, code = value & 0xFFFF, value >> 16 & 0xFFFF
        if command in (PASS, FAIL):
            self._request(GuestExit(code))
        elif command == RESET:
            self._request(GuestReset())

    def peek(self, offset: int, length: int) -> bytes:
        """Zeros, as loads read."""
        return bytes(length)

    def reset(self) -> None:
        """Nothing to do: the finisher has no state."""

    @staticmethod
    def _check(offset: int, width: int) -> None:
        if width not in (2, 4):
            raise BusFault(offset, width)
