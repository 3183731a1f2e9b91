"""What `scripts/compare` asks every emulator through GDB, and how an answer is told in a few words."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.batch import ask_gdb
from benchmarks.errors import BenchError
from benchmarks.runs import GUESTS, Emulator, patched

TAG: Final = 0x2A << 57
WORD: Final = 0x8100_1040
"""A word that the guest `spaces` loads."""
TAGGED: Final = f"{WORD | TAG:#x}"
PLAIN: Final = f"{WORD:#x}"

HERE: Final = "=== from here on ==="
PATIENCE: Final = 60.0

GUEST: Final = {"hot_space": 1, "hot_tag": 0x2A, "hot_rounds": 2}
"""The guest `spaces` in S-mode under Sv39, with pointers that carry a tag, masked by menvcfg.PMM, and few rounds."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question to GDB.

    Attributes:
        title: What is asked, as a heading.
        about: A sentence or two for the reader.
        commands: What is typed, after the guest has reached its loop.
        verdict: The answer in some words.
    """

    title: str
    about: str
    commands: tuple[str, ...]
    verdict: Callable[[str], str]


def _fires(text: str) -> str:
    return "fires at the first access" if "Value = " in text else "never fires; the guest runs to its end"


QUESTIONS: Final = (
    Question(
        "`x` at a tagged address",
        "Memory through the pointer that the program has in a register.",
        (f"x/gx {TAGGED}",),
        lambda text: "refused" if "Cannot access memory" in text else "read",
    ),
    Question(
        "Watchpoint on a tagged address",
        "The loop loads from that word, through a pointer with that tag.",
        (f"rwatch *(unsigned long *) {TAGGED}", "continue", "print $pc"),
        _fires,
    ),
    Question(
        "Watchpoint on the same word's plain address",
        "The loop still loads through the tagged pointer.",
        (f"rwatch *(unsigned long *) {PLAIN}", "continue", "print $pc"),
        _fires,
    ),
    Question(
        "Fields of a CSR",
        "rvgdb has a view of each CSR by fields, `$menvcfg_view`, and each field, `$menvcfg_PMM`. "
        "GDB says `void` to a name that it does not know.",
        ("print/x $menvcfg", "print $menvcfg_view", "print $menvcfg_PMM", "print $mstatus_view"),
        lambda text: "by name" if "PMM=" in text else "a number",
    ),
)


def ask(emulator: Emulator, question: Question, folder: Path) -> str:
    """What GDB answers, from the question's own commands on.

    Raises:
        BenchError: GDB or the emulator cannot be started.
    """
    elf = GUESTS / "spaces.elf"
    for variable, value in GUEST.items():
        elf = patched(elf, variable, value, folder)
    commands = ["hbreak hot_loop", "continue", "delete", f"echo {HERE}\\n", *question.commands]
    answer = ask_gdb(emulator, elf, commands, patience=PATIENCE)
    text = answer.text.partition(f"{HERE}\n")[2]
    kept = [line for line in text.splitlines() if line and "killed]" not in line and " in guests/" not in line]
    return "\n".join([*kept, *(["(no answer)"] if answer.silence else [])])


MISSPELT: Final = (
    ("-gbd", "tcp::1234"),
    ("-M", "vrit"),
    ("-cpu", "rv64,smnmp=on"),
    ("-serial", "stdoi"),
)
"""Options with a slip of the finger."""


def complaint(emulator: Emulator, words: Sequence[str]) -> str:
    """What an emulator says to a wrong option, its program's name apart.

    Raises:
        BenchError: It cannot be started, or it takes the option.
    """
    machine = () if words[0] == "-M" else ("-M", "virt")
    try:
        result = subprocess.run(
            [*emulator.command, *machine, "-display", "none", *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"{emulator.name} does not refuse {' '.join(words)}: {error}") from error
    name, _, said = result.stderr.strip().partition(": ")
    return said if " " not in name else result.stderr.strip()


Answers = Mapping[str, str]
"""By the emulator's name."""
