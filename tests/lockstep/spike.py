"""Spike as a program: where it is, how a program is run on it, and what it says about each instruction."""

from __future__ import annotations

import importlib.util
import re
import resource
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.lockstep.layout import RAM_BASE, RAM_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INSTRUCTIONS: Final = 20_000_000
"""Where Spike ends a program that does not end itself; every trap counts as up to 5,000."""
LONGEST_LOG: Final = 64 << 20
"""Bytes after which such a program is killed."""
SECONDS: Final = 60
LINE: Final = 16
"""Bytes in a line of the memory that Spike writes."""

_COMMIT: Final = re.compile(r"core +0: (\d) 0x([0-9a-f]{16}) \(0x([0-9a-f]+)\) ?(.*)")
_EXCEPTION: Final = re.compile(r"core +0: exception (.+), epc 0x([0-9a-f]{16})")
_TVAL: Final = re.compile(r"core +0: +tval 0x([0-9a-f]{16})")


class SpikeError(Exception):
    """Raised when Spike does not run a program to its end; says what it printed."""


def find_spike() -> Path | None:
    """The Spike of PyPI's package `spike`, None where that is not installed: then no lock-step test runs."""
    package = importlib.util.find_spec("riscv")
    if package is None or package.origin is None:
        return None
    program = Path(package.origin).parent / "data/bin/spike"
    return program if program.is_file() else None


@dataclass(frozen=True, slots=True)
class Step:
    """What Spike did in one step: an instruction that retired, or one that raised an exception.

    Attributes:
        pc: Its address.
        priv: The privilege it ran with; None for one that trapped.
        word: Its encoding; 0 for one that trapped.
        registers: Number and new value of each integer register written.
        floats: Number and new value of each f register written.
        csrs: Number and new value of each CSR written by the instruction itself.
        stores: Address, bytes and value of each store.
        trap: Spike's name of the exception, None if it retired.
        interrupted: Whether an interrupt was taken before it, at `interrupted_pc`.
    """

    pc: int
    priv: int | None
    word: int
    registers: tuple[tuple[int, int], ...] = ()
    floats: tuple[tuple[int, int], ...] = ()
    csrs: tuple[tuple[int, int], ...] = ()
    stores: tuple[tuple[int, int, int], ...] = ()
    trap: str | None = None
    tval: int = 0
    interrupted_pc: int | None = None


@dataclass(slots=True)
class _Effects:
    registers: list[tuple[int, int]] = field(default_factory=list)
    floats: list[tuple[int, int]] = field(default_factory=list)
    csrs: list[tuple[int, int]] = field(default_factory=list)
    stores: list[tuple[int, int, int]] = field(default_factory=list)


def _effects(text: str) -> _Effects:
    """Read the part of a commit line behind the encoding."""
    found = _Effects()
    words = text.split()
    at = 0
    while at < len(words):
        word = words[at]
        if word == "mem":
            if at + 2 < len(words) and words[at + 2].startswith("0x"):
                value = words[at + 2]
                found.stores.append((int(words[at + 1], 16), (len(value) - 2) // 2, int(value, 16)))
                at += 1
        elif word[0] == "x":
            found.registers.append((int(word[1:]), int(words[at + 1], 16)))
        elif word[0] == "f":
            found.floats.append((int(word[1:]), int(words[at + 1], 16)))
        elif word[0] == "c":
            found.csrs.append((int(word[1:].partition("_")[0]), int(words[at + 1], 16)))
        at += 2
    return found


def parse(log: str) -> Iterator[Step]:
    """The steps of a log made with `-l --log-commits`."""
    interrupted: int | None = None
    trap: tuple[str, int] | None = None
    for line in log.splitlines():
        commit = _COMMIT.match(line)
        exception = None if commit else _EXCEPTION.match(line)
        tval = None if commit or exception else _TVAL.match(line)
        if trap is not None and tval is None:
            yield Step(trap[1], None, 0, trap=trap[0], interrupted_pc=interrupted)
            trap = interrupted = None
        if commit:
            priv, pc, word, rest = commit.groups()
            did = _effects(rest) if rest else _Effects()
            yield Step(
                int(pc, 16),
                int(priv),
                int(word, 16),
                tuple(did.registers),
                tuple(did.floats),
                tuple(did.csrs),
                tuple(did.stores),
                interrupted_pc=interrupted,
            )
            interrupted = None
        elif exception and exception[1].startswith("interrupt"):
            interrupted = int(exception[2], 16)
        elif exception:
            trap = (exception[1], int(exception[2], 16))
        elif tval and trap is not None:
            yield Step(trap[1], None, 0, trap=trap[0], tval=int(tval[1], 16), interrupted_pc=interrupted)
            trap = interrupted = None


@dataclass(frozen=True, slots=True)
class Run:
    """What Spike says about a program.

    Attributes:
        log: Its log.
        memory: What is between the symbols `begin_signature` and `end_signature` at the end, if the program has them.
    """

    log: str
    memory: bytes


def run_spike(isa: str, elf: bytes, options: tuple[str, ...] = ()) -> Run:
    """Run an ELF until it writes `tohost`.

    Args:
        isa: The value of `--isa`.
        elf: The program.
        options: Further options.

    Raises:
        SpikeError: It did not end.
    """
    program = find_spike()
    if program is None:
        raise SpikeError("Spike is not installed; `scripts/test --oracle` installs it")
    with tempfile.TemporaryDirectory(prefix="lockstep-") as folder:
        image, log, memory = (Path(folder, name) for name in ("program.elf", "log", "memory"))
        image.write_bytes(elf)
        command: list[str | Path] = [
            program,
            f"--isa={isa}",
            "--priv=msu",
            f"-m{RAM_BASE:#x}:{RAM_SIZE:#x}",
            f"--instructions={INSTRUCTIONS}",
            *options,
            "-l",
            "--log-commits",
            f"--log={log}",
            f"+signature={memory}",
            f"+signature-granularity={LINE}",
            image,
        ]
        try:
            _execute(command)
        except subprocess.TimeoutExpired:
            raise SpikeError(f"Spike did not end within {SECONDS} s") from None
        return Run(log.read_text(), _memory(memory.read_text()) if memory.exists() else b"")


def _memory(text: str) -> bytes:
    """The bytes of a signature: lines of hexadecimal numbers, each the most significant byte first."""
    return b"".join(bytes.fromhex(line)[::-1] for line in text.split())


def _execute(command: Sequence[str | Path]) -> None:
    """Run Spike, which may not write a longer log than `LONGEST_LOG`."""
    nothing = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=subprocess.PIPE) as process:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (LONGEST_LOG, LONGEST_LOG))
        try:
            _, errors = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    if process.returncode:
        raise SpikeError(f"Spike ended with {process.returncode}: {errors.decode(errors='replace')[-500:]}")
