"""Starts emulators with a guest and tells what a run cost."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from benchmarks.errors import BenchError
from benchmarks.rsp import Rsp

GUESTS: Final = Path(__file__).resolve().parents[2] / "guests" / "elf"
BARE: Final = ("-M", "virt", "-bios", "none", "-display", "none", "-serial", "stdio", "-monitor", "none")
LONGEST: Final = 900.0
"""Seconds after which a run is ended."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """A command that takes QEMU's options.

    Attributes:
        name: Its name in the report.
        command: The program and what it is always given.
    """

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of a guest.

    Attributes:
        cpu: Seconds of processor time, user and system, of the process and its children.
        console: What the guest printed, without its instruction count.
        instructions: The guest's own count of instructions, which only a deterministic emulator gets right; or None.
    """

    cpu: float
    console: str
    instructions: int | None


def run_guest(emulator: Emulator, elf: Path, debug: Callable[[Rsp], None] | None = None) -> Sample:
    """Run `elf` to its end.

    Args:
        emulator: What runs it.
        elf: The guest; its exit status must be 0.
        debug: If given, the guest starts halted, and this drives it over the remote protocol until it has ended.

    Raises:
        BenchError: If the emulator cannot be started, fails, or takes too long.
    """
    port = free_port()
    halted = () if debug is None else ("-S", "-gdb", f"tcp:127.0.0.1:{port}")
    command = [*emulator.command, *BARE, *halted, "-kernel", str(elf)]
    with tempfile.TemporaryFile() as console, tempfile.TemporaryFile() as errors:
        with started(command, console.fileno(), errors.fileno()) as process:
            if debug is not None:
                with Rsp(port) as rsp:
                    debug(rsp)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        console.seek(0)
        errors.seek(0)
        text = console.read().decode(errors="replace").strip()
        complaint = errors.read().decode(errors="replace").strip()
    if process.returncode != 0:
        raise BenchError(f"{shlex.join(command)}: exit status {process.returncode}: {complaint or text}")
    counted = re.search(r"^(.*) minstret (\d+)$", text)
    return Sample(
        cpu=usage.ru_utime + usage.ru_stime,
        console=counted[1] if counted else text,
        instructions=int(counted[2]) if counted else None,
    )


@contextmanager
def started(command: Sequence[str], stdout: int, stderr: int) -> Iterator[subprocess.Popen[bytes]]:
    """A running emulator with nothing on its standard input, ended at the latest when the block is left.

    Raises:
        BenchError: If it cannot be started.
    """
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
    except OSError as error:
        raise BenchError(f"cannot run {command[0]}: {error.strerror}") from error
    watchdog = threading.Timer(LONGEST, process.kill)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        if process.returncode is None:
            process.kill()
            process.wait()


def free_port() -> int:
    """A TCP port of this machine on which nobody listens just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def symbol_address(elf: Path, name: str) -> int:
    """The address of a symbol.

    Raises:
        BenchError: If there is none of that name.
    """
    with elf.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        symbols = table.get_symbol_by_name(name) if isinstance(table, SymbolTableSection) else None
    if not symbols:
        raise BenchError(f"{elf} has no symbol {name}")
    return int(symbols[0]["st_value"])


def patched(elf: Path, name: str, value: int, folder: Path) -> Path:
    """A copy of `elf` in `folder` whose 64-bit variable `name` begins with `value`."""
    with elf.open("rb") as stream:
        offset = next(ELFFile(stream).address_offsets(symbol_address(elf, name), 8))
    image = bytearray(elf.read_bytes())
    image[offset : offset + 8] = value.to_bytes(8, "little")
    target = folder / f"{elf.stem}-{value}.elf"
    target.write_bytes(image)
    return target
