"""A debug session in Python that reads like one at GDB's prompt.

async with open_rvgdb("-bios", "none", "-kernel", "guest.elf", "-S") as machine, open_gdb(elf="guest.elf") as gdb:
    await gdb.connect(machine.address)
    await gdb.break_at("main")
    await gdb.cont()
    await gdb.expect_breakpoint("main")
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from rvgdb.sessions.errors import CommandFailed
from rvgdb.sessions.inspecting import InspectVerbs
from rvgdb.sessions.mi import quote
from rvgdb.sessions.process import COMMAND_LIMIT, open_mi
from rvgdb.sessions.running import RunVerbs
from rvgdb.sessions.stops import Stop

SETTINGS: Final = (
    "confirm off",
    "pagination off",
    "width 0",
    "height 0",
    "style enabled off",
    "mi-async on",  # the prompt stays usable while the program runs, so that it can be interrupted
    "architecture riscv:rv64",
)


class Gdb(RunVerbs, InspectVerbs):
    """A GDB and the verbs to drive it. Make one with `open_gdb`."""

    @property
    def pid(self) -> int:
        """GDB's process id."""
        return self._mi.pid

    async def connect(self, address: str, *, extended: bool = False, limit: float = COMMAND_LIMIT) -> Stop:
        """`target remote ADDRESS` (HOST:PORT or the path of a socket); returns where the program stands.

        Raises:
            CommandFailed: Nobody listens there, or what listens is not a debug stub.
        """
        self._mi.forget_stops()
        await self.mi(f"-target-select {'extended-remote' if extended else 'remote'} {address}", limit=limit)
        return await self._mi.next_stop(limit=limit)

    async def set(self, setting: str) -> None:
        """`set SETTING`, for example `set("scheduler-locking step")`."""
        await self.mi(f"-gdb-set {setting}")

    async def file(self, path: Path | str) -> None:
        """`file PATH`: take code and symbols from this ELF."""
        await self.mi(f"-file-exec-and-symbols {quote(str(path))}")

    async def symbols(self, path: Path | str) -> None:
        """`add-symbol-file PATH`: take symbols from one more ELF."""
        await self.console(f"add-symbol-file {path}")

    async def load(self, *, limit: float = COMMAND_LIMIT) -> str:
        """`load`: write the program's sections into the machine; returns what GDB says about it."""
        return await self.console("load", limit=limit)

    async def monitor(self, command: str) -> str:
        """`monitor COMMAND`: a command for the emulator; returns its output."""
        return await self.console(f"monitor {command}")

    async def detach(self) -> None:
        """`detach`: leave the program to itself."""
        await self.mi("-target-detach")

    async def disconnect(self) -> None:
        """`disconnect`: drop the connection without a word about the program."""
        await self.mi("-target-disconnect")

    async def kill(self) -> None:
        """`kill`: end the program."""
        await self.console("kill")


@asynccontextmanager
async def open_gdb(
    gdb: str | None = None, *, elf: Path | str | None = None, settings: Sequence[str] = ()
) -> AsyncIterator[Gdb]:
    """Start a GDB for the duration of a `with` block.

    Args:
        gdb: The path of a GDB; None looks for one that knows RISC-V.
        elf: The program to be debugged.
        settings: Further settings, each as typed after `set`.

    Raises:
        DebuggerGone: There is no such GDB.
        CommandFailed: It does not take the ELF or a setting.
    """
    async with open_mi(gdb) as mi:
        session = Gdb(mi)
        with suppress(
            CommandFailed
        ):  # since GDB 13; without it the script of a `dprintf` is written in no known syntax
            await mi.command("-fix-breakpoint-script-output")
        for setting in (*SETTINGS, *settings):
            await session.set(setting)
        if elf is not None:
            await session.file(elf)
        yield session
