"""`rvgdb test`: many scripted sessions at once. pytest collects and reports them, pytest-xdist spreads them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from rvgdb.errors import OptionError

USAGE: Final = """usage: rvgdb test PATH... [PYTEST OPTIONS] [-- OPTIONS of 'rvgdb run']

Runs .gdb scripts and pytest files (test_*.py, with the fixture `rvgdb`) below each PATH, one worker a processor.
  -n N              so many workers; 0 runs in this process
  --junit-xml FILE  write the results as JUnit XML
  -k, -x, -v, ...   as of pytest"""

NEEDED: Final = ("pytest", "xdist")


def workers() -> str:
    """How many sessions run at once unless the caller says: one a processor."""
    return str(os.cpu_count() or 1)


def pytest_words(words: Sequence[str]) -> list[str]:
    """What pytest is told.

    Raises:
        OptionError: No path is given.
    """
    own = list(words)
    machine: list[str] = []
    if "--" in own:
        at = own.index("--")
        own, machine = own[:at], own[at + 1 :]
    if not [word for word in own if not word.startswith("-")]:
        raise OptionError("test: no path is given; write 'rvgdb test PATH'")
    spread = (
        [] if any(word.startswith(("-n", "--numprocesses", "--dist", "--tx")) for word in own) else ["-n", workers()]
    )
    trio = ["-o", "trio_mode=true"] if importlib.util.find_spec("pytest_trio") else []
    return [
        "--rvgdb-scripts",
        *trio,
        "-p",
        "no:cacheprovider",
        *(f"--rvgdb-option={word}" for word in machine),
        *spread,
        *own,
    ]


def test(words: Sequence[str]) -> int:
    """The subcommand; returns pytest's status.

    Raises:
        OptionError: The words are wrong, or pytest or pytest-xdist is not installed.
    """
    if not words or words[0] in ("-h", "--help"):
        sys.stdout.write(f"{USAGE}\n")
        return 0 if words else 1
    told = pytest_words(words)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise OptionError(f"test: needs {' and '.join(missing)}; install them with: pip install 'rvgdb[sessions]'")
    # A process of its own: pytest wants to see rvgdb's plugin imported after itself.
    return subprocess.run([sys.executable, "-m", "pytest", *told], check=False).returncode  # noqa: S603 -- our own words
