"""SBI v0.1: the calls from before there were extensions. Their answer is `a0` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.kvm.exits import SHUTDOWN_EVENT
from emulator.kvm.interrupts import GuestInterrupt
from emulator.kvm.sbi.call import Answer, Forward, Outcome, SbiCall
from emulator.kvm.sbi.errors import SbiError, SbiRefusal
from emulator.kvm.sbi.harts import named_harts
from emulator.kvm.sbi.srst import end

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu


def handle(vcpu: Vcpu, call: SbiCall) -> Outcome:
    """Answer a call, which is the extension id here.

    Raises:
        SbiRefusal: Never for the ids that are this extension's.
    """
    match call.extension:
        case 0:
            vcpu.timer.arm(call.args[0])
        case 1 | 2:
            return Forward()
        case 3:
            vcpu.interrupts.lower_line(GuestInterrupt.SOFTWARE)
        case 4:
            for target in _harts(vcpu, call.args[0]):
                target.interrupts.raise_line(GuestInterrupt.SOFTWARE)
        case 5 | 6 | 7:
            for target in _harts(vcpu, call.args[0]):
                target.fence()
        case 8:
            return end(vcpu, SHUTDOWN_EVENT, 0)
        case _:
            raise SbiRefusal(SbiError.NOT_SUPPORTED)
    return Answer()


def _harts(vcpu: Vcpu, pointer: int) -> list[Vcpu]:
    """The mask lies in the guest's memory; without a pointer every hart is meant."""
    if pointer == 0:
        return list(vcpu.vm.vcpus.values())
    mask = int.from_bytes(vcpu.read_virtual(pointer, 8), "little")
    return named_harts(vcpu, mask, 0)
