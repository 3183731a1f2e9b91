"""A vcpu's timer: through Sstc the guest's own `stimecmp`, otherwise an alarm of the hypervisor's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from emulator.kvm.context import ALL_ONES, Context
from emulator.kvm.interrupts import GuestInterrupt

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu


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

    def time_changed(self) -> None:
        """The guest's time has been set."""
        ...

    def arm_by_user(self, time: int) -> None:
        """Arm it from user space, for a time that has passed, while no hart is in the guest."""
        ...

    def reset(self) -> None:
        """As a new vcpu's is: no event."""
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

    def arm_by_user(self, time: int) -> None:
        """Lost: KVM writes the CSR of a hart that is not in the guest, and entering the guest writes it again."""

    def cancel(self) -> None:
        """There is nothing to cancel."""

    def reset(self) -> None:
        """The registers are reset on their own."""

    def time_changed(self) -> None:
        """The hart sees it by itself."""


class AlarmTimer:
    """The hypervisor sets an alarm, and raises the guest's timer interrupt when it goes off.

    Args:
        vcpu: Whose.
    """

    def __init__(self, vcpu: Vcpu) -> None:
        self._vcpu = vcpu
        self._compare = ALL_ONES
        self.armed = False

    def get_compare(self) -> int:
        """The time of the event."""
        return self._compare

    def set_compare(self, value: int) -> None:
        """Note a time."""
        self._compare = value

    def arm(self, time: int) -> None:
        """Wait for `time`."""
        self._vcpu.interrupts.lower_line(GuestInterrupt.TIMER)
        self._compare = time
        self.armed = True
        self.time_changed()

    def arm_by_user(self, time: int) -> None:
        """Due at once: a host's time does not stand still before the first run, as ours does."""
        self.cancel()
        self._compare = time
        self._vcpu.interrupts.raise_line(GuestInterrupt.TIMER)

    def cancel(self) -> None:
        """Wait no longer."""
        self.armed = False
        self._vcpu.vm.set_alarm(self._vcpu, None, self.time_changed)

    def reset(self) -> None:
        """No event, and `compare` as in the beginning (`kvm_riscv_vcpu_timer_reset`)."""
        self.cancel()
        self._compare = ALL_ONES

    def time_changed(self) -> None:
        """Raise the interrupt if the event is due, or wait for it."""
        if not self.armed:
            return
        if self._vcpu.vm.time >= self._compare:
            self.cancel()
            self._vcpu.interrupts.raise_line(GuestInterrupt.TIMER)
        else:
            self._vcpu.vm.set_alarm(self._vcpu, self._compare, self.time_changed)
