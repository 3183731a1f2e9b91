"""`catch`: stop at traps, SBI calls and exits of KVM; list and delete what was set."""

from __future__ import annotations

from typing import Final

from emulator.catching import ExitCatch, SbiCatch, TrapCatch
from emulator.hart.fields import INTERRUPT_BIT
from emulator.hart.layouts import VALUES
from rvgdb.keyvals import nearest
from rvgdb.monitor.command import Command, MonitorError, Scene
from rvgdb.monitor.kvm import find_vm

SBI_IDS: Final = {
    "base": 0x10,
    "cppc": 0x43505043,
    "dbcn": 0x4442434E,
    "fwft": 0x46574654,
    "hsm": 0x48534D,
    "ipi": 0x735049,
    "mpxy": 0x4D505859,
    "nacl": 0x4E41434C,
    "pmu": 0x504D55,
    "rfence": 0x52464E43,
    "srst": 0x53525354,
    "sse": 0x535345,
    "sta": 0x535441,
    "susp": 0x53555350,
    "time": 0x54494D45,
}
"""Extension ids (RISC-V SBI specification), each its name in ASCII."""

CAUSES: Final = {
    **{name: code for code, name in VALUES["exception"].items()},
    **{name: code | INTERRUPT_BIT for code, name in VALUES["interrupt"].items()},
}
"""Causes by name."""


def _number(text: str, names: dict[str, int], what: str) -> int:
    """A number, or what a name stands for.

    Raises:
        MonitorError: It is neither.
    """
    found = names.get(text.lower())
    if found is not None:
        return found
    try:
        return int(text, 0)
    except ValueError:
        raise MonitorError(f"there is no {what} '{text}'{nearest(text.lower(), list(names))}") from None


def _trap(scene: Scene, which: str) -> str:
    cause = _number(which, CAUSES, "trap cause") if which else None
    return _set(scene, f"catch trap {which}".rstrip(), TrapCatch(cause))


def _sbi(scene: Scene, which: str) -> str:
    extension = _number(which, SBI_IDS, "SBI extension") if which else None
    return _set(scene, f"catch sbi {which}".rstrip(), SbiCatch(extension))


def _exit(scene: Scene, which: str) -> str:
    find_vm(scene)
    from emulator.kvm.exits import REASONS

    reasons = tuple(REASONS.values())
    if which and which.lower() not in reasons:
        known = ", ".join(reasons)
        raise MonitorError(f"there is no exit reason '{which}'{nearest(which.lower(), reasons)}; there are: {known}")
    return _set(scene, f"catch kvm-exit {which}".rstrip(), ExitCatch(which.lower() or None))


def _set(scene: Scene, name: str, point: TrapCatch | SbiCatch | ExitCatch) -> str:
    entry = scene.target.points.add(name, point)
    return f"{entry.number}: {entry.name}\n"


def _list(scene: Scene, rest: str) -> str:
    if rest:
        raise MonitorError("'catch list' takes no argument")
    return "".join(f"{entry.number}: {entry.name}\n" for entry in scene.target.points.listing()) or "nothing is set\n"


def _delete(scene: Scene, which: str) -> str:
    if which == "all":
        scene.target.points.clear()
    elif not (which.isascii() and which.isdigit()):
        raise MonitorError("'catch delete' takes a number of 'catch list', or all")
    elif not scene.target.points.remove(int(which)):
        raise MonitorError(f"nothing has the number {which}; 'catch list' shows what is set")
    return ""


VERBS: Final = {"trap": _trap, "sbi": _sbi, "kvm-exit": _exit, "list": _list, "delete": _delete}


def catch(scene: Scene, rest: str) -> str:
    """Set, list or delete.

    Raises:
        MonitorError: It is none of these.
    """
    verb, _, argument = rest.partition(" ")
    act = VERBS.get(verb)
    if act is None:
        raise MonitorError(
            f"'catch' takes trap, sbi, kvm-exit, list or delete{nearest(verb, list(VERBS)) if verb else ''}"
        )
    return act(scene, argument.strip())


COMMAND = Command(
    ("catch",),
    "trap [cause]|sbi [extension]|kvm-exit [reason]|list|delete number|delete all",
    "stop when a trap is taken, an SBI call is made or a guest leaves KVM; list or delete catches and watches",
    catch,
)
