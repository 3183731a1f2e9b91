"""SBI PMU: performance counters, of which the guest has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.kvm.sbi.call import Answer, Outcome, SbiCall
from emulator.kvm.sbi.errors import SbiError, SbiRefusal

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

NUMBER_OF_COUNTERS: Final = 0
WITH_COUNTERS: Final = range(1, 9)
"""Functions that name counters, and so can only be wrong."""


def handle(vcpu: Vcpu, call: SbiCall) -> Outcome:
    """Count to zero.

    Raises:
        SbiRefusal: For everything else.
    """
    if call.function == 0:
        return Answer(value=NUMBER_OF_COUNTERS)
    raise SbiRefusal(SbiError.INVALID_PARAM if call.function in WITH_COUNTERS else SbiError.NOT_SUPPORTED)
