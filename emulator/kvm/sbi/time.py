"""SBI TIME: the timer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.kvm.sbi.call import Answer, Outcome, SbiCall
from emulator.kvm.sbi.errors import SbiError, SbiRefusal

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu


def handle(vcpu: Vcpu, call: SbiCall) -> Outcome:
    """Set the timer.

    Raises:
        SbiRefusal: For an unknown function.
    """
    if call.function != 0:
        raise SbiRefusal(SbiError(vcpu.profile.function_error))
    vcpu.timer.arm(call.args[0])
    return Answer()
