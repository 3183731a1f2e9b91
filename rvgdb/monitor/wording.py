"""The words for accesses, page-table entries and faults, for the commands that explain them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from emulator.explain import Access, Entry, Masking, Walk, masking
from emulator.hart.layouts import PTE, cause_name, field
from emulator.hart.modes import MODE_NAMES
from emulator.hart.translation import EXECUTE, FETCH, FIRST, LOAD, STORE
from emulator.witness import Witness
from rvgdb.monitor.command import Scene

if TYPE_CHECKING:
    from emulator.kvm import Vm

RIGHTS: Final = {LOAD: "load", STORE: "store", FETCH: "fetch", EXECUTE: "hlvx"}

INDENT: Final = "  "


def mask_text(rule: Masking) -> str:
    """What masks a mode's addresses and why, in a few words."""
    governor = rule.governor.text if rule.governor else "nothing masks"
    if rule.lifted:
        return f"{governor}, but {' and '.join(one.text for one in rule.lifted)} switches masking off"
    if not rule.pmlen:
        return f"{governor}: addresses are used as they are"
    top = 63 - rule.pmlen
    how = f"copies of bit {top}" if rule.signed else "zero"
    why = f" ({rule.extension.text})" if rule.extension else ""
    return f"{governor}: bits 63:{top + 1} are ignored and become {how}{why}"


def rule_of(witness: Witness, access: Access) -> Masking | None:
    """What masked an access; None for those that never are."""
    if access.kind in ("fetch", "hlvx"):
        return None
    from_user = access.kind in ("hlv", "hsv") and witness.get("priv") == 0
    return masking(witness, access.mode, hlv_from_user=from_user)


def place_text(scene: Scene, physical: int) -> str:
    """What is at a physical address of the machine's; of a guest's host, which address that is for the guest."""
    if scene.vm is not None:
        return _guest_place(scene.vm, physical)
    for name, region in scene.regions:
        if region.base <= physical < region.base + region.size:
            return name
    return "nothing is there"


def _guest_place(vm: Vm, physical: int) -> str:
    for slot in vm.slots:
        if slot.host_address <= physical < slot.host_address + slot.size:
            return f"guest-physical {physical - slot.host_address + slot.address:#x}, slot {slot.number}"
    return "the host's own"


def fault_lines(scene: Scene, access: Access) -> Iterator[str]:
    """The exception that an access raises; of a guest page fault, who answers it where KVM is at work."""
    yield f"raises {fault_text(access)}"
    if scene.vm is None or not access.tval2:
        return
    if access.kind != "fetch":
        yield f"which KVM hands to user space: {_device_text(scene, access)}"
    elif scene.vm.kvm.profile.faults_reflected:
        yield "which KVM makes an instruction-access-fault of the guest's: no memory is there"
    else:
        yield "at which KVM_RUN fails with EOPNOTSUPP: no memory is there"


def _device_text(scene: Scene, access: Access) -> str:
    address = access.tval2 << 2
    found = next((name for name, region in scene.regions if region.base <= address < region.base + region.size), None)
    if found:
        return f"the {found} answers"
    return "nothing is there, " + ("a store is lost" if access.kind in ("store", "hsv") else "a load reads 0")


def rights_text(allowed: int) -> str:
    """The accesses that a page allows."""
    return ", ".join(name for bit, name in RIGHTS.items() if allowed & bit) or "nothing"


def pte_text(pte: int) -> str:
    """The bits of an entry as `vrwxugad`, a dash for each that is 0, and what else is set."""
    bits = "".join(one.name.lower() if one.of(pte) else "-" for one in PTE[:8])
    more = [f" {one.name}={one.text(one.of(pte))}" for one in PTE[8:] if one.name != "PPN" and one.of(pte)]
    return f"{pte:#018x} {bits}{''.join(more)}"


def _ppn(pte: int) -> int:
    return (pte >> 10 & (1 << 44) - 1) << 12


