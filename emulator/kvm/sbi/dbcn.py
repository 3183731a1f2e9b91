"""SBI DBCN, the debug console: user space's, once the function is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.kvm.sbi.call import Forward, Outcome, SbiCall
from emulator.kvm.sbi.errors import SbiError, SbiRefusal

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

FUNCTIONS: Final = range(3)
"""Write, read, write a byte."""


def handle(vcpu: Vcpu, call: SbiCall) -> Outcome:
    """Ask user space.

    Raises:
        SbiRefusal: For an unknown function, by kernels that look at it (`kvm_sbi_ext_dbcn_handler`).
    """
    if vcpu.profile.console_checked and call.function not in FUNCTIONS:
        raise SbiRefusal(SbiError.NOT_SUPPORTED)
    return Forward()
