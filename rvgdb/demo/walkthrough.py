"""Runs the built-in guest under a real GDB, or by itself where there is none, and shows both on the terminal."""

from __future__ import annotations

import shlex
import shutil
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
from rvgdb.demo.relay import relay
from rvgdb.demo.script import PROMPT, SCENE, batch_script

MACHINE: Final = (
    "-M",
    "virt",
    "-smp",
    "2",
    "-bios",
    "none",
    "-display",
    "none",
    "-serial",
    "stdio",
    "-monitor",
    "none",
)
LONGEST: Final = 180
"""Seconds after which a walk-through is given up; the very first start compiles the engine."""
PARTING: Final = 5
"""Seconds that the debugger has to notice that the machine has gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walkthrough:
    """What to run and where to show it.

    Attributes:
        console: Where everything is shown.
        emulator: A command that takes QEMU's options.
        port: TCP port of this machine for the debugger.
    """

    console: Console
    emulator: Sequence[str]
    port: int

    async def alone(self) -> int:
        """Run the guest without a debugger.

        Returns:
            The emulator's exit status, or 1 if it had to be given up.
        """
        with trio.move_on_after(LONGEST):
            return await self._run_machine()
        return self._given_up()

    async def debugged(self, debugger: str) -> int:
        """Run the guest halted, with `debugger` (a GDB) playing the script.

        Returns:
            0 when both the debugger and the emulator ended well.
        """
        ends: dict[str, int] = {}
        with trio.move_on_after(LONGEST) as patience:
            async with trio.open_nursery() as nursery:

                async def debug() -> None:
                    ends["debugger"] = await self._run_debugger(debugger)
                    if ends["debugger"] != 0:
                        nursery.cancel_scope.cancel()

                nursery.start_soon(debug)
                ends["machine"] = await self._run_machine("-S", "-gdb", f"tcp:127.0.0.1:{self.port}")
                nursery.cancel_scope.deadline = trio.current_time() + PARTING
        if patience.cancelled_caught:
            return self._given_up()
        return max(abs(ends.get(name, 1)) for name in ("machine", "debugger"))

    async def _run_machine(self, *options: str) -> int:
        command = [*self.emulator, *MACHINE, *options, "-kernel", str(GUEST)]
        self._command(command)
        return await relay(command, self._guest_line)

    async def _run_debugger(self, debugger: str) -> int:
        with tempfile.TemporaryDirectory(prefix="rvgdb-demo-") as folder:
            script = Path(folder) / "walkthrough.gdb"
            script.write_text(batch_script(self.port), encoding="utf-8")
            command = [*_by_line(), debugger, "-nx", "-batch", *_source_option(), "-x", str(script), str(GUEST)]
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


def _by_line() -> tuple[str, ...]:
    """Makes GDB write each line at once, although to a pipe, so that the guest's lines come in their place."""
    return ("stdbuf", "-oL") if shutil.which("stdbuf") else ()


def _source_option() -> tuple[str, ...]:
    """Where GDB finds the guest's source: in a checkout; the installed package has only the ELF, which is enough."""
    repository = GUEST.parents[2]
    return ("-d", str(repository)) if (repository / "guests" / "demo" / "main.c").exists() else ()
