"""What docs/comparison.md quotes of rvgdb is what rvgdb answers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts"))  # the scripts' own modules are not installed

from benchmarks.questions import MISSPELT, QUESTIONS, ask, complaint  # noqa: E402 -- found only from here on
from benchmarks.runs import Emulator  # noqa: E402 -- as above

PAGE = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
RVGDB = Emulator("rvgdb", (sys.executable, "-m", "rvgdb", "run"))
COMPARED = ("breakpoint in the hot page", "watchpoint in the hot page", "single steps", "condition that", "next over")


def cells_of(part: str) -> list[str]:
    """The cells of the first table row with some text in it, its heading apart."""
    row = next(line for line in PAGE.splitlines() if line.startswith("|") and part in line)
    return [cell.strip() for cell in row.split("|")][2:-1]


def test_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question is on the page, with rvgdb's answer to the letter."""
    monkeypatch.chdir(ROOT)  # GDB finds the sources, as when the page was written
    for question in QUESTIONS:
        answer = ask(RVGDB, question, tmp_path)
        commands = "\n".join(question.commands)
        quoted = f"### {question.title}\n\n{question.about}\n\n```\n{commands}\n```\n\nrvgdb:\n\n```\n{answer}\n```\n"
        assert quoted in PAGE, quoted


@pytest.mark.parametrize("words", MISSPELT, ids=" ".join)
def test_complaints(words: tuple[str, ...]) -> None:
    """So is what it says to an option with a slip of the finger."""
    assert f"| `{' '.join(words)}` | `{complaint(RVGDB, words)}` |" in PAGE


@pytest.mark.parametrize("name", COMPARED)
def test_figures(name: str) -> None:
    """What is compared by a figure has one for each emulator."""
    assert len(cells_of(name)) == len(cells_of("QEMU"))
    assert all(float(cell.replace(",", "")) > 0 for cell in cells_of(name))
