"""Google's Goldfish real-time clock, as on QEMU's `virt` board: nanoseconds since 1970, and an alarm.

It shows the machine's own time counted from a given epoch, never the host's clock, so that a run can be repeated.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from emulator.clock import TICKS_PER_SECOND, Clock
from emulator.devices.moving import Saved, attributes, set_attributes
from emulator.devices.registers import peek_words
from emulator.errors import BusFault
from emulator.memory.device import IrqLine

_NS_PER_TICK = 10**9 // TICKS_PER_SECOND
_MASK32 = (1 << 32) - 1
_MASK64 = (1 << 64) - 1
_NEVER = (1 << 63) // _NS_PER_TICK


STATE: Final = ("_time_high", "_alarm", "_armed", "_enabled", "_pending")


class Register(IntEnum):
    """Offsets of the 32-bit registers."""

    TIME_LOW = 0x00
    TIME_HIGH = 0x04
    ALARM_LOW = 0x08
    ALARM_HIGH = 0x0C
    IRQ_ENABLED = 0x10
    CLEAR_ALARM = 0x14
    ALARM_STATUS = 0x18
    CLEAR_INTERRUPT = 0x1C


class Rtc:
    """The clock: reading `TIME_LOW` latches `TIME_HIGH`, writing `ALARM_LOW` arms the alarm."""

    size = 0x24

    _alarm: int
    _time_high: int

    def __init__(self, epoch: int, clock: Clock, irq: IrqLine) -> None:
        """Make a clock.

        Args:
            epoch: Nanoseconds since 1970 at the machine's power-on.
            clock: Where time comes from.
            irq: Wire to the interrupt controller.
        """
        self._epoch = epoch
        self._clock = clock
        self._irq = irq
        self._shift = 0
        self._power_on()

    def load(self, offset: int, width: int) -> int:
        """Read a register; command registers read zero."""
        self._check(offset, width)
        if offset == Register.TIME_LOW:
            self._time_high = self._now() >> 32
        return self._read(offset)

    def store(self, offset: int, width: int, value: int) -> None:
        """Write a register. Writing the time moves it, `TIME_LOW` last."""
        self._check(offset, width)
        match offset:
            case Register.TIME_LOW:
                self._shift += (self._now() & ~_MASK32 | value) - self._now()
            case Register.TIME_HIGH:
                self._shift += (value << 32 | self._now() & _MASK32) - self._now()
            case Register.ALARM_LOW:
                self._alarm = self._alarm & ~_MASK32 | value
                self._arm()
            case Register.ALARM_HIGH:
                self._alarm = value << 32 | self._alarm & _MASK32
            case Register.IRQ_ENABLED:
                self._enabled = bool(value & 1)
            case Register.CLEAR_ALARM:
                self._disarm()
            case Register.CLEAR_INTERRUPT:
                self._pending = False
        self._update()

    def peek(self, offset: int, length: int) -> bytes:
        """The registers' bytes; the upper half of the time is the latched one, as a load would show it."""
        return peek_words(self._read, offset, length)

    def reset(self) -> None:
        """Forget the alarm; the time goes on."""
        self._power_on()
        self._disarm()
        self._update()

    def saved(self) -> Saved:
        """The registers and the time."""
        return {"now": self._now(), **attributes(self, STATE)}

    def restore(self, state: Saved) -> None:
        """Go on at the time of a state, which is not this clock's."""
        set_attributes(self, state, STATE)
        now = state["now"]
        assert isinstance(now, int)
        self._shift += now - self._now()
        if self._armed:
            self._arm()
        self._update()

    def _power_on(self) -> None:
        self._time_high = 0
        self._alarm = 0
        self._armed = False
        self._enabled = False
        self._pending = False

    def _now(self) -> int:
        return (self._epoch + self._shift + self._clock.now() * _NS_PER_TICK) & _MASK64

    def _read(self, offset: int) -> int:
        match offset:
            case Register.TIME_LOW:
                return self._now() & _MASK32
            case Register.TIME_HIGH:
                return self._time_high
            case Register.ALARM_LOW:
                return self._alarm & _MASK32
            case Register.ALARM_HIGH:
                return self._alarm >> 32
            case Register.IRQ_ENABLED:
                return int(self._enabled)
            case Register.ALARM_STATUS:
                return int(self._armed)
            case _:
                return 0

    def _arm(self) -> None:
        ticks = -(-(self._alarm - self._now()) // _NS_PER_TICK)
        if ticks <= 0:
            self._fire()
            return
        self._armed = True
        deadline = self._clock.now() + ticks if ticks < _NEVER else None
        self._clock.alarm("rtc", deadline, self._fire)

    def _disarm(self) -> None:
        self._armed = False
        self._clock.alarm("rtc", None, self._fire)

    def _fire(self) -> None:
        self._disarm()
        self._pending = True
        self._update()

    def _update(self) -> None:
        self._irq(self._pending and self._enabled)

    @staticmethod
    def _check(offset: int, width: int) -> None:
        if width != 4:
            raise BusFault(offset, width)
