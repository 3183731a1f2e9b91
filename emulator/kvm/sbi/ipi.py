"""SBI IPI: software interrupts for other harts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.kvm.interrupts import GuestInterrupt
from emulator.kvm.sbi.call import Answer, Outcome, SbiCall
from emulator.kvm.sbi.errors import SbiError, SbiRefusal
from emulator.kvm.sbi.harts import named_harts

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu


def handle(vcpu: Vcpu, call: SbiCall) -> Outcome:
    """Raise the interrupt in every hart that is named.

    Raises:
        SbiRefusal: For an unknown function, or a hart that does not exist where the kernel checks that.
    """
    if call.function != 0:
        raise SbiRefusal(SbiError(vcpu.profile.function_error))
    for target in named_harts(vcpu, call.args[0], call.args[1], strict=vcpu.profile.ipi_checks_harts):
        target.interrupts.raise_line(GuestInterrupt.SOFTWARE)
    return Answer()
