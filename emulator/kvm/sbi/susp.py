"""SBI SUSP: the whole guest sleeps. The kernel checks the call, and user space sleeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.kvm.sbi.call import Forward, Outcome, SbiCall
from emulator.kvm.sbi.errors import SbiError, SbiRefusal

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

SUSPEND_TO_RAM: Final = 0


def handle(vcpu: Vcpu, call: SbiCall) -> Outcome:
    """Check, and let user space answer; when it has, the vcpu begins again at the resume address.

    Raises:
        SbiRefusal: For another function, sleep type, caller, address, or while another hart is not stopped.
    """
    if call.function != 0:
        raise SbiRefusal(SbiError.NOT_SUPPORTED)
    kind, address, opaque = call.args[:3]
    if kind & 0xFFFF_FFFF != SUSPEND_TO_RAM:
        raise SbiRefusal(SbiError.INVALID_PARAM)
    if not vcpu.context.get("mode"):
        raise SbiRefusal(SbiError.FAILED)
    if not vcpu.vm.has_memory(address):
        raise SbiRefusal(SbiError.INVALID_ADDRESS)
    if any(not other.stopped for other in vcpu.vm.vcpus.values() if other is not vcpu):
        raise SbiRefusal(SbiError.DENIED)
    vcpu.resume_at(address, opaque)
    return Forward()
