"""SBI HSM: starting, stopping and suspending harts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.kvm.sbi.call import Answer, Outcome, SbiCall, Wait
from emulator.kvm.sbi.errors import SbiError, SbiRefusal

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

STARTED: Final = 0
STOPPED: Final = 1
SUSPENDED: Final = 4

RETENTIVE: Final = 0
NON_RETENTIVE: Final = 0x8000_0000


def handle(vcpu: Vcpu, call: SbiCall) -> Outcome:
    """Answer a call.

    Raises:
        SbiRefusal: For an unknown function or hart, or a hart in the wrong state.
    """
    match call.function:
        case 0:
            return _start(vcpu, call.args[0], call.args[1], call.args[2])
        case 1:
            vcpu.power_off()
            return Answer()
        case 2:
            return Answer(value=_status(vcpu, call.args[0]))
        case 3:
            return _suspend(call.args[0] & 0xFFFF_FFFF)
    raise SbiRefusal(SbiError.NOT_SUPPORTED)


def _start(vcpu: Vcpu, number: int, address: int, opaque: int) -> Outcome:
    target = _find(vcpu, number)
    if not target.stopped:
        raise SbiRefusal(SbiError.ALREADY_AVAILABLE)
    target.power_on(address, opaque)
    return Answer()


def _status(vcpu: Vcpu, number: int) -> int:
    target = _find(vcpu, number)
    if target.stopped:
        return STOPPED
    return SUSPENDED if target.waiting else STARTED


def _suspend(kind: int) -> Outcome:
    if kind == RETENTIVE:
        return Wait()
    raise SbiRefusal(SbiError.NOT_SUPPORTED if kind == NON_RETENTIVE else SbiError.INVALID_PARAM)


def _find(vcpu: Vcpu, number: int) -> Vcpu:
    """The kernel looks for a number of 32 bits (`kvm_get_vcpu_by_id`)."""
    number &= 0xFFFF_FFFF
    if number not in vcpu.vm.vcpus:
        raise SbiRefusal(SbiError.INVALID_PARAM)
    return vcpu.vm.vcpus[number]
