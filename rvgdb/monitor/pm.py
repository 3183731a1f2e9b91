"""`pm`: which field masks pointers, for each mode and for one address."""

from __future__ import annotations

from collections.abc import Iterator

from emulator.explain import ACCESSES, OF_GUESTS, access, data_mode_of, masking
from emulator.hart.modes import GUEST, MODE_NAMES
from emulator.witness import Witness
from rvgdb.monitor.command import Command, Scene
from rvgdb.monitor.expression import evaluate
from rvgdb.monitor.wording import fault_lines, mask_text, mode_text, place_text, rule_of


def has_guests(scene: Scene) -> bool:
    """Whether the machine has the hypervisor extension."""
    return any(info.name == "hstatus" for info in scene.target.debug.csrs())


def _modes(scene: Scene, witness: Witness) -> Iterator[str]:
    current = witness.get("priv") | witness.get("virt") << 2
    used = data_mode_of(witness)
    borrowed = "" if used == current else ", by mstatus.MPRV"
    yield f"hart {scene.hart} is in {mode_text(current)}; its loads and stores are made in {mode_text(used)}{borrowed}"
    for mode, name in MODE_NAMES.items():
        if mode < GUEST or has_guests(scene):
            mark = "*" if mode == used else " "
            yield f"{mark} {name:<3} {mask_text(masking(witness, mode))}"
    if has_guests(scene):
        rule = masking(witness, GUEST, hlv_from_user=True)
        yield f"  HLV and HSV of VU's memory in U-mode: {mask_text(rule)}"
    yield "  fetches, HLVX and page-table accesses are never masked"


def _accesses(scene: Scene, witness: Witness, address: int) -> Iterator[str]:
    for kind in ACCESSES:
        if kind in OF_GUESTS and not has_guests(scene):
            continue
        seen = access(witness, kind, address)
        rule = rule_of(witness, seen)
        why = "never masked" if rule is None else mask_text(rule)
        yield f"{kind} in {mode_text(seen.mode)}: {why}"
        yield f"  means {seen.address:#018x}"
        if seen.fault is not None:
            for line in fault_lines(scene, seen):
                yield f"  {line}"
        elif seen.physical is not None:
            yield f"  reaches physical {seen.physical:#x} ({place_text(scene, seen.physical)})"


def pm(scene: Scene, rest: str) -> str:
    """All modes, or all accesses to an address."""
    witness = scene.target.debug.witness(scene.hart)
    lines = _accesses(scene, witness, evaluate(scene, rest)) if rest else _modes(scene, witness)
    return "".join(f"{line}\n" for line in lines)


COMMAND = Command(
    ("pm",),
    "[addr]",
    "show what masks pointers in each mode, or what becomes of an address",
    pm,
)
