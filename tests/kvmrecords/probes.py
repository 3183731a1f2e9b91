"""The lines of a record that need a running guest: the recording program's little guests, run again in VS-mode.

Each is some instructions at 0x80000000, with paging off and a trap handler at 0x80001000, and ends in a store to an
address without memory. Registers are set through ONE_REG.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from emulator.isa.table import BY_NAME, encode
from emulator.isa.text import assemble
from emulator.kvm import Kvm, KvmError, Vcpu
from emulator.kvm.exits import CsrExit, InterruptedExit, MmioExit, SbiExit, SystemEventExit, VcpuExit
from emulator.kvm.one_reg import IDS
from tests.kvmrecords.answers import Answer, Asked, hexadecimal
from tests.kvmrecords.line import Line, integer
from tests.kvmrecords.record import Record
from tests.kvmrecords.rules import UNKNOWN_CALL

MEMORY: Final = 0x8000_0000
SIZE: Final = 0x10000
HANDLER: Final = MEMORY + 0x1000
DATA: Final = MEMORY + 0x3000
STORED: Final = 0x1122_3344_5566_7788
ENDED: Final = 0x1000_0000
TRAPPED: Final = 0x1000_1000
SSTATUS: Final = 3 << 13 | 3 << 9
"""FS and VS dirty."""
BUDGET: Final = 10_000

EXIT_MMIO: Final = 6
EXIT_SYSTEM_EVENT: Final = 24
EXIT_SBI: Final = 35
EXIT_CSR: Final = 36
EINTR: Final = 4

END: Final = ("lui t0,0x10000", "sd a0,0(t0)")
HANDLE: Final = ("csrr a0,scause", "csrr a1,stval", "csrr a2,sepc", "lui t0,0x10001", "sd a0,0(t0)")
CALL: Final = re.compile(r"sbi ext=(\w+) fid=(\w+) a0=(\w+) a1=(\w+) a2=(\w+) smnpm=([01])")
TAGGED: Final = re.compile(r"tagged load bare pmlen=(\w+) tag=(\w+)")
FWFT: Final = 0x46574654
PMLEN: Final = 5
NO_CALL: Final = "sbi ext=0x10 fid=0 a0=0 a1=0 a2=0"
NOP: Final = "addi zero,zero,0"
ODD: Final = {
    "illegal0": 0,
    "unaligned jump": assemble("jalr zero,1(zero)"),
}
"""Probes of one instruction that have no mnemonic for a name."""
OPERANDS: Final = {"rd": 10, "rs2": 0, "imm": 0, "aqrl": 0}
BASE: Final = 7
"""What a probe of one instruction has for operands: `a0`, and `t2` for the address of an access."""


@dataclass(frozen=True)
class Program:
    """A guest.

    Attributes:
        code: Its instructions.
        registers: What is set before it runs.
        smnpm: Whether the guest keeps Smnpm.
    """

    code: tuple[int, ...]
    registers: tuple[tuple[str, int], ...] = ()
    smnpm: bool = True


def program(*lines: str | int, smnpm: bool = True, **registers: int) -> Program:
    """A guest from assembly text or encodings, and the end behind it."""
    code = tuple(line if isinstance(line, int) else _encode(line) for line in (*lines, *END))
    return Program(code, tuple(registers.items()), smnpm)


def _encode(line: str) -> int:
    """Assembly with the few aliases that the guests use."""
    read = re.fullmatch(r"csrr (\w+),(\w+)", line)
    return assemble(f"csrrs {read[1]},{read[2]},zero" if read else line)


def write_program(name: str, arg: int) -> Program:
    """The guest behind a probe's name.

    Raises:
        ValueError: If nothing is known of such a probe.
    """
    if name == "csr_read":
        return program("addi a1,zero,0", f"csrr a0,{arg:#x}")
    if name == "csr_write_ones":
        return program("addi t1,zero,-1", f"csrrw a0,{arg:#x},t1", f"csrr a1,{arg:#x}")
    if name == "fwft lock7 then set0":
        again = ("addi a0,zero,5", "addi a1,zero,0", "addi a2,zero,0", "addi a6,zero,0")
        return program("ecall", *again, "ecall", a7=FWFT, a0=PMLEN, a1=7, a2=1)
    if call := CALL.fullmatch(name):
        extension, function, a0, a1, a2, smnpm = (int(text, 0) for text in call.groups())
        return program("ecall", a7=extension, a6=function, a0=a0, a1=a1, a2=a2, smnpm=bool(smnpm))
    if tagged := TAGGED.fullmatch(name):
        pmlen, tag = (int(text, 0) for text in tagged.groups())
        return program("ecall", NOP, "ld a0,0(s1)", NOP, a7=FWFT, a0=PMLEN, a1=pmlen, s1=DATA | tag)
    return program(_instruction(name), t2=DATA)


def _instruction(name: str) -> int:
    if name in ODD:
        return ODD[name]
    if name in BY_NAME:
        row = BY_NAME[name]
        return encode(row, OPERANDS | {"rs1": BASE if "({rs1})" in row.format.syntax else 0})
    return assemble(name)


class Probes:
    """Runs a record's probes.

    Args:
        kvm: The emulated KVM.
        record: The record.
    """

    def __init__(self, kvm: Kvm, record: Record) -> None:
        self._kvm = kvm
        self._reads: dict[int, Answer] = {}
        """The answers of `csr_read`: one vcpu makes all of them, in the order of the numbers."""
        self._last_read = max((integer(line["arg"]) for _, line in record.lines if _is_read(line)), default=-1)
        self._calls = _calls_of(record)
        self._after: dict[tuple[int, bool], Answer] = {}
        """What the pointer masking register was after a call, by its number and by whether the guest had Smnpm."""
        self._rounds = _rounds_of(record)
        self._smnpm = True

    kinds = ("probe", "fwft_pm_after")

    def skip_rule(self, line: Line) -> str | None:
        """The rule by which a line is not replayed, None if it is."""
        known = "fwft_pm_after" not in line or integer(line["fwft_pm_after"]) in self._calls or not self._smnpm
        return None if known else UNKNOWN_CALL

    def answer(self, line: Line) -> Answer:
        """What the emulated KVM does with a probe, or what a register is after one."""
        if "fwft_pm_after" in line:
            return self._pointer_masking(integer(line["fwft_pm_after"]))
        name, arg = str(line["probe"]), integer(line["arg"])
        if name == "csr_read":
            if not self._reads:
                self._read_all()
            return self._reads[arg]
        guest = write_program(name, arg)
        vcpu = self._fresh(guest)
        if name.startswith("sbi "):
            answer = _run(vcpu, guest)
            self._after[arg, guest.smnpm] = _read_pointer_masking(vcpu)
            return answer
        return _run(vcpu, guest)

    def _pointer_masking(self, arg: int) -> Answer:
        """The pointer masking register after a probe; without Smnpm it makes no difference after which."""
        if (arg, self._smnpm) not in self._after:
            name = self._calls.get(arg, NO_CALL)
            guest = write_program(f"{name} smnpm={int(self._smnpm)}", arg)
            vcpu = self._fresh(guest)
            _run(vcpu, guest)
            self._after[arg, self._smnpm] = _read_pointer_masking(vcpu)
        return self._after[arg, self._smnpm]

    def follow(self, index: int) -> None:
        """Note which line of the record is at hand: a register's line does not say whether its guest had Smnpm."""
        self._smnpm = self._rounds[index]

    def _read_all(self) -> None:
        vcpu = self._fresh(program())
        for number in range(self._last_read + 1):
            self._reads[number] = _run(vcpu, write_program("csr_read", number))

    def _fresh(self, guest: Program) -> Vcpu:
        vm = self._kvm.create_vm(max_vcpus=1, host_memory=SIZE)
        vcpu = vm.create_vcpu(0)
        if not guest.smnpm:
            Asked(vcpu, IDS["isa_ext.smnpm"]).set(0)
        vm.set_memory_region(0, MEMORY, SIZE)
        vm.write_memory(HANDLER, _bytes([_encode(line) for line in HANDLE]))
        vm.write_memory(DATA, STORED.to_bytes(8, "little"))
        return vcpu


