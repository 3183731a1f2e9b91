"""Runs the built-in guests under a real GDB, or by themselves where there is none, and shows both on the terminal."""

from __future__ import annotations

import shlex
import shutil
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import STDOUT
from typing import Final

import trio
from rich.console import Console
from rich.text import Text

from rvgdb.demo import GUEST
from rvgdb.demo.parts import Part
from rvgdb.demo.relay import relay
from rvgdb.demo.script import PROMPT, SCENE, batch_script
from rvgdb.gdbext import script

MACHINE: Final = (
    "-M",
    "virt",
    "-display",
    "none",
    "-serial",
    "stdio",
    "-monitor",
    "none",
)
LONGEST: Final = 180
"""Seconds after which a part is given up; the very first start compiles the engine."""
PARTING: Final = 5
"""Seconds that the debugger has to notice that the machine has gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walkthrough:
    """What to run it with and where to show it.

    Attributes:
        console: Where everything is shown.
        emulator: A command that takes QEMU's options.
    """

    console: Console
    emulator: Sequence[str]

    async def play(self, parts: Sequence[Part], debugger: str | None) -> int:
        """Show one part after the other, to the first that fails.

        Args:
            parts: In their order.
            debugger: A GDB; None shows the guests by themselves.

        Returns:
            0 when everything ended well.
        """
        for part in parts:
            self.console.rule(Text(part.title, style="bold yellow"), characters="=")
            status = await (self.alone(part) if debugger is None else self.debugged(part, debugger))
            if status != 0:
                return status
        return 0

    async def alone(self, part: Part) -> int:
        """Run a part's guest without a debugger.

        Returns:
            The emulator's exit status, or 1 if it had to be given up.
        """
        with trio.move_on_after(LONGEST):
            return await self._run_machine(part)
        return self._given_up()

    async def debugged(self, part: Part, debugger: str) -> int:
        """Run a part's guest halted, with `debugger` (a GDB) playing the scenes.

        Returns:
            0 when both the debugger and the emulator ended well.
        """
        ends: dict[str, int] = {}
        port = _free_port()
        with trio.move_on_after(LONGEST) as patience:
            async with trio.open_nursery() as nursery:

                async def debug() -> None:
                    ends["debugger"] = await self._run_debugger(part, debugger, port)
                    if ends["debugger"] != 0:
                        nursery.cancel_scope.cancel()

                nursery.start_soon(debug)
                ends["machine"] = await self._run_machine(part, "-S", "-gdb", f"tcp:127.0.0.1:{port}")
                nursery.cancel_scope.deadline = trio.current_time() + PARTING
        if patience.cancelled_caught:
            return self._given_up()
        return max(abs(ends.get(name, 1)) for name in ("machine", "debugger"))

    async def _run_machine(self, part: Part, *options: str) -> int:
        command = [*self.emulator, *MACHINE, *part.options, *options, "-kernel", str(part.elf)]
        self._command(command)
        return await relay(command, self._guest_line)

    async def _run_debugger(self, part: Part, debugger: str, port: int) -> int:
        with tempfile.TemporaryDirectory(prefix="rvgdb-demo-") as folder:
            scenes = Path(folder) / "walkthrough.gdb"
            scenes.write_text(batch_script(part, port), encoding="utf-8")
            (Path(folder) / "rvgdb-gdb.py").write_text(script(), encoding="utf-8")
            options = ("-nx", "-batch", *_source_option(), "-iex", f"cd {folder}", "-x", str(scenes))
            command = [*_by_line(), debugger, *options, str(part.elf)]
            return await relay(command, self._debugger_line, stderr=STDOUT)

    def _given_up(self) -> int:
        self.console.print(Text(f"given up after {LONGEST} seconds", style="bold red"))
        return 1

    def _command(self, command: Sequence[str]) -> None:
        self.console.print(Text(f"$ {shlex.join(command)}", style="dim"), soft_wrap=True)

    def _guest_line(self, line: str) -> None:
        self.console.print(Text(f"guest | {line}", style="green"), soft_wrap=True)

    def _debugger_line(self, line: str) -> None:
        if line.startswith(SCENE):
            self.console.rule(Text(line.removeprefix(SCENE), style="bold"), align="left")
        else:
            self.console.print(Text(line, style="bold cyan" if line.startswith(PROMPT) else ""), soft_wrap=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _by_line() -> tuple[str, ...]:
    """Makes GDB write each line at once, although to a pipe, so that the guest's lines come in their place."""
    return ("stdbuf", "-oL") if shutil.which("stdbuf") else ()


def _source_option() -> tuple[str, ...]:
    """Where GDB finds the guest's source: in a checkout; the installed package has only the ELF, which is enough."""
    repository = GUEST.parents[2]
    return ("-d", str(repository)) if (repository / "guests" / "demo" / "main.c").exists() else ()
