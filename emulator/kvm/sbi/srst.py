"""SBI SRST: the guest ends itself, or asks for a reset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.kvm.exits import RESET_EVENT, SHUTDOWN_EVENT, SystemEventExit
from emulator.kvm.sbi.call import Leave, Outcome, SbiCall
from emulator.kvm.sbi.errors import SbiError, SbiRefusal

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

EVENTS: Final = {0: SHUTDOWN_EVENT, 1: RESET_EVENT, 2: RESET_EVENT}
"""Shutdown, cold reboot, warm reboot."""


def handle(vcpu: Vcpu, call: SbiCall) -> Outcome:
    """Tell user space; kind and reason are numbers of 32 bits.

    Raises:
        SbiRefusal: For an unknown function or kind of reset.
    """
    kind, reason = (arg & 0xFFFF_FFFF for arg in call.args[:2])
    if call.function != 0 or kind not in EVENTS:
        raise SbiRefusal(SbiError.NOT_SUPPORTED)
    return end(vcpu, EVENTS[kind], reason)


def end(vcpu: Vcpu, event: int, reason: int) -> Outcome:
    """No vcpu runs any more; user space decides what comes next."""
    vcpu.vm.stop_vcpus()
    return Leave(SystemEventExit(event, reason))