def _is_read(line: Line) -> bool:
    return line.get("probe") == "csr_read"


def _smnpm_of(line: Line) -> bool | None:
    call = CALL.fullmatch(str(line.get("probe", "")))
    return None if call is None else call[6] == "1"


def _rounds_of(record: Record) -> list[bool]:
    """For each line, whether the guest of the call before it had Smnpm; before the first call, as with that one."""
    rounds = []
    latest = next((known for _, line in record.lines if (known := _smnpm_of(line)) is not None), True)
    for _, line in record.lines:
        known = _smnpm_of(line)
        latest = latest if known is None else known
        rounds.append(latest)
    return rounds


def _read_pointer_masking(vcpu: Vcpu) -> Answer:
    error, value = Asked(vcpu, IDS["sbi_fwft.pointer_masking.value"]).get()
    return {"get": error, "v": hexadecimal(value)}


def _calls_of(record: Record) -> dict[int, str]:
    """The SBI calls of a record by number; both rounds made the same."""
    calls = {}
    for _, line in record.lines:
        name = str(line.get("probe", ""))
        if CALL.fullmatch(name):
            calls[integer(line["arg"])] = name.rpartition(" ")[0]
    return calls


def _bytes(code: Sequence[int]) -> bytes:
    return b"".join(word.to_bytes(4, "little") for word in code)


