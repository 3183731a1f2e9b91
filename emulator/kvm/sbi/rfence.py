"""SBI RFENCE: fences on other harts. Harts take turns, so that a fence is done when the call returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.kvm.sbi.call import Answer, Outcome, SbiCall
from emulator.kvm.sbi.errors import SbiError, SbiRefusal
from emulator.kvm.sbi.harts import named_harts

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

FENCES: Final = range(3)
"""FENCE.I, SFENCE.VMA, SFENCE.VMA with an ASID."""
HFENCES: Final = range(3, 7)
"""For guests that are hypervisors, which this KVM's cannot be."""


def handle(vcpu: Vcpu, call: SbiCall) -> Outcome:
    """Fence.

    Raises:
        SbiRefusal: For an unknown function.
    """
    if call.function in FENCES:
        for target in named_harts(vcpu, call.args[0], call.args[1]):
            target.fence()
        return Answer()
    if call.function in HFENCES and vcpu.profile.hfence_ignored:
        return Answer()
    raise SbiRefusal(SbiError.NOT_SUPPORTED)