def _entry_lines(entry: Entry, *, last: bool, walk: Walk) -> Iterator[str]:
    where = f"{entry.address:#x}"
    if entry.nested is not None:
        yield f"level {entry.level}: the entry is at guest-physical {where}"
        for line in walk_lines(entry.nested, "hgatp"):
            yield INDENT + line
        if entry.place is None:
            return
        where = f"{entry.place:#x}"
    if entry.pte is None:
        yield f"level {entry.level}: the entry at {where} cannot be read: {fault_reason(walk)}"
        return
    if last and walk.allowed is not None:
        meaning = f"a page, allows {rights_text(walk.allowed)}"
    elif last and walk.fault:
        meaning = fault_reason(walk)
    else:
        meaning = f"the next table is at {_ppn(entry.pte):#x}"
    yield f"level {entry.level}: entry at {where} = {pte_text(entry.pte)}: {meaning}"


def walk_lines(walk: Walk, register: str) -> Iterator[str]:
    """A walk, a line for each thing that it found."""
    found = field(register, "MODE")
    mode = found.text(found.of(walk.root)) if found else ""
    stage = "G-stage" if register == "hgatp" else "VS-stage" if register == "vsatp" else "tables"
    yield f"{stage} of {walk.address:#x}: {register}.MODE={mode}, root {(walk.root & (1 << 44) - 1) << 12:#x}"
    for entry in walk.entries:
        for line in _entry_lines(entry, last=entry is walk.entries[-1], walk=walk):
            yield INDENT + line
    if walk.updated is not None:
        yield f"{INDENT}A and D are brought up to date: {pte_text(walk.updated)}"
    if walk.result is not None:
        yield f"{INDENT}leads to {walk.result:#x}"
    elif walk.fault and (walk.allowed is not None or not walk.entries):
        yield f"{INDENT}{fault_reason(walk)}"


def fault_reason(walk: Walk) -> str:
    """Why a walk faulted: which of the hart's rules raised it, in words."""
    routines = (walk.fault or "").split()
    if routines[-1:] == ["check_table"]:
        return "the PMP forbids the access to the entry, or there is no memory"
    rule = routines[-2] if len(routines) > 1 else ""
    if rule == "touch_leaf":
        return "A is 0, or D is 0 for a store, and the hardware does not set them (ADUE=0)"
    if rule == "use_leaf":
        if walk.allowed is not None and not walk.allowed & walk.kind:
            return f"{RIGHTS.get(walk.kind, 'the access')} is not allowed"
        return "the page is misaligned, or N or PBMT is not legal here"
    if not walk.entries:
        upper = "copies of the highest one translated" if walk.stage == FIRST else "zero"
        return f"the upper bits of the address are not {upper}, as this mode wants them"
    return _entry_reason(walk.entries[-1].pte)


def _entry_reason(pte: int | None) -> str:
    """What of an entry the walk refused; the walk did, this only points at the bit."""
    value = pte or 0
    bits = {one.name: one.of(value) for one in PTE}
    if not bits["V"]:
        return "not valid, V is 0"
    if bits["W"] and not bits["R"]:
        return "reserved: W without R"
    if bits["RESERVED"]:
        return "reserved bits are set"
    return "a pointer to a table, where only a page can be, or one with bits of a page"


def fault_text(access: Access) -> str:
    """The exception that an access raises."""
    if access.fault is None:
        return ""
    cause = access.fault.cause
    text = f"{cause_name(cause)} ({cause}), tval {access.fault.tval:#x}"
    if access.tval2:
        text += f", tval2 {access.tval2:#x} (guest-physical {access.tval2 << 2:#x})"
    return f"{text}, tinst {access.tinst:#x}" if access.tinst else text


def mode_text(mode: int) -> str:
    """A mode by name."""
    return f"{MODE_NAMES.get(mode, '?')}-mode"
