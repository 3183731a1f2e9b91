"""A user space for the emulated KVM: it loads an ELF, answers the debug console, and runs to the guest's end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from emulator.kvm import Host, Kvm, KvmError, MmioExit, SbiExit, SystemEventExit, Vcpu, VcpuExit, Vm, parse_isa
from emulator.loader import parse_elf

ISA: Final = "rv64imafdch_svpbmt_svade_zicntr_zicsr_zifencei_ssnpm_sstc"
MEMORY: Final = 0x8000_0000
SIZE: Final = 4 << 20
DBCN: Final = 0x4442434E
LONGEST: Final = 20_000_000
"""Steps after which a guest is given up."""


@dataclass
class Vmm:
    """A virtual machine with a guest in it.

    Attributes:
        vm: The machine.
        console: What the guest has printed.
        accesses: Its accesses to where no memory is.
    """

    vm: Vm
    console: str = ""
    accesses: list[MmioExit] = field(default_factory=list)

    def serve(self, vcpu: Vcpu, leaving: VcpuExit) -> bool:
        """Answer an exit (`Vm.user_space`): the console; zeros where nothing is."""
        match leaving:
            case SbiExit(extension, function, args) if extension == DBCN:
                vcpu.complete_sbi(*self._print(function, args))
            case MmioExit(_, length, _, is_write):
                self.accesses.append(leaving)
                if not is_write:
                    vcpu.complete_mmio(bytes(length))
            case _:
                return False
        return True

    def _print(self, function: int, args: tuple[int, ...]) -> tuple[int, int]:
        if function != 0:
            return -2, 0
        try:
            data = self.vm.read_memory(args[1], args[0])
        except KvmError:
            return -3, 0
        self.console += data.decode()
        return 0, len(data)

    def run(self) -> VcpuExit:
        """Run to what only a user space with more in it could answer, or until it is given up."""
        return self.vm.run(LONGEST)[1]

    @property
    def lines(self) -> list[str]:
        """What the guest has printed."""
        return self.console.splitlines()

    @property
    def failed(self) -> list[str]:
        """The checks that have failed."""
        return [line for line in self.lines if line.startswith("FAILED")]


def start(
    elf: Path,
    kernel: str = "linux-7.2",
    isa: str = ISA,
    *,
    vcpus: int = 1,
    registers: Mapping[str, int] | None = None,
    host: Host | None = None,
) -> Vmm:
    """A virtual machine with a program at its entry.

    Args:
        elf: The program, linked for physical addresses of guest memory.
        kernel: A profile's name.
        isa: The host's ISA.
        vcpus: How many.
        registers: ONE_REG registers by name that every vcpu gets.
        host: A host of which more is to be said than its ISA.
    """
    vm = Kvm(host or Host(parse_isa(isa)), kernel).create_vm(max_vcpus=vcpus, host_memory=SIZE)
    vm.set_memory_region(0, MEMORY, SIZE)
    image = parse_elf(elf, elf.read_bytes())
    for segment in image.segments:
        vm.write_memory(segment.address, bytes(segment.data))
    for number in range(vcpus):
        vcpu = vm.create_vcpu(number)
        for name, value in {"sbi_ext.dbcn": 1, **(registers or {})}.items():
            vcpu.set_one_reg(name, value)
    vm.vcpus[0].set_one_reg("core.pc", image.entry)
    vmm = Vmm(vm)
    vm.user_space = vmm.serve
    return vmm


def ended(reason: int) -> SystemEventExit:
    """The exit of a guest that switches itself off."""
    return SystemEventExit(1, reason)
