#!/usr/bin/env python3
"""Measures rvgdb side by side with Debian's qemu-system-riscv64: the same guests, in one sitting.

docs/benchmarks.md says how, and what each figure means. Needs qemu-system-riscv64 (Debian: qemu-system-misc) and a
quiet machine; nothing here is ever part of the tests.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks import debugging
from benchmarks.errors import BenchError
from benchmarks.experiments import Bench
from benchmarks.figures import Figure, as_json, print_markdown, print_tables
from benchmarks.runs import Emulator

SECTIONS: Final[dict[str, Callable[[Bench], Iterator[Figure]]]] = {
    "integer": Bench.integer,
    "float": Bench.floating,
    "code-page": Bench.code_page,
    "breakpoint": Bench.breakpoint,
    "watchpoint": Bench.watchpoint,
    "translation": Bench.translation,
    "start": Bench.start,
    "packets": Bench.packets,
    "conditions": debugging.conditions,
    "prints": debugging.prints,
    "ranges": debugging.ranges,
    "tagged-watchpoint": debugging.tagged_watchpoint,
}


def main() -> int:
    """Run the wanted experiments and report.

    Returns:
        Exit status: 1 if one could not be made. A ratio that misses its aim is reported, not an error.
    """
    options = _parse()
    progress = Console(stderr=True)
    figures: list[Figure] = []
    subject = shlex.split(options.emulator) if options.emulator else [sys.executable, "-m", "rvgdb", "run"]
    try:
        with tempfile.TemporaryDirectory(prefix="rvgdb-bench-") as folder, progress.status("starting") as status:
            conditions = surroundings(options.qemu, options.emulator)
            for section in options.section or SECTIONS:
                bench = Bench(
                    subject=Emulator("rvgdb", tuple(subject)),
                    peer=Emulator("QEMU", (options.qemu,)),
                    precise=Emulator("QEMU icount", (options.qemu, "-icount", "shift=0,sleep=off")),
                    repeats=options.repeats,
                    seconds=options.seconds,
                    processor=options.processor,
                    folder=Path(folder),
                    note=partial(_note, status.update, section),
                )
                figures.extend(SECTIONS[section](bench))
    except BenchError as error:
        progress.print(f"bench.py: {error}", markup=False, style="bold red")
        return 1
    _report(options, conditions, figures)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", nargs="*", help=f"what to measure, by default everything: {', '.join(SECTIONS)}")
    parser.add_argument("--repeats", type=int, default=3, help="how often each measurement is made (default: 3)")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each packet is repeated (default: 1)")
    parser.add_argument("--processor", type=int, default=min(os.sched_getaffinity(0)), help="the CPU for the packets")
    parser.add_argument("--qemu", default="qemu-system-riscv64", help="the QEMU to compare with")
    parser.add_argument("--emulator", metavar="COMMAND", help="measure this instead of rvgdb; it takes QEMU's options")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything to FILE as well")
    parser.add_argument(
        "--markdown", action="store_true", help="print the ratios as a Markdown table instead of tables"
    )
    options = parser.parse_args()
    if unknown := set(options.section) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    return options


def _note(update: Callable[[str], None], section: str, text: str) -> None:
    update(f"{section}: {text}")


def _report(options: argparse.Namespace, conditions: dict[str, str], figures: Sequence[Figure]) -> None:
    if options.json is not None:
        text = json.dumps(as_json(conditions, figures), indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
    show = print_markdown if options.markdown else print_tables
    show(Console(), conditions, figures)


def surroundings(qemu: str, emulator: str | None) -> dict[str, str]:
    """What the figures depend on."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "rvgdb": emulator or _own_version(),
        "QEMU": first_line([qemu, "--version"]).removeprefix("QEMU emulator version "),
        "Python": platform.python_version(),
        "llvmlite": importlib.metadata.version("llvmlite"),
        "processor": f"{_processor()}, {os.cpu_count()} of them",
        "system": f"{platform.system()} {platform.release()}",
    }


def first_line(command: Sequence[str]) -> str:
    """What a command prints first, such as its version.

    Raises:
        BenchError: It cannot be run, or fails.
    """
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    except OSError as error:
        raise BenchError(
            f"cannot run {command[0]}: {error.strerror} (Debian: apt-get install qemu-system-misc)"
        ) from error
    except subprocess.CalledProcessError as error:
        raise BenchError(f"{shlex.join(command)}: exit status {error.returncode}") from error
    return result.stdout.splitlines()[0]


def _own_version() -> str:
    try:
        return importlib.metadata.version("rvgdb")
    except importlib.metadata.PackageNotFoundError as error:
        raise BenchError(f"rvgdb is not installed for {sys.executable}; use .venv/bin/python") from error


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
