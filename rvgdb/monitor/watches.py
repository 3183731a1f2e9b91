"""`watch-alias`, `watch-tag`, `watch-guest`, `watch-phys`, `watch-csr`: watchpoints that GDB has no word for."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from emulator.catching import CsrAccess, CsrCatch
from emulator.engine.watching import Context, Space, Watch
from emulator.hart.layouts import field, fields
from emulator.hart.modes import MODE_NAMES
from emulator.stops import WatchKind
from rvgdb.keyvals import nearest
from rvgdb.monitor.command import Action, Command, MonitorError, Scene
from rvgdb.monitor.expression import evaluate

KINDS: Final = {kind.value: kind for kind in WatchKind}
ACCESSES: Final = {access.value: access for access in CsrAccess}
MODES: Final = {name.lower(): mode for mode, name in dict(MODE_NAMES).items()}
LIMITS: Final = {"asid": 1 << 16, "vmid": 1 << 14}

USAGE: Final = "address [length] [read|write|access] [asid=n] [vmid=n] [mode=m]"
DEFAULT_LENGTH: Final = 8


def _watch(name: str, example: Watch) -> Action:
    def act(scene: Scene, rest: str) -> str:
        words = rest.split()
        if not words:
            raise MonitorError(f"'{name}' needs an address: {name} {USAGE}")
        watch = replace(example, address=evaluate(scene, words[0]))
        if scene.vm is not None and watch.space is Space.PHYSICAL:
            watch = replace(watch, space=Space.GUEST_PHYSICAL)  # a guest's user knows of no other
        for word in words[1:]:
            watch = _with(watch, word)
        if not 0 < watch.length <= (1 << 64) - watch.address:
            raise MonitorError(f"a watchpoint of {watch.length} bytes at {watch.address:#x} covers no memory")
        entry = scene.target.points.add(f"{name} {' '.join(words)}", watch)
        return f"{entry.number}: {entry.name}\n"

    return act


def _with(watch: Watch, word: str) -> Watch:
    """The watchpoint with one more word of the command heeded.

    Raises:
        MonitorError: The word means nothing.
    """
    name, equals, value = word.partition("=")
    if not equals:
        if word in KINDS:
            return replace(watch, kind=KINDS[word])
        return replace(watch, length=_number(word, 1 << 64, "length"))
    context = watch.context
    if name == "mode" and value.lower() in MODES:
        return replace(watch, context=replace(context, modes=context.modes | {MODES[value.lower()]}))
    if name in LIMITS:
        number = _number(value, LIMITS[name], name)
        changed = Context(number, context.vmid, context.modes) if name == "asid" else replace(context, vmid=number)
        return replace(watch, context=changed)
    raise MonitorError(f"'{word}' is not understood; what can follow is {USAGE}, and modes are {', '.join(MODES)}")


def _number(text: str, limit: int, what: str) -> int:
    try:
        value = int(text, 0)
    except ValueError:
        raise MonitorError(f"'{text}' is no {what}; what can follow is {USAGE}") from None
    if not 0 <= value < limit:
        raise MonitorError(f"{what} {text} is out of range: it is below {limit:#x}")
    return value


def watch_csr(scene: Scene, rest: str) -> str:
    """Watch a CSR or a field of one.

    Raises:
        MonitorError: There is no such CSR, field or access.
    """
    words = rest.split()
    if not 1 <= len(words) <= 2:
        raise MonitorError("'watch-csr' takes a CSR or a field of one, and read, write or change")
    name, _, part = words[0].partition(".")
    known = {csr.name: csr.number for csr in scene.target.debug.csrs()}
    if name not in known:
        raise MonitorError(f"there is no CSR '{name}' on this machine{nearest(name, list(known))}")
    access = ACCESSES.get(words[1]) if words[1:] else CsrAccess.CHANGE
    if access is None:
        raise MonitorError(f"'{words[1]}' is no access to a CSR: it is read, write or change")
    mask = (1 << 64) - 1
    if part:
        found = field(name, part)
        if found is None:
            raise MonitorError(f"{name} has no field '{part}'{nearest(part, [one.name for one in fields(name)])}")
        mask = found.mask
    number = scene.target.debug.seen(scene.hart, known[name])
    entry = scene.target.points.add(f"watch-csr {' '.join(words)}", CsrCatch(number, access, mask))
    return f"{entry.number}: {entry.name}\n"


_ANY: Final = Watch(WatchKind.ACCESS, 0, DEFAULT_LENGTH, after=True)

COMMANDS: Final = (
    Command(
        ("watch-alias",),
        USAGE,
        "stop at accesses to a virtual address or an alias of it, and say which tag did it",
        _watch("watch-alias", _ANY),
    ),
    Command(
        ("watch-tag",),
        USAGE,
        "stop at accesses to a virtual address with exactly these ignored bits",
        _watch("watch-tag", replace(_ANY, exact=True)),
    ),
    Command(
        ("watch-guest",),
        USAGE,
        "stop at accesses that lead to a guest-physical address",
        _watch("watch-guest", replace(_ANY, space=Space.GUEST_PHYSICAL)),
    ),
    Command(
        ("watch-phys",),
        USAGE,
        "stop at accesses that lead to a physical address",
        _watch("watch-phys", replace(_ANY, space=Space.PHYSICAL)),
    ),
    Command(("watch-csr",), "name[.field] [read|write|change]", "stop behind accesses to a CSR", watch_csr),
)
