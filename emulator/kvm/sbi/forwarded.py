"""SBI calls that user space answers: the debug console, and the experimental and vendors' ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.kvm.sbi.call import Forward, Outcome, SbiCall

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu


def handle(vcpu: Vcpu, call: SbiCall) -> Outcome:
    """Ask user space, whatever the function."""
    return Forward()
