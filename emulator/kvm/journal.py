"""What a virtual machine remembers of its exits and its guests' SBI calls, for who debugs it."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from emulator.hart.layouts import cause_name
from emulator.kvm.errors import KvmError
from emulator.kvm.exits import VcpuExit, reason_of
from emulator.kvm.sbi.call import SbiCall
from emulator.kvm.trap import GUEST_FAULTS, Trap

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

REMEMBERED: Final = 64
"""Exits, and calls, that are kept; the counts go on."""
IN_KERNEL: Final = ""
"""The reason of what KVM handles by itself."""
FAILED: Final = "internal-error"
"""The reason of a KVM_RUN that returned an error."""


@dataclass(frozen=True, slots=True)
class ExitRecord:
    """A trap out of the guest.

    Attributes:
        index: How many there were before it.
        step: The hart's time.
        vcpu: Number of the vcpu.
        pc: Where.
        trap: What the hart says of it.
        outcome: What user space got, or KVM_RUN failed with; None where KVM handled it.
    """

    index: int
    step: int
    vcpu: int
    pc: int
    trap: Trap
    outcome: VcpuExit | KvmError | None

    @property
    def reason(self) -> str:
        """Why it went on to user space (`emulator.kvm.exits.REASONS`), `FAILED`, or `IN_KERNEL`."""
        if self.outcome is None:
            return IN_KERNEL
        return FAILED if isinstance(self.outcome, KvmError) else reason_of(self.outcome)

    def __str__(self) -> str:
        """A sentence."""
        fault = f", guest-physical {self.trap.address:#x}" if self.trap.cause in GUEST_FAULTS else ""
        what = f"vcpu {self.vcpu} left the guest at pc {self.pc:#x} by {cause_name(self.trap.cause)}{fault}: "
        if self.outcome is None:
            return f"{what}KVM went on"
        return what + (f"KVM_RUN failed, {self.outcome}" if isinstance(self.outcome, KvmError) else str(self.outcome))


@dataclass(slots=True)
class CallRecord:
    """An SBI call of the guest's.

    Attributes:
        index: How many there were before it.
        step: The hart's time.
        vcpu: Number of the vcpu.
        pc: Where.
        call: What was asked.
        by_user_space: Whether user space answers it.
        answer: Error and value; None while there is none.
    """

    index: int
    step: int
    vcpu: int
    pc: int
    call: SbiCall
    by_user_space: bool = False
    answer: tuple[int, int] | None = None


class Journal:
    """The memory of one virtual machine.

    Attributes:
        exits: The last traps out of the guest, oldest first.
        calls: The last SBI calls, oldest first.
        counts: Traps by cause and reason.
    """

    def __init__(self) -> None:
        self.exits: deque[ExitRecord] = deque(maxlen=REMEMBERED)
        self.calls: deque[CallRecord] = deque(maxlen=REMEMBERED)
        self.counts: Counter[tuple[int, str]] = Counter()
        self._exits = 0
        self._calls = 0

    def left(self, vcpu: Vcpu, pc: int, trap: Trap, outcome: VcpuExit | KvmError | None) -> ExitRecord:
        """Note a trap out of the guest and what came of it."""
        record = ExitRecord(self._exits, vcpu.hart.get("time_base"), vcpu.id, pc, trap, outcome)
        self._exits += 1
        self.exits.append(record)
        self.counts[trap.cause, record.reason] += 1
        return record

    def called(self, vcpu: Vcpu, call: SbiCall) -> CallRecord:
        """Note a call; its answer is to come."""
        record = CallRecord(self._calls, vcpu.hart.get("time_base"), vcpu.id, vcpu.context.get("pc"), call)
        self._calls += 1
        self.calls.append(record)
        return record

    def answered(self, vcpu: Vcpu, error: int, value: int) -> None:
        """The last call of a vcpu has its answer."""
        for record in reversed(self.calls):
            if record.vcpu == vcpu.id:
                record.answer = error, value
                return
