"""SBI IPI: software interrupts for other harts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.kvm.interrupts import GuestInterrupt
from emulator.kvm.sbi.call import Answer, Outcome, SbiCall
from emulator.kvm.sbi.errors import SbiError, SbiRefusal
from emulator.kvm.sbi.harts import all_named, named_harts

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu


def handle(vcpu: Vcpu, call: SbiCall) -> Outcome:
    """Raise the interrupt in every hart that is named, also beside one that does not exist.

    Raises:
        SbiRefusal: For an unknown function, or a hart that does not exist where the kernel checks that.
    """
    if call.function != 0:
        raise SbiRefusal(SbiError(vcpu.profile.function_error))
    mask, base = call.args[:2]
    for target in named_harts(vcpu, mask, base):
        target.interrupts.raise_line(GuestInterrupt.SOFTWARE)
    if vcpu.profile.ipi_checks_harts and not all_named(vcpu, mask, base):
        raise SbiRefusal(SbiError.INVALID_PARAM)
    return Answer()
