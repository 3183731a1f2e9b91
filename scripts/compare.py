#!/usr/bin/env python3
"""Compares rvgdb with QEMU as a debugger sees them, on the same guests, and writes docs/comparison.md.

QEMU is this system's and, unless --only-system says otherwise, the newest that Debian has, which apt fetches into a
folder of its own. Needs a Debian system, gdb-multiarch, qemu-system-riscv64 and a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import platformdirs
from rich.console import Console

from bench import first_line, surroundings
from benchmarks import debugging
from benchmarks.batch import find_gdb
from benchmarks.debian_qemu import fetch_qemu
from benchmarks.errors import BenchError
from benchmarks.experiments import Bench
from benchmarks.figures import Figure
from benchmarks.page import Findings, page
from benchmarks.questions import MISSPELT, QUESTIONS, ask, complaint
from benchmarks.runs import Emulator

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "comparison.md"
MASKING: Final = ("-cpu", "rv64,smnpm=on")


def main() -> int:
    """Ask, measure, and write the page.

    Returns:
        Exit status: 1 if something is missing or fails.
    """
    options = _parse()
    console = Console(stderr=True)
    try:
        with tempfile.TemporaryDirectory(prefix="rvgdb-compare-") as folder, console.status("starting") as status:
            found, names = _compare(options, Path(folder), status.update)
    except BenchError as error:
        console.print(f"compare: {error}", markup=False, style="bold red")
        return 1
    options.output.write_text(page(found, names), encoding="utf-8")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="how often each figure is measured (default: 3)")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a rate is measured (default: 1)")
    parser.add_argument("--processor", type=int, default=min(os.sched_getaffinity(0)), help="the CPU for single steps")
    parser.add_argument("--qemu", default="qemu-system-riscv64", help="the system's QEMU")
    parser.add_argument("--only-system", action="store_true", help="do not fetch the newest QEMU")
    parser.add_argument("--mirror", help="a Debian mirror's address, instead of this system's")
    parser.add_argument("--output", type=Path, default=PAGE, help="where the page goes (default: docs/comparison.md)")
    parser.add_argument(
        "--folder", type=Path, default=platformdirs.user_cache_path("rvgdb") / "qemu", help="where QEMU is kept"
    )
    options = parser.parse_args()
    options.folder = options.folder.resolve()
    return options


def _qemus(options: argparse.Namespace) -> Iterator[Emulator]:
    """The QEMUs to compare with, named by their versions."""
    commands: list[tuple[str, ...]] = [(options.qemu,)]
    if not options.only_system:
        options.folder.mkdir(parents=True, exist_ok=True)
        commands.append(fetch_qemu(options.folder, mirror=options.mirror))
    for command in commands:
        version = _version(command)
        probe = [*command, "-M", "virt,dumpdtb=/dev/null", *MASKING]
        masks = subprocess.run(probe, capture_output=True, check=False).returncode == 0
        yield Emulator(f"QEMU {version.split(' ')[0]}", (*command, *(MASKING if masks else ())))


def _version(command: Sequence[str]) -> str:
    return first_line([*command, "--version"]).removeprefix("QEMU emulator version ")


def _compare(options: argparse.Namespace, folder: Path, note: debugging.Note) -> tuple[Findings, list[str]]:
    note("looking for QEMU")
    peer, *others = _qemus(options)
    subject = Emulator("rvgdb", (sys.executable, "-m", "rvgdb", "run"))
    bench = Bench(
        subject=subject,
        peer=peer,
        precise=peer,
        others=tuple(others),
        repeats=options.repeats,
        seconds=options.seconds,
        processor=options.processor,
        folder=folder,
        note=note,
    )
    emulators = bench.emulators
    found = Findings(
        surroundings=surroundings(options.qemu, None)
        | {"QEMU, too": ", ".join(_version(other.command) for other in others) or "none"}
        | {"GDB": first_line([find_gdb(), "--version"])},
        repeats=options.repeats,
        answers=[(question, {e.name: ask(e, question, folder) for e in emulators}) for question in QUESTIONS],
        complaints=[(" ".join(words), {e.name: complaint(e, words) for e in emulators}) for words in MISSPELT],
        figures=list(_figures(bench)),
    )
    return found, [emulator.name for emulator in emulators]


def _figures(bench: Bench) -> Iterator[Figure]:
    """What is measured: only what tells the emulators apart."""
    for section, measure in (
        ("breakpoint", bench.breakpoint),
        ("watchpoint", bench.watchpoint),
        ("packets", bench.single_steps),
        ("conditions", lambda: debugging.conditions(bench)),
        ("prints", lambda: debugging.prints(bench)),
        ("ranges", lambda: debugging.ranges(bench)),
    ):
        for figure in measure():
            if figure.ratio is not None:
                yield replace(figure, section=section, name=NAMES.get((section, figure.name), figure.name))


NAMES: Final = {
    ("breakpoint", "slowdown"): "a breakpoint in the hot page that is never reached: slowdown",
    ("watchpoint", "slowdown"): "a watchpoint in the hot page that is never written: slowdown",
    ("packets", "vCont;s"): "single steps",
}


if __name__ == "__main__":
    sys.exit(main())
