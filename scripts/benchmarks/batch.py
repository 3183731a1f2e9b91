"""A real GDB as a benchmark uses it: a list of commands, and what it printed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.errors import BenchError
from benchmarks.runs import BARE, Emulator, free_port, started

GDBS: Final = ("gdb-multiarch", "riscv64-unknown-elf-gdb", "riscv64-linux-gnu-gdb")
SETTINGS: Final = (
    "set confirm off",
    "set pagination off",
    "set width 0",
    "set style enabled off",
    "set architecture riscv:rv64",
    "set osabi none",  # QEMU does not say so itself, and GDB would step by breakpoints
    "set tcp connect-timeout 60",
)
PATIENCE: Final = 600.0
"""Seconds after which a GDB is ended."""

BEGIN: Final = "python import time; begin = time.perf_counter()"
END: Final = 'python print(f"took {time.perf_counter() - begin:.6f} s")'
"""Commands around what is to be timed."""

TOOK: Final = re.compile(r"^took ([0-9.]+) s$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a GDB printed.

    Attributes:
        text: Its standard output and error, in order.
        silence: Whether it had to be ended because it took too long.
    """

    text: str
    silence: bool = False

    @property
    def seconds(self) -> float:
        """The time between `BEGIN` and `END`.

        Raises:
            BenchError: GDB did not get so far.
        """
        found = TOOK.search(self.text)
        if found is None:
            raise BenchError(f"GDB did not come to the end of its commands:\n{self.text}")
        return float(found[1])


def find_gdb() -> str:
    """The path of a GDB for RISC-V.

    Raises:
        BenchError: There is none.
    """
    gdb = next((path for name in GDBS if (path := shutil.which(name))), None)
    if gdb is None:
        raise BenchError("there is no GDB for RISC-V (Debian: apt-get install gdb-multiarch)")
    return gdb


def ask_gdb(
    emulator: Emulator,
    elf: Path,
    commands: Sequence[str],
    *,
    options: Sequence[str] = (),
    symbols: bool = True,
    patience: float = PATIENCE,
) -> Answer:
    """Run commands in a GDB that is attached to an emulator, which stands at its reset with a guest loaded.

    Args:
        emulator: What runs the guest.
        elf: The guest.
        commands: GDB's, one after another; a failing one does not end them.
        options: More options of the emulator's.
        symbols: Whether GDB gets the guest's symbols.
        patience: Seconds that it may take.

    Raises:
        BenchError: There is no GDB for RISC-V, or the emulator cannot be started.
    """
    port = free_port()
    machine = [*emulator.command, *BARE, *options, "-S", "-gdb", f"tcp:127.0.0.1:{port}", "-kernel", str(elf)]
    script = [*SETTINGS, f"target remote 127.0.0.1:{port}", *commands, "kill"]
    words = [word for command in script for word in ("-ex", command)]
    call = [find_gdb(), "-nx", "-q", "-batch", *words, *([str(elf)] if symbols else [])]
    with started(machine, subprocess.DEVNULL, subprocess.DEVNULL):
        try:
            result = subprocess.run(
                call,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=patience,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raw: bytes | str = error.stdout or b""  # bytes, whatever was asked for
            shown = raw if isinstance(raw, str) else raw.decode(errors="replace")
            return Answer(shown, silence=True)
    return Answer(result.stdout)
