"""The table of commands, and how a line finds its command."""

from __future__ import annotations

from typing import Final

from rvgdb.keyvals import nearest
from rvgdb.monitor import (
    catch,
    cont,
    cpu,
    csr,
    examine,
    gdbserver,
    info_cpus,
    info_mem,
    info_mtree,
    info_registers,
    info_status,
    info_version,
    kvm,
    migrate,
    pm,
    quit_command,
    stop,
    system_reset,
    trap,
    walk,
    watches,
)
from rvgdb.monitor.command import Command, MonitorError, Scene

COMMANDS: Final = (
    catch.COMMAND,
    *watches.COMMANDS,
    cont.COMMAND,
    cpu.COMMAND,
    csr.COMMAND,
    gdbserver.COMMAND,
    kvm.KVM,
    kvm.SBI,
    migrate.COMMAND,
    quit_command.COMMAND,
    stop.COMMAND,
    system_reset.COMMAND,
    trap.COMMAND,
    pm.COMMAND,
    walk.COMMAND,
    walk.GVA2GPA,
    examine.VIRTUAL,
    examine.PHYSICAL,
)
"""In the order of the help."""

INFO: Final = (
    info_cpus.COMMAND,
    info_mem.COMMAND,
    info_mtree.COMMAND,
    info_registers.COMMAND,
    info_status.COMMAND,
    info_version.COMMAND,
)
"""What follows `info`."""


def _line_of(command: Command, prefix: str = "") -> str:
    return f"{prefix}{'|'.join(command.names)} {command.usage} -- {command.help}\n"


def _find(commands: tuple[Command, ...], name: str) -> Command | None:
    return next((command for command in commands if name in command.names), None)


class Monitor:
    """Executes monitor command lines.

    Args:
        scene: What the commands work on.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._commands = (
            *COMMANDS,
            Command(("help", "?"), "[cmd]", "show the help", self._help),
            Command(
                ("info",),
                "[subcommand]",
                "show various information about the system state",
                self._info,
            ),
        )

    def execute(self, line: str) -> str:
        """Run one line.

        Returns:
            What it printed; a command that failed says why.
        """
        word, _, rest = line.strip().partition(" ")
        if not word:
            return ""
        name, slash, form = word.partition("/")  # `x/4i` is `x /4i`
        if slash:
            rest = f"/{form} {rest}"
        command = _find(self._commands, name)
        if command is None:
            known = [name for command in self._commands for name in command.names]
            return f"unknown command: '{name}'{nearest(name, known)}; 'help' lists the commands\n"
        return self._act(command, name, rest.strip())

    def _act(self, command: Command, name: str, rest: str) -> str:
        if rest and not command.usage:
            return f"{name}: extraneous characters at the end of line\n"  # QEMU's words
        try:
            return command.act(self.scene, rest)
        except MonitorError as error:
            return f"{error}\n"

    def _help(self, scene: Scene, rest: str) -> str:
        words = rest.split()
        if words[:1] == ["info"]:
            return "".join(_line_of(command, "info ") for command in INFO if words[1:2] in ([], [command.names[0]]))
        shown = [command for command in self._commands if not words or words[0] in command.names]
        if not shown:
            raise MonitorError(f"unknown command: '{rest}'")
        return "".join(_line_of(command) for command in sorted(shown, key=lambda command: command.names))

    def _info(self, scene: Scene, rest: str) -> str:
        name, _, arguments = rest.partition(" ")
        if not name:
            return self._help(scene, "info")
        command = _find(INFO, name)
        if command is None:
            known = [command.names[0] for command in INFO]
            raise MonitorError(f"unknown command: 'info {name}'{nearest(name, known)}")
        return self._act(command, f"info {name}", arguments.strip())
