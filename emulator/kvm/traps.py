"""What the hypervisor does with a trap out of a guest.

Source: arch/riscv/kvm/vcpu_exit.c and vcpu_insn.c. When a function here runs, the hart stands at the guest's
instruction, in the guest's mode, as if nothing had happened; what was wrong is in the `Trap`.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from emulator.hart.fields import Cause
from emulator.isa.table import BY_NAME, decode, instruction_length
from emulator.kvm.completions import CsrCompletion, MmioCompletion, SbiCompletion
from emulator.kvm.errors import KvmError
from emulator.kvm.exits import CsrExit, DebugExit, MmioExit, SbiExit, VcpuExit
from emulator.kvm.mmio import decode_access, read_transformed
from emulator.kvm.sbi.call import Answer, Forward, Leave, SbiCall, Wait
from emulator.kvm.sbi.dispatch import dispatch
from emulator.kvm.sbi.ranges import LEGACY
from emulator.kvm.trap import GUEST_FAULTS, Trap

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

INTERRUPT: Final = 1 << 63
REFLECTED: Final = frozenset(
    {Cause.FETCH_ACCESS, Cause.LOAD_MISALIGNED, Cause.LOAD_ACCESS, Cause.STORE_MISALIGNED, Cause.STORE_ACCESS}
)

SEED: Final = 0x015
READABLE_COUNTERS: Final = (0xC00, 0xC02)
"""`cycle` and `instret` read 0 where the guest has no PMU."""
SYSTEM: Final = 0x73


def handle(vcpu: Vcpu, trap: Trap) -> VcpuExit | None:
    """Handle a trap; None lets the guest go on.

    Raises:
        KvmError: The run fails, as with a cause that a guest should not have.
    """
    if trap.cause & INTERRUPT:
        return None
    match trap.cause:
        case Cause.ILLEGAL:
            vcpu.inject(Cause.ILLEGAL, trap.tval)
        case Cause.BREAKPOINT:
            return DebugExit(vcpu.context.get("pc"))
        case Cause.ECALL_VS:
            return _call(vcpu)
        case Cause.VIRTUAL_INSTRUCTION:
            return _emulate(vcpu, trap.tval)
        case cause if cause in GUEST_FAULTS:
            return _guest_fault(vcpu, trap)
        case cause if cause in REFLECTED and vcpu.profile.faults_reflected:
            vcpu.inject(cause, trap.tval)
        case _:
            raise KvmError(errno.EFAULT, f"the guest left with cause {trap.cause} at pc {vcpu.context.get('pc'):#x}")
    return None


# SBI.


def _call(vcpu: Vcpu) -> VcpuExit | None:
    context = vcpu.context
    args = tuple(context.get(f"x{number}") for number in range(10, 16))
    call = SbiCall(context.get("x17"), context.get("x16"), (args[0], args[1], args[2], args[3], args[4], args[5]))
    record = vcpu.vm.journal.called(vcpu, call)
    match dispatch(vcpu, call):
        case Answer(error, value):
            answer_call(vcpu, error, value, legacy=call.extension in LEGACY and vcpu.offers("v01"))
        case Forward():
            record.by_user_space = True
            vcpu.completion = SbiCompletion()
            return SbiExit(call.extension, call.function, call.args)
        case Leave(leaving):
            return leaving
        case Wait():
            answer_call(vcpu, 0, 0, legacy=False)
            vcpu.wait()
    return None


def answer_call(vcpu: Vcpu, error: int, value: int, *, legacy: bool) -> None:
    """Answer an SBI call, and go on behind it."""
    vcpu.vm.journal.answered(vcpu, error, value)
    vcpu.context.put("x10", error)
    if not legacy:
        vcpu.context.put("x11", value)
    vcpu.skip(4)


# Memory.


def _guest_fault(vcpu: Vcpu, trap: Trap) -> VcpuExit | None:
    """Memory is mapped when it is first touched; what is no memory is a device of user space's."""
    address = trap.address
    store = trap.cause == Cause.STORE_GUEST_PAGE
    if vcpu.vm.map_page(address, store=store):
        return None
    if trap.cause == Cause.FETCH_GUEST_PAGE:
        if not vcpu.profile.faults_reflected:
            raise KvmError(errno.EOPNOTSUPP, f"the guest executes at {address:#x}, where no memory is")
        vcpu.inject(Cause.FETCH_ACCESS, trap.tval)
        return None
    return _mmio(vcpu, trap)


def _mmio(vcpu: Vcpu, trap: Trap) -> VcpuExit:
    address = trap.address
    access = read_transformed(trap.tinst) if trap.tinst & 1 else decode_access(vcpu.fetch())
    if access is None:
        raise KvmError(
            errno.EOPNOTSUPP, f"the instruction at {vcpu.context.get('pc'):#x} is no load or store that KVM knows"
        )
    if address % access.length:
        raise KvmError(errno.EIO, f"an access of {access.length} bytes to {address:#x} is not aligned")
    data = b""
    if access.is_write:
        value = vcpu.context.get(f"x{access.register}") if access.register else 0
        data = (value & (1 << 8 * access.length) - 1).to_bytes(access.length, "little")
    vcpu.completion = MmioCompletion(access)
    return MmioExit(address, access.length, data, access.is_write)


# Instructions.


WAIT: Final = BY_NAME["wfi"]
STALL: Final = BY_NAME["wrs.nto"]


def _emulate(vcpu: Vcpu, word: int) -> VcpuExit | None:
    """A virtual-instruction exception: WFI, WRS.NTO and some CSRs; everything else is illegal for the guest."""
    word = word or vcpu.fetch()
    instruction = decode(word) if instruction_length(word) == 4 and word & 0x7F == SYSTEM else None
    row = instruction.row if instruction is not None else None
    if row is WAIT:
        vcpu.skip(4)
        vcpu.wait()
        return None
    if row is STALL:
        vcpu.skip(4)
        return None
    if row is not None and row.name.startswith("csrr"):
        return _emulate_csr(vcpu, word, row.name)
    vcpu.inject(Cause.ILLEGAL, word)
    return None


def _emulate_csr(vcpu: Vcpu, word: int, name: str) -> VcpuExit | None:
    number, field, rd = word >> 20, word >> 15 & 31, word >> 7 & 31
    operand = field if name.endswith("i") else vcpu.context.get(f"x{field}") if field else 0
    new_value, mask = {"w": (operand, (1 << 64) - 1), "s": ((1 << 64) - 1, operand), "c": (0, operand)}[name[4]]
    if number in READABLE_COUNTERS and not vcpu.host.pmu:
        if rd:
            vcpu.context.put(f"x{rd}", 0)
        vcpu.skip(4)
        return None
    if number == SEED and vcpu.has("zkr"):
        vcpu.completion = CsrCompletion(rd)
        return CsrExit(number, new_value, mask)
    vcpu.inject(Cause.ILLEGAL, word)
    return None
