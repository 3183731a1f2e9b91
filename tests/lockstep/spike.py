"""Spike as a program: where it is, how a program is run on it, and what it says about each instruction."""

from __future__ import annotations

import importlib.util
import re
import resource
import subprocess
import tempfile
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

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

_LINE: Final = re.compile(
    r"core +0: (?:"
    r"(?P<priv>\d) 0x(?P<pc>[0-9a-f]{16}) \(0x(?P<word>[0-9a-f]+)\) ?(?P<effects>.*)"
    r"|exception (?P<cause>.+), epc 0x(?P<epc>[0-9a-f]{16})"
    r"| +tval 0x(?P<tval>[0-9a-f]{16}))"
)
"""The lines that tell something; the others, an instruction's text each, do not match."""


class SpikeError(Exception):
    """Raised when Spike does not run a program to its end; says what it printed."""


def find_spike() -> Path | None:
    """The Spike of PyPI's package `spike`, None where that is not installed: then no lock-step test runs."""
    package = importlib.util.find_spec("riscv")
    if package is None or package.origin is None:
        return None
    program = Path(package.origin).parent / "data/bin/spike"
    return program if program.is_file() else None


class Step(NamedTuple):
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


def _retired(line: re.Match[str], interrupted: int | None) -> Step:
    """The step of a commit line."""
    priv, pc, word, effects = line.group("priv", "pc", "word", "effects")
    registers: list[tuple[int, int]] = []
    floats: list[tuple[int, int]] = []
    csrs: list[tuple[int, int]] = []
    stores: list[tuple[int, int, int]] = []
    words = effects.split()
    at = 0
    while at < len(words):
        name = words[at]
        if name == "mem":
            if at + 2 < len(words) and words[at + 2].startswith("0x"):
                value = words[at + 2]
                stores.append((int(words[at + 1], 16), (len(value) - 2) // 2, int(value, 16)))
                at += 1
        elif name[0] == "x":
            registers.append((int(name[1:]), int(words[at + 1], 16)))
        elif name[0] == "f":
            floats.append((int(name[1:]), int(words[at + 1], 16)))
        elif name[0] == "c":
            csrs.append((int(name[1:].partition("_")[0]), int(words[at + 1], 16)))
        at += 2
    changes = tuple(registers), tuple(floats), tuple(csrs), tuple(stores)
    return Step(int(pc, 16), int(priv), int(word, 16), *changes, interrupted_pc=interrupted)


def parse(log: str) -> Iterator[Step]:
    """The steps of a log made with `-l --log-commits`."""
    interrupted: int | None = None
    trap: Step | None = None
    for line in _LINE.finditer(log):
        kind = line.lastgroup
        if trap is not None:
            yield trap._replace(tval=int(line["tval"], 16)) if kind == "tval" else trap
            trap = interrupted = None
        if kind == "effects":
            yield _retired(line, interrupted)
            interrupted = None
        elif kind == "epc" and line["cause"].startswith("interrupt"):
            interrupted = int(line["epc"], 16)
        elif kind == "epc":
            trap = Step(int(line["epc"], 16), None, 0, trap=line["cause"], interrupted_pc=interrupted)


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
    words = array("Q", bytes.fromhex(text))
    words.byteswap()
    words[0::2], words[1::2] = words[1::2], words[0::2]  # a line is two of them
    return words.tobytes()


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
