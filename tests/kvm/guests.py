"""Virtual machines with small guests, written as assembly text in the tests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from emulator.isa.text import assemble
from emulator.kvm import Host, Kvm, Vcpu, Vm, WorldOptions, parse_isa

ISA: Final = "rv64imafdch_zicbom_zicboz_zicntr_zicsr_zifencei_smstateen_ssnpm_sstc_svadu"
MEMORY: Final = 0x8000_0000
SIZE: Final = 0x10000
DATA: Final = MEMORY + 0x4000
HANDLER: Final = MEMORY + 0x1000
DEVICE: Final = 0x1000_0000
"""Where no memory is: a store there ends a guest."""
END: Final = ("lui t6,0x10000", "sd a0,0(t6)")


def make_vm(
    kernel: str = "linux-7.2", isa: str = ISA, *, vcpus: int = 1, host: Host | None = None, engine: str = "compiled"
) -> Vm:
    """A virtual machine with memory and vcpus."""
    kvm = Kvm(host or Host(parse_isa(isa)), kernel)
    vm = kvm.create_vm(max_vcpus=max(vcpus, 1), host_memory=1 << 20, options=WorldOptions(engine))
    for number in range(vcpus):
        vm.create_vcpu(number)
    vm.set_memory_region(0, MEMORY, SIZE)
    return vm


def code(lines: Iterable[str | int]) -> bytes:
    """Instructions as bytes; `csrr`, `csrw` and `li` are understood besides what the assembler knows."""
    return b"".join(_bytes(line) for line in lines)


def _bytes(line: str | int) -> bytes:
    if isinstance(line, int):
        return line.to_bytes(4 if line & 3 == 3 else 2, "little")
    line = re.sub(r"^csrr (\w+),(\w+)$", r"csrrs \1,\2,zero", line)
    line = re.sub(r"^csrw (\w+),(\w+)$", r"csrrw zero,\1,\2", line)
    line = re.sub(r"^li (\w+),(-?\w+)$", r"addi \1,zero,\2", line)
    word = assemble(line)
    return word.to_bytes(4 if word & 3 == 3 else 2, "little")


def load(vcpu: Vcpu, *lines: str | int, at: int = MEMORY, **registers: int) -> None:
    """Put a guest into memory and let a vcpu begin there; registers are CORE registers by name."""
    vcpu.vm.write_memory(at, code((*lines, *END)))
    vcpu.set_one_reg("core.pc", at)
    for name, value in registers.items():
        vcpu.set_one_reg(f"core.{name}", value)


def guest(*lines: str | int, kernel: str = "linux-7.2", isa: str = ISA, **registers: int) -> Vcpu:
    """The only vcpu of a virtual machine, ready to run a guest."""
    vm = make_vm(kernel, isa)
    load(vm.vcpus[0], *lines, **registers)
    return vm.vcpus[0]
