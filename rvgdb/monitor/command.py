"""What a monitor command is, and what it may work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from rvgdb.runner import Runner
from rvgdb.target.machine import Region, Target

if TYPE_CHECKING:
    from emulator.kvm import Vm


class MonitorError(Exception):
    """Raised when a command cannot be carried out; the text is the command's output."""


@dataclass(slots=True)
class Scene:
    """What commands work on.

    Attributes:
        target: The machine, for looking.
        runner: The machine, for running.
        regions: The physical address space, for `info mtree`: name, base and size; ascending.
        gdb_addresses: Where a debugger may attach.
        hart: The hart that commands mean (`cpu N`).
        vm: The virtual machine, where a guest of the emulated KVM runs.
        save: Gives that guest as a file's content.
    """

    target: Target
    runner: Runner
    regions: tuple[tuple[str, Region], ...] = ()
    gdb_addresses: list[str] = field(default_factory=list)
    hart: int = 0
    vm: Vm | None = None
    save: Callable[[], bytes] | None = None


Action: TypeAlias = Callable[[Scene, str], str]


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        names: QEMU's name and its short forms.
        usage: What follows the name in the help, as QEMU writes it.
        help: One line.
        act: Gets the scene and the rest of the line; gives the output, lines ended by newlines.
    """

    names: tuple[str, ...]
    usage: str
    help: str
    act: Action
