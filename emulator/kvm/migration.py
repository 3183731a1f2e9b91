"""Saving a virtual machine and restoring it, perhaps on another host or kernel: through ONE_REG and memory, as VMMs do.

What a destination does not have must not have been there: an ISA extension that the guest has, a register with a value
that cannot be set, ends the restoring with the register's name, and nothing has been changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from emulator.kvm.errors import KvmError
from emulator.kvm.memory import PAGE, Slot
from emulator.kvm.one_reg import IDS, NAMES, name_of
from emulator.kvm.statefile import StateError, seal, unseal
from emulator.kvm.vcpu import MpState, Vcpu

if TYPE_CHECKING:
    from emulator.kvm.vm import Vm

CHUNK: Final = 1 << 20
"""Bytes that are looked at at once: most memory of a guest is zero."""
ZERO: Final = bytes(PAGE)
ISA: Final = "isa_ext."
SBI: Final = "sbi_ext."
FEATURE: Final = "sbi_fwft."
FIRST: Final = (ISA, SBI)
"""Registers that decide which others there are."""
TIMER: Final = ("timer.state", "timer.time", "timer.compare")


@dataclass(frozen=True, slots=True)
class Unhideable:
    """An extension that user space cannot disable, so that it is there whether or not the guest was told of it.

    Attributes:
        register: Where it shows whether the guest uses it.
        mask: The bits that are zero if it does not.
    """

    register: str
    mask: int


UNHIDEABLE: Final = {"isa_ext.ssnpm": Unhideable("csr.senvcfg", 3 << 32)}
"""They may be missing at the destination as long as they are not in use. `senvcfg.PMM` is all that Ssnpm is."""


def save(vm: Vm, user_space: Mapping[str, Any]) -> bytes:
    """A virtual machine as a file's content, with what user space wants to find in it."""
    memory = bytearray()
    description = {
        "kernel": vm.kvm.profile.name,
        "time": vm.latest_time,
        "slots": [_describe_slot(vm, slot, memory) for slot in vm.slots],
        "vcpus": [_describe_vcpu(vcpu) for _, vcpu in sorted(vm.vcpus.items())],
        "user_space": dict(user_space),
    }
    return seal(description, bytes(memory))


def _describe_slot(vm: Vm, slot: Slot, memory: bytearray) -> dict[str, Any]:
    """Pages of zeros are left out."""
    pages = []
    for start in range(slot.address, slot.end, CHUNK):
        chunk = vm.read_memory(start, min(CHUNK, slot.end - start))
        if chunk == bytes(len(chunk)):
            continue
        for at in range(0, len(chunk), PAGE):
            content = chunk[at : at + PAGE]
            if content != ZERO:
                pages.append(start + at)
                memory += content
    return {
        "number": slot.number,
        "address": slot.address,
        "size": slot.size,
        "readonly": slot.readonly,
        "pages": pages,
    }


def _describe_vcpu(vcpu: Vcpu) -> dict[str, Any]:
    vcpu.finish_exit()
    registers = {}
    for number in vcpu.reg_list():
        name = name_of(number)
        if not (name.startswith("fp_f.") and vcpu.has("d")):  # the same memory as fp_d
            registers[name] = vcpu.get_one_reg(number)
    return {"id": vcpu.id, "state": vcpu.mp_state.name, "registers": registers}


