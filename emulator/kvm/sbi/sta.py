"""SBI STA: where the guest reads how long it did not run. Here it always runs, so that the record stays zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.kvm.errors import KvmError
from emulator.kvm.sbi.call import Answer, Outcome, SbiCall
from emulator.kvm.sbi.errors import SbiError, SbiRefusal

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

RECORD_SIZE: Final = 64
DISABLED: Final = (1 << 64) - 1


def handle(vcpu: Vcpu, call: SbiCall) -> Outcome:
    """Set the record's address.

    Raises:
        SbiRefusal: For an unknown function, flags, or an address that cannot be.
    """
    if call.function != 0:
        raise SbiRefusal(SbiError.NOT_SUPPORTED)
    low, high, flags = call.args[:3]
    if flags & 0xFFFF_FFFF:
        raise SbiRefusal(SbiError.INVALID_PARAM)
    if low == high == DISABLED:
        vcpu.sta_address = DISABLED
        return Answer()
    if low % RECORD_SIZE:
        raise SbiRefusal(SbiError.INVALID_PARAM)
    if high:
        raise SbiRefusal(SbiError.INVALID_ADDRESS)
    slot = vcpu.vm.slots.find(low)
    if slot is None or slot.readonly:
        raise SbiRefusal(SbiError.INVALID_ADDRESS)
    try:
        vcpu.vm.write_memory(low, bytes(RECORD_SIZE))
    except KvmError:
        raise SbiRefusal(SbiError.INVALID_ADDRESS) from None
    vcpu.sta_address = low
    return Answer()
