"""A whole debug session at once: a fresh machine, halted at its reset, and a real GDB attached to it.

async with open_session("-bios", "none", "-kernel", "guest.elf") as session:
    await session.gdb.break_at("main")
    await session.gdb.cont()
    await session.gdb.expect_breakpoint("main")
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rvgdb.sessions.gdb import Gdb, open_gdb
from rvgdb.sessions.inside import InsideMachine, open_inside
from rvgdb.sessions.machine import EmulatorProcess, open_rvgdb

ELF_MAGIC: Final = b"\x7fELF"
KEPT_PACKETS: Final = 200
"""Lines of remote protocol that `Session.traffic` quotes at most."""


@dataclass(frozen=True, slots=True)
class Session:
    """A GDB attached to a machine.

    Attributes:
        gdb: The debugger.
        machine: The machine with its console.
        packets: The file in which GDB writes down the remote protocol.
    """

    gdb: Gdb
    machine: EmulatorProcess | InsideMachine
    packets: Path

    def traffic(self) -> str:
        """What was said last: GDB/MI, the remote protocol, and the guest's console."""
        try:
            packets = self.packets.read_text("utf-8", "replace").splitlines()
        except OSError:
            packets = []
        parts = (
            ("GDB/MI", self.gdb.transcript),
            ("remote protocol", "\n".join(packets[-KEPT_PACKETS:])),
            ("console", self.machine.transcript.text()),
        )
        return "\n".join(f"--- {title} ---\n{text}" for title, text in parts)


def kernel_of(options: Sequence[str]) -> Path | None:
    """The ELF that `-kernel` names, for GDB's symbols; None where it names none."""
    words = list(options)
    for option in ("-kernel", "--kernel"):
        if option in words[:-1]:
            path = Path(words[words.index(option) + 1])
            try:
                with path.open("rb") as image:
                    return path if image.read(len(ELF_MAGIC)) == ELF_MAGIC else None
            except OSError:
                return None  # the machine says what is wrong with it
    return None


@asynccontextmanager
async def open_session(
    *options: str,
    elf: Path | str | None = None,
    inside: bool = False,
    gdb: str | None = None,
    settings: Sequence[str] = (),
) -> AsyncIterator[Session]:
    """Start a machine and attach GDB to it, for the duration of a `with` block.

    Args:
        options: As of `rvgdb run`; the machine is halted at its reset in any case.
        elf: Where GDB takes symbols from; None is the ELF that `-kernel` names.
        inside: Run the machine in this process.
        gdb: The path of a GDB; None looks for one that knows RISC-V.
        settings: Further settings of GDB, each as typed after `set`.

    Raises:
        EmulatorGone: The machine cannot be started; the error says why.
        DebuggerGone: There is no such GDB.
        CommandFailed: GDB does not take the ELF or a setting, or cannot attach.
    """
    start = open_inside if inside else open_rvgdb
    with tempfile.TemporaryDirectory(prefix="rvgdb-") as folder:
        packets = Path(folder) / "packets"
        async with (
            start("-S", *options) as machine,
            open_gdb(gdb, elf=elf or kernel_of(options), settings=(f"remotelogfile {packets}", *settings)) as debugger,
        ):
            await debugger.connect(machine.address)
            yield Session(debugger, machine, packets)