def restore(vm: Vm, data: bytes, check: Callable[[Mapping[str, Any]], None]) -> None:
    """Make an empty virtual machine the one that was saved.

    Args:
        vm: The machine.
        data: The file's content.
        check: Called with the description before anything changes; raises what it does not like.

    Raises:
        StateError: For a file that is damaged or none of ours, a machine that is not empty, and what this host or
            kernel does not have; the machine is then as it was.
    """
    if vm.vcpus or list(vm.slots):
        raise StateError("only a virtual machine without vcpus and memory can be restored")
    description, memory = unseal(data)
    try:
        slots = [_read_slot(entry) for entry in description["slots"]]
        pages = [address for entry in description["slots"] for address in _pages(entry)]
        states = [_read_vcpu(entry) for entry in description["vcpus"]]
        time = int(description["time"])
        _ = dict(description["user_space"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StateError(f"the saved virtual machine has a description that cannot be read: {error!r}") from error
    if len(memory) != PAGE * len(pages):
        raise StateError("the saved virtual machine's memory is not all there")
    check(description)
    _rehearse(vm, slots, pages, states)
    for slot in slots:
        vm.set_memory_region(slot.number, slot.address, slot.size, readonly=slot.readonly)
    for index, address in enumerate(pages):
        vm.write_memory(address, memory[PAGE * index : PAGE * (index + 1)])
    for state in states:
        state.apply(vm)
    vm.set_time(time)


def _rehearse(vm: Vm, slots: list[Slot], pages: list[int], states: list[VcpuState]) -> None:
    """Do everything to a machine that has no memory and never runs: whatever would be refused, is refused there."""
    trial = vm.like()
    try:
        for slot in slots:
            trial.slots.check(slot)
            trial.slots.put(slot)
        vm.demand_room(sum(slot.size for slot in slots))
    except KvmError as error:
        raise StateError(f"the saved memory does not fit: {error}") from error
    if any(not trial.has_memory(address) or address % PAGE for address in pages):
        raise StateError("the saved virtual machine has memory outside its slots")
    for state in states:
        state.apply(trial)


def _read_slot(entry: Mapping[str, Any]) -> Slot:
    numbers = (int(entry[name]) for name in ("number", "address", "size"))
    number, address, size = numbers
    if size == 0:
        raise ValueError("a slot without memory")
    return Slot(number, address, size, 0, bool(entry["readonly"]))


def _pages(entry: Mapping[str, Any]) -> list[int]:
    return [int(address) for address in entry["pages"]]


def _read_vcpu(entry: Mapping[str, Any]) -> VcpuState:
    registers = {str(name): int(value) for name, value in entry["registers"].items()}
    unknown = [name for name in registers if name not in IDS and not name.startswith("0x")]
    if unknown:
        raise ValueError(f"no register is named {unknown[0]}")
    return VcpuState(int(entry["id"]), MpState[entry["state"]], registers)


@dataclass(frozen=True, slots=True)
class VcpuState:
    """A saved vcpu.

    Attributes:
        id: Its number.
        mp_state: Whether it ran.
        registers: By name.
    """

    id: int
    mp_state: MpState
    registers: dict[str, int]

    def apply(self, vm: Vm) -> None:
        """Make the vcpu.

        Raises:
            StateError: If a register cannot be set.
        """
        try:
            vcpu = vm.create_vcpu(self.id)
        except KvmError as error:
            raise StateError(f"a saved vcpu cannot be made: {error}") from error
        for prefix in FIRST:
            self._hide_others(vcpu, prefix)
            for name in (name for name in self.registers if name.startswith(prefix)):
                self._set(vcpu, name)
        for name in self.registers:
            if not name.startswith(FIRST) and name not in TIMER:
                self._set(vcpu, name)
        self._set_timer(vcpu)
        if vcpu.mp_state is not self.mp_state:
            vcpu.set_mp_state(self.mp_state)

    def _hide_others(self, vcpu: Vcpu, prefix: str) -> None:
        """What the destination has and the source had not, the guest shall not have, as far as it can be hidden."""
        for number in vcpu.reg_list():
            name = NAMES.get(number, "")
            if name.startswith(prefix) and name not in self.registers:
                try:
                    vcpu.set_one_reg(number, 0)
                except KvmError:
                    continue

    def _set(self, vcpu: Vcpu, name: str) -> None:
        value = self.registers[name]
        try:
            vcpu.set_one_reg(name, value)
        except KvmError as error:
            if not self._can_miss(vcpu, name):
                text = f"vcpu {self.id} has {name} = {value:#x}, which {vcpu.profile.name} on this host does not take"
                raise StateError(f"{text} ({error})", name) from error

    def _can_miss(self, vcpu: Vcpu, name: str) -> bool:
        """Whether a register may be missing: what it stands for is switched off."""
        if IDS[name] in vcpu.reg_list():
            return False
        if name in UNHIDEABLE:
            used = UNHIDEABLE[name]
            return not self.registers.get(used.register, 0) & used.mask
        if name.startswith(FEATURE):
            return not self.registers.get(f"{name.rpartition('.')[0]}.enable", 1)
        return name.startswith(FIRST) and not self.registers[name]

    def _set_timer(self, vcpu: Vcpu) -> None:
        """The event's time; an armed one is armed again, which KVM's interface can only do through its time."""
        compare = self.registers.get("timer.compare")
        if compare is None:
            return
        if self.registers.get("timer.state"):
            vcpu.timer.arm(compare)
        else:
            vcpu.timer.set_compare(compare)
