"""`walk` and `gva2gpa`: the translation of an address, step by step or its outcome."""

from __future__ import annotations

from collections.abc import Iterator

from emulator.explain import ACCESSES, OF_GUESTS, Access, access
from emulator.hart.modes import GUEST
from emulator.hart.translation import FIRST
from emulator.witness import Witness
from rvgdb.monitor.command import Command, MonitorError, Scene
from rvgdb.monitor.expression import evaluate
from rvgdb.monitor.pm import has_guests
from rvgdb.monitor.wording import (
    fault_lines,
    mask_text,
    mode_text,
    place_text,
    rule_of,
    walk_lines,
)


def _register(seen: Access, stage: int) -> str:
    """The CSR that a stage's tables are named by."""
    if stage != FIRST:
        return "hgatp"
    return "vsatp" if seen.mode & GUEST else "satp"


def _lines(scene: Scene, witness: Witness, seen: Access) -> Iterator[str]:
    yield f"{seen.kind} at {seen.formed:#x}, made in {mode_text(seen.mode)}"
    rule = rule_of(witness, seen)
    if rule is not None:
        yield f"  {mask_text(rule)}"
    if seen.address != seen.formed:
        yield f"  means {seen.address:#x}"
    for walk in seen.walks:
        for line in walk_lines(walk, _register(seen, walk.stage)):
            yield f"  {line}"
    if not seen.walks:
        yield "  nothing is translated"
    if seen.fault is None:
        assert seen.physical is not None
        yield f"  reaches physical {seen.physical:#x} ({place_text(scene, seen.physical)})"
        return
    if seen.raised_in in ("check_data", "check_fetch"):
        yield f"  the PMP forbids it at physical {seen.physical:#x}"
    elif seen.physical is not None:
        yield f"  nothing that it can reach is at physical {seen.physical:#x}"
    for line in fault_lines(scene, seen):
        yield f"  {line}"


def walk(scene: Scene, rest: str) -> str:
    """Explain an access of a kind, by default a load.

    Raises:
        MonitorError: When there is no address, or no such kind on this machine.
    """
    text, _, last = rest.rpartition(" ")
    kind = last if text and last in ACCESSES else "load"
    if kind in OF_GUESTS and not has_guests(scene):
        raise MonitorError(f"this machine has no {kind}: it has no hypervisor extension")
    address = evaluate(scene, text if text and last in ACCESSES else rest)
    witness = scene.target.debug.witness(scene.hart)
    return "".join(f"{line}\n" for line in _lines(scene, witness, access(witness, kind, address)))


def gva2gpa(scene: Scene, rest: str) -> str:
    """The address after the first stage, as QEMU names it."""
    seen = access(scene.target.debug.witness(scene.hart), "load", evaluate(scene, rest))
    first = next((one for one in seen.walks if one.stage == FIRST), None)
    reached = seen.address if first is None else first.result
    return "Unmapped\n" if reached is None else f"gpa: {reached:#x}\n"


COMMAND = Command(
    ("walk",),
    f"addr [{'|'.join(ACCESSES)}]",
    "show how an address is translated, entry by entry",
    walk,
)
GVA2GPA = Command(
    ("gva2gpa",),
    "addr",
    "print the guest physical address corresponding to 'addr'",
    gva2gpa,
)