def _run(vcpu: Vcpu, guest: Program) -> Answer:
    vcpu.run(immediate_exit=True)
    vcpu.vm.write_memory(MEMORY, _bytes(guest.code))
    vcpu.set_one_reg("csr.sstatus", SSTATUS)
    vcpu.set_one_reg("csr.stvec", HANDLER)
    vcpu.set_one_reg("core.pc", MEMORY)
    vcpu.set_one_reg("core.mode", 1)
    for name, value in guest.registers:
        vcpu.set_one_reg(f"core.{name}", value)
    try:
        answer = _describe(vcpu, vcpu.run(BUDGET))
    except KvmError as error:
        answer = {"exit": -error.errno}
    return answer | {"pc": f"{vcpu.get_one_reg('core.pc'):#x}"}


def _describe(vcpu: Vcpu, reason: VcpuExit) -> Answer:
    a0, a1, a2 = (vcpu.get_one_reg(f"core.a{number}") for number in range(3))
    match reason:
        case MmioExit(address=address, is_write=True) if address == ENDED:
            return {"exit": EXIT_MMIO, "ok": 1, "a0": hexadecimal(a0), "a1": hexadecimal(a1)}
        case MmioExit(address=address, is_write=True) if address == TRAPPED:
            return {"exit": EXIT_MMIO, "trap": a0, "stval": hexadecimal(a1), "sepc": hexadecimal(a2)}
        case MmioExit(address, length, _, is_write):
            return {"exit": EXIT_MMIO, "mmio": hexadecimal(address), "len": length, "w": int(is_write)}
        case SystemEventExit(kind, cause):
            return {"exit": EXIT_SYSTEM_EVENT, "sysev": kind, "data0": cause}
        case SbiExit(extension, function):
            return {"exit": EXIT_SBI, "sbi_ext": hexadecimal(extension), "fid": function}
        case CsrExit(csr):
            return {"exit": EXIT_CSR, "csr": hexadecimal(csr)}
        case InterruptedExit():
            return {"exit": -EINTR}
    return {"exit": type(reason).__name__}
