"""The page that `scripts/compare` writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.figures import Figure
from benchmarks.questions import Answers, Question
from benchmarks.runs import BARE

HEAD: Final = """\
# Side by side with QEMU

This page is written by `scripts/compare`, which runs everything on it anew; nothing here is edited by hand.

The same guests, the same GDB and the same commands, one emulator after the other. Answers are quoted as they were
given. Figures are from this machine, in one sitting, medians of {repeats}; how they are taken is in
[benchmarks.md](benchmarks.md).
"""
GUEST: Final = """\
The guest is `guests/elf/spaces.elf` with `hot_space` 1 and `hot_tag` 0x2a: S-mode under Sv39, which loads through
pointers with the tag 0x2a in bits 63:57, and menvcfg.PMM set so that they are masked. QEMU 11 is told
`-cpu rv64,smnpm=on`; QEMU 7.2 knows no such extension, and the guest's first load through a tagged pointer faults
there. GDB has reached the guest's loop by `hbreak hot_loop` and `continue` before the commands below.
"""


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was found out.

    Attributes:
        surroundings: What it depends on, by name.
        repeats: How often each figure was measured.
        answers: What each emulator answers to each question.
        complaints: What each emulator says to each wrong option.
        figures: What was measured.
    """

    surroundings: Mapping[str, str]
    repeats: int
    answers: Sequence[tuple[Question, Answers]]
    complaints: Sequence[tuple[str, Answers]]
    figures: Sequence[Figure]


def page(found: Findings, names: Sequence[str]) -> str:
    """The page's Markdown.

    Args:
        found: What was found out.
        names: The emulators' names, in the order of the columns.
    """
    lines = [HEAD.format(repeats=found.repeats)]
    lines += [f"* {name}: {value}" for name, value in found.surroundings.items()]
    lines += ["", "## In short", "", *_row(("", *names)), *_row(("---",) * (len(names) + 1))]
    for question, answers in found.answers:
        lines += _row((question.title, *(question.verdict(answers[name]) for name in names)))
    for option, answers in found.complaints:
        lines += _row((f"`{option}`", *(f"`{answers[name]}`" for name in names)))
    for figure in found.figures:
        lines += _row((f"{figure.name} ({figure.unit})", *(_number(figure.values[name]) for name in names)))
    lines += [
        "",
        "## Questions to GDB",
        "",
        "```",
        f"EMULATOR {' '.join(BARE)} -S -gdb tcp:127.0.0.1:PORT -kernel spaces.elf",
    ]
    lines += ["gdb-multiarch -ex 'set osabi none' -ex 'target remote 127.0.0.1:PORT' spaces.elf", "```", "", GUEST]
    for question, answers in found.answers:
        lines += [f"### {question.title}", "", question.about, "", *_block(question.commands), ""]
        for name in names:
            lines += [f"{name}:", "", *_block(answers[name].splitlines()), ""]
    lines += ["## Figures", "", "What runs, by name of the section of `scripts/bench.py`:", ""]
    lines += [f"* {figure.name}: `{figure.section}`" for figure in found.figures]
    return "\n".join(lines).rstrip() + "\n"


def _row(cells: Iterable[str]) -> list[str]:
    return ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"]


def _block(lines: Iterable[str]) -> list[str]:
    return ["```", *lines, "```"]


LARGE: Final = 100
"""From here on, digits after the point are noise."""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= LARGE else f"{value:.2f}"
