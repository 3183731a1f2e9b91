"""Why a vcpu came back to user space: KVM's exit reasons, with what they carry. Matched exhaustively."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class DebugExit:
    """KVM_EXIT_DEBUG: an `ebreak` while user space debugs the guest, or a breakpoint of the debugger.

    Attributes:
        pc: Where.
    """

    pc: int

    def __str__(self) -> str:
        """A sentence's end."""
        return f"KVM_EXIT_DEBUG at {self.pc:#x}"


@dataclass(frozen=True, slots=True)
class MmioExit:
    """KVM_EXIT_MMIO: an access to guest memory without a slot; `Vcpu.complete_mmio` gives what a load reads.

    Attributes:
        address: Guest physical address.
        length: Bytes: 1, 2, 4 or 8.
        data: What is stored; empty for a load.
        is_write: Whether it is a store.
    """

    address: int
    length: int
    data: bytes
    is_write: bool

    def __str__(self) -> str:
        """A sentence's end."""
        if self.is_write:
            value = int.from_bytes(self.data, "little")
            return f"KVM_EXIT_MMIO, a store of {self.length} bytes to {self.address:#x}: {value:#x}"
        return f"KVM_EXIT_MMIO, a load of {self.length} bytes from {self.address:#x}"


@dataclass(frozen=True, slots=True)
class SbiExit:
    """KVM_EXIT_RISCV_SBI: an SBI call that is user space's to answer, through `Vcpu.complete_sbi`.

    Attributes:
        extension: The extension's id, `a7`.
        function: The function's id, `a6`.
        args: `a0` to `a5`.
    """

    extension: int
    function: int
    args: tuple[int, int, int, int, int, int]

    def __str__(self) -> str:
        """A sentence's end."""
        args = ", ".join(f"{arg:#x}" for arg in self.args)
        return f"KVM_EXIT_RISCV_SBI, extension {self.extension:#x}, function {self.function}, arguments {args}"


@dataclass(frozen=True, slots=True)
class CsrExit:
    """KVM_EXIT_RISCV_CSR: a CSR that is user space's to emulate, through `Vcpu.complete_csr`.

    The CSR becomes `(old & ~write_mask) | (new_value & write_mask)`.

    Attributes:
        csr: Its number.
        new_value: What is written.
        write_mask: The bits that are.
    """

    csr: int
    new_value: int
    write_mask: int

    def __str__(self) -> str:
        """A sentence's end."""
        return f"KVM_EXIT_RISCV_CSR, CSR {self.csr:#x} written with {self.new_value:#x} under {self.write_mask:#x}"


SHUTDOWN_EVENT: Final = 1
RESET_EVENT: Final = 2


@dataclass(frozen=True, slots=True)
class SystemEventExit:
    """KVM_EXIT_SYSTEM_EVENT: the guest switches itself off (1) or asks for a reset (2).

    Attributes:
        type: 1 or 2.
        reason: The reason that the guest gave to the SBI.
    """

    type: int
    reason: int

    def __str__(self) -> str:
        """A sentence's end."""
        what = {SHUTDOWN_EVENT: "shutdown", RESET_EVENT: "reset"}.get(self.type, f"type {self.type}")
        return f"KVM_EXIT_SYSTEM_EVENT, {what}, reason {self.reason:#x}"


@dataclass(frozen=True, slots=True)
class FailEntryExit:
    """KVM_EXIT_FAIL_ENTRY: the hardware could not enter the guest.

    Attributes:
        reason: The hardware's reason.
    """

    reason: int


@dataclass(frozen=True, slots=True)
class InterruptedExit:
    """KVM_EXIT_INTR: something outside wants the thread back, or the guest waits and nothing could wake it (EINTR)."""


@dataclass(frozen=True, slots=True)
class BudgetExit:
    """Exactly as many steps as the budget allowed have been made. Real KVM has no such exit: threads are its clock."""


VcpuExit: TypeAlias = (
    DebugExit | MmioExit | SbiExit | CsrExit | SystemEventExit | FailEntryExit | InterruptedExit | BudgetExit
)

REASONS: Final = {
    MmioExit: "mmio",
    SbiExit: "sbi",
    CsrExit: "csr",
    SystemEventExit: "system-event",
    DebugExit: "debug",
}
"""KVM's exit reasons, in lower case: those that a guest can have here."""


def reason_of(leaving: VcpuExit) -> str:
    """The reason of an exit."""
    return REASONS[type(leaving)]
