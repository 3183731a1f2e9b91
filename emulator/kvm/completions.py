"""What is left to do for a guest when user space has answered an exit: it is done when the vcpu runs again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from emulator.kvm.mmio import MemoryAccess

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

NOT_SUPPORTED = -2


@dataclass(slots=True)
class MmioCompletion:
    """Behind `MmioExit`: a load gets its value, and the guest goes on behind the instruction.

    Attributes:
        access: What the instruction does.
        data: What a load reads; user space may leave it.
    """

    access: MemoryAccess
    data: bytes = bytes(8)

    def apply(self, vcpu: Vcpu) -> None:
        """Do it."""
        if not self.access.is_write and self.access.register:
            vcpu.context.put(f"x{self.access.register}", self.access.extend(self.data))
        vcpu.skip(self.access.size)


@dataclass(slots=True)
class SbiCompletion:
    """Behind `SbiExit`: the guest gets the answer and goes on behind its call.

    Calls of SBI v0.1 have no second result, but `kvm_riscv_vcpu_sbi_return` sets `a1` for them, too.

    Attributes:
        error: For `a0`; until user space says otherwise, that there is no such call.
        value: For `a1`.
    """

    error: int = NOT_SUPPORTED
    value: int = 0

    def apply(self, vcpu: Vcpu) -> None:
        """Do it."""
        vcpu.vm.journal.answered(vcpu, self.error, self.value)
        vcpu.context.put("x10", self.error)
        vcpu.context.put("x11", self.value)
        vcpu.skip(4)


@dataclass(slots=True)
class CsrCompletion:
    """Behind `CsrExit`: the guest gets the CSR's old value and goes on behind the instruction.

    Attributes:
        register: Where to.
        value: The old value.
    """

    register: int
    value: int = 0

    def apply(self, vcpu: Vcpu) -> None:
        """Do it."""
        if self.register:
            vcpu.context.put(f"x{self.register}", self.value)
        vcpu.skip(4)


Completion: TypeAlias = MmioCompletion | SbiCompletion | CsrCompletion
