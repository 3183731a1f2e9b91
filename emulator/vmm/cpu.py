"""A vcpu as user space sets it up: its extensions at the beginning, its registers at every reset.

Which registers are written, in which order, and what becomes of a refusal, is QEMU's way (target/riscv/kvm/kvm-cpu.c);
kvmtool does the same for its `--disable-<ext>`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from emulator.errors import ConfigError
from emulator.isa.extensions import EXTENSIONS, HOST_MODEL, TRANSLATIONS, CpuConfig
from emulator.kvm import KvmError, MpState, Vcpu, Vm
from emulator.kvm.one_reg import NAMES
from emulator.kvm.registers.core import CLASS as CORE
from emulator.vmm.config import GuestConfig

LETTERS: Final = ("a", "c", "d", "f", "h", "i", "m")
"""What QEMU writes first: the bits of `misa`."""
ORDER: Final = {row.name: index for index, row in enumerate(EXTENSIONS)}
"""Then the others, as the ISA string has them."""
SUPERVISOR: Final = ("sstatus", "sie", "stvec", "sscratch", "sepc", "scause", "stval", "sip", "satp")


def make_vcpus(vm: Vm, guest: GuestConfig, warn: Callable[[str], None]) -> None:
    """Make and set up the vcpus of a new virtual machine.

    Raises:
        ConfigError: As of `set_up`.
    """
    for number in range(guest.machine.harts):
        set_up(vm.create_vcpu(number), guest.switches, warn)


def set_up(vcpu: Vcpu, switches: Mapping[str, bool], warn: Callable[[str], None]) -> None:
    """Give a new vcpu the extensions that were asked for, and the debug console.

    Args:
        vcpu: It has not run.
        switches: What `-cpu host` says, by name.
        warn: Told of an extension that KVM does not hide: the guest has it, but its device tree does not say so.

    Raises:
        ConfigError: For what KVM refuses to enable, and for a letter that it refuses to disable.
    """
    known = {NAMES.get(number, "") for number in vcpu.reg_list()}
    for name in _in_order(switches):
        on = switches[name]
        if f"isa_ext.{name}" not in known:
            if on:
                raise ConfigError(f"-cpu host: {name}=on: {vcpu.profile.name} on this host has no '{name}' for guests")
        elif on != vcpu.has(name):
            _switch(vcpu, name, on, warn)
    try:
        vcpu.set_one_reg("sbi_ext.dbcn", 1)
    except KvmError as error:
        if error.errno != errno.ENOENT:
            raise


def _in_order(names: Iterable[str]) -> list[str]:
    last = len(ORDER)
    return sorted(names, key=lambda name: (name not in LETTERS, ORDER.get(name, last), name))


def _switch(vcpu: Vcpu, name: str, on: bool, warn: Callable[[str], None]) -> None:
    if on and name in LETTERS:
        raise ConfigError(f"-cpu host: {name}=on: the host does not have '{name}' enabled, so no guest can have it")
    try:
        vcpu.set_one_reg(f"isa_ext.{name}", int(on))
    except KvmError as error:
        if on or name in LETTERS or error.errno != errno.EINVAL:
            word = "enable" if on else "disable"
            raise ConfigError(f"-cpu host: KVM of {vcpu.profile.name} does not {word} '{name}' ({error})") from error
        if vcpu.id == 0:
            warn(
                f"warning: KVM of {vcpu.profile.name} cannot disable '{name}': "
                "the device tree will not name it, but the guest can use it"
            )


def described(vm: Vm, guest: GuestConfig) -> CpuConfig:
    """What the device tree says that a vcpu is: what its ISA_EXT registers say, without what was to be hidden."""
    vcpu = vm.vcpus[0]
    hidden = {name for name, on in guest.switches.items() if not on}
    names = frozenset(name for name in vcpu.isa - hidden if name in ORDER)
    host_modes = frozenset(TRANSLATIONS[: vcpu.host.satp_mode - 7])
    return CpuConfig(HOST_MODEL, names, guest.translations & host_modes)


def reset_vcpu(vcpu: Vcpu, pc: int, device_tree: int) -> None:
    """Bring a vcpu to where a guest begins: vcpu 0 at `pc` in VS-mode, the others stopped.

    Kernels that can, reset the vcpu themselves; for the others every register is written.

    Args:
        vcpu: The vcpu.
        pc: Guest physical address of the first instruction.
        device_tree: Guest physical address of the blob.
    """
    if vcpu.vm.mp_state_reset:
        vcpu.set_mp_state(MpState.INIT_RECEIVED)
    values = {"pc": pc, "mode": 1, "a0": vcpu.id, "a1": device_tree}
    for row in CORE.listing(vcpu):
        vcpu.set_one_reg(f"core.{row.name}", values.get(row.name, 0))
    for name in SUPERVISOR:
        vcpu.set_one_reg(f"csr.{name}", 0)
    vcpu.set_mp_state(MpState.RUNNABLE if vcpu.id == 0 else MpState.STOPPED)
