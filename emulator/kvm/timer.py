"""A vcpu's timer: through Sstc the guest's own `stimecmp`, otherwise an alarm of the hypervisor's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from emulator.kvm.context import Context
from emulator.kvm.interrupts import GuestInterrupt, Interrupts


class Timer(Protocol):
    """What user space and the SBI can do with a timer. Times are the guest's `time`."""

    @property
    def armed(self) -> bool:
        """Whether the hypervisor waits for an event."""
        ...

    def get_compare(self) -> int:
        """The time of the next event."""
        ...

    def set_compare(self, value: int) -> None:
        """Note the time of the next event, without arming it."""
        ...

    def arm(self, time: int) -> None:
        """Let the event be due at `time`; an interrupt of an earlier one is no longer pending."""
        ...

    def cancel(self) -> None:
        """Let there be no event."""
        ...


class SstcTimer:
    """The hart compares `vstimecmp` by itself, so that nothing is ever armed here."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def armed(self) -> bool:
        """Never: the hart watches the time."""
        return False

    def get_compare(self) -> int:
        """`vstimecmp`."""
        return self._context.get("vstimecmp")

    def set_compare(self, value: int) -> None:
        """Set `vstimecmp`."""
        self._context.put("vstimecmp", value)

    def arm(self, time: int) -> None:
        """Set `vstimecmp`."""
        self._context.put("vstimecmp", time)

    def cancel(self) -> None:
        """There is nothing to cancel."""


class AlarmTimer:
    """The hypervisor sets an alarm, and raises the guest's timer interrupt when it goes off.

    Args:
        interrupts: Of the vcpu.
        now: The guest's time.
    """

    def __init__(self, interrupts: Interrupts, now: Callable[[], int]) -> None:
        self._interrupts = interrupts
        self._now = now
        self._compare = (1 << 64) - 1
        self._armed = False

    @property
    def armed(self) -> bool:
        """Whether there is an event that is not yet due."""
        self.check()
        return self._armed

    def get_compare(self) -> int:
        """The time of the event."""
        return self._compare

    def set_compare(self, value: int) -> None:
        """Note a time."""
        self._compare = value

    def arm(self, time: int) -> None:
        """Wait for `time`."""
        self._interrupts.lower_line(GuestInterrupt.TIMER)
        self._compare = time
        self._armed = True
        self.check()

    def cancel(self) -> None:
        """Wait no longer."""
        self._armed = False

    def check(self) -> None:
        """Raise the interrupt if the event is due."""
        if self._armed and self._now() >= self._compare:
            self._armed = False
            self._interrupts.raise_line(GuestInterrupt.TIMER)
