"""What the emulated KVM knows of a guest, for `kvm` and `sbi`: registers of ONE_REG, exits, calls."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

from emulator.hart.layouts import cause_name
from emulator.kvm import KvmError, Vcpu, Vm
from emulator.kvm.journal import IN_KERNEL
from emulator.kvm.one_reg import IDS, name_of
from emulator.kvm.sbi.names import answer_text, call_text
from rvgdb.keyvals import nearest
from rvgdb.monitor.command import MonitorError, Scene
from rvgdb.monitor.expression import evaluate

LAST: Final = 10
"""Exits, or calls, that are shown where nobody says how many."""


def _count(text: str) -> int:
    if not text:
        return LAST
    if not (text.isascii() and text.isdigit() and int(text)):
        raise MonitorError(f"'{text}' is no number of entries")
    return int(text)


def _value(vcpu: Vcpu, number: int) -> str:
    try:
        return f"{vcpu.get_one_reg(number):#x}"
    except KvmError as error:
        return str(error)


def _lines(vcpu: Vcpu, numbers: Iterable[int]) -> str:
    return "".join(f"{name_of(number):<36} {_value(vcpu, number):<20} id {number:#018x}\n" for number in numbers)


def _regs(vm: Vm, vcpu: Vcpu, pattern: str) -> str:
    """Registers that are listed, with names like a pattern; without wildcards, those that have the text in them."""
    wanted = (pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*").lower()
    found = [number for number in vcpu.reg_list() if _is_like(name_of(number), wanted)]
    if not found:
        names = [name_of(number) for number in vcpu.reg_list()]
        raise MonitorError(f"vcpu {vcpu.id} has no register like '{pattern}'{nearest(pattern, names)}")
    return _lines(vcpu, found)


def _is_like(name: str, pattern: str) -> bool:
    """Whether a name, or what follows its class, is like a pattern."""
    return fnmatchcase(name, pattern) or fnmatchcase(name.partition(".")[2], pattern)


def _identifier(text: str) -> int:
    """A register's id, given as a number or by name."""
    if text.lower() in IDS:
        return IDS[text.lower()]
    try:
        return int(text, 0)
    except ValueError:
        raise MonitorError(f"there is no register '{text}'{nearest(text, list(IDS))}; 'kvm regs' lists them") from None


def _set(scene: Scene, vcpu: Vcpu, rest: str) -> str:
    name, _, text = rest.partition(" ")
    if not text:
        raise MonitorError("kvm set takes a register and a value, for example: kvm set csr.senvcfg 0x200000000")
    number = _identifier(name)
    try:
        vcpu.set_one_reg(number, evaluate(scene, text.strip(), what="a value"))
    except KvmError as error:
        raise MonitorError(f"KVM_SET_ONE_REG: {error}") from None
    vcpu.enter()  # a debugger looks at the hart
    return _lines(vcpu, [number])


def _exits(vm: Vm, vcpu: Vcpu, rest: str) -> str:
    journal = vm.journal
    lines = [f"{journal.counts.total()} exits of the guest\n"]
    for (cause, reason), count in sorted(journal.counts.items(), key=lambda item: -item[1]):
        lines.append(f"{count:>10}  {cause_name(cause)}: {reason if reason != IN_KERNEL else 'by KVM'}\n")
    last = list(journal.exits)[-_count(rest) :]
    lines += [f"#{record.index} step {record.step}: {record}\n" for record in last]
    return "".join(lines)


def _summary(vm: Vm) -> str:
    lines = [f"{vm.kvm.profile.name}, {len(vm.vcpus)} vcpus, host ISA {' '.join(sorted(vm.kvm.host.isa))}\n"]
    for vcpu in vm.vcpus.values():
        state = "waiting" if vcpu.waiting else vcpu.mp_state.name.lower()
        lines.append(f"vcpu {vcpu.id}: {state}, ISA {' '.join(sorted(vcpu.isa))}\n")
    slots = (f"slot {slot.number}: {slot.address:#x} to {slot.end - 1:#x}\n" for slot in vm.slots)
    return "".join((*lines, *slots, "kvm regs [pattern], kvm set id value and kvm exits [count] tell more\n"))


def tell(scene: Scene, vm: Vm, rest: str) -> str:
    """What `kvm` shows, or sets.

    Raises:
        MonitorError: For what is none of its verbs, and for what KVM refuses.
    """
    vcpu = vm.vcpus[scene.hart]
    verb, _, argument = rest.partition(" ")
    argument = argument.strip()
    match verb:
        case "":
            return _summary(vm)
        case "regs":
            return _regs(vm, vcpu, argument)
        case "set":
            return _set(scene, vcpu, argument)
        case "exits":
            return _exits(vm, vcpu, argument)
    raise MonitorError(f"'kvm' takes regs, set or exits{nearest(verb, ['regs', 'set', 'exits'])}")


def calls(vm: Vm, rest: str) -> str:
    """The last SBI calls, oldest first.

    Raises:
        MonitorError: When the count is none.
    """
    lines = []
    for record in list(vm.journal.calls)[-_count(rest) :]:
        by = " (user space)" if record.by_user_space else ""
        where = f"#{record.index} step {record.step}: vcpu {record.vcpu} at pc {record.pc:#x}"
        lines.append(f"{where}: {call_text(record.call)} = {answer_text(record)}{by}\n")
    return "".join(lines) or "the guest has made no SBI call\n"
