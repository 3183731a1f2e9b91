"""The executed blocks of documentation pages.

A fenced block whose info string ends in `run` is executed, and what it shows must be what happens:

* `console run`: lines after `$ ` are shell commands, what follows each is its output;
* `gdb run`: lines after `(gdb) ` are typed at GDB's prompt. All such blocks up to the next session are one session,
  with a fresh machine that a comment `<!-- rvgdb: OPTIONS -->` gives the options of;
* `lldb run`: the same for LLDB, after `(lldb) `;
* `python run`: statements after `>>> `, with further lines after `... `, and what each shows, an exception as one line.
  All such blocks of a page are one run of Python.

A block whose info string ends in `file=NAME` is put into a file of that name before anything is executed.

The shell commands of a page come first, in one folder, which holds `guest.elf` and `masked.elf`; Python and
the sessions find there what they left.

In expected output `...` stands for anything, and spaces count as one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_FENCE: Final = re.compile(r"^```(\w+) run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SESSION: Final = re.compile(r"^<!-- rvgdb: (.*) -->$", re.MULTILINE)
_FILE: Final = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROMPTS: Final = {"console": "$ ", "gdb": "(gdb) ", "lldb": "(lldb) ", "python": ">>> "}
_DEBUGGERS: Final = ("gdb", "lldb")
_CONTINUED: Final = "... "


@dataclass(frozen=True, slots=True)
class Step:
    """A command and what it shows."""

    command: str
    expected: str


@dataclass(slots=True)
class Session:
    """A session of a debugger: the machine's options, what is typed, and at whose prompt."""

    options: tuple[str, ...]
    debugger: str = "gdb"
    steps: list[Step] = field(default_factory=list)

    @property
    def kernel(self) -> str:
        """The program that is debugged."""
        return self.options[self.options.index("-kernel") + 1]


def _steps(kind: str, text: str) -> list[Step]:
    prompt = _PROMPTS[kind]
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith(prompt):
            found.append((line.removeprefix(prompt), []))
        elif kind == "python" and line.startswith(_CONTINUED) and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line.removeprefix(_CONTINUED)}", [])
        elif found:
            found[-1][1].append(line)
    return [Step(command, "\n".join(lines)) for command, lines in found]


def commands(page: Path) -> list[Step]:
    """A page's shell commands."""
    return _steps_of(page, "console")


def statements(page: Path) -> list[Step]:
    """A page's Python."""
    return _steps_of(page, "python")


def _steps_of(page: Path, wanted: str) -> list[Step]:
    text = page.read_text(encoding="utf-8")
    return [step for kind, body in _FENCE.findall(text) if kind == wanted for step in _steps(kind, body)]


def files(page: Path) -> dict[str, str]:
    """The files that a page shows, by name."""
    return dict(_FILE.findall(page.read_text(encoding="utf-8")))


def sessions(page: Path) -> list[Session]:
    """A page's sessions."""
    text = page.read_text(encoding="utf-8")
    found: list[Session] = []
    events = sorted([*_FENCE.finditer(text), *_SESSION.finditer(text)], key=lambda match: match.start())
    for match in events:
        if match.re is _SESSION:
            found.append(Session(tuple(match[1].split())))
        elif match[1] in _DEBUGGERS:
            found[-1].debugger = match[1]
            found[-1].steps.extend(_steps(match[1], match[2]))
    return found


def agrees(expected: str, shown: str) -> bool:
    """Whether output is as a page has it."""
    pieces = [" ".join(piece.split()) for piece in expected.split("...")]
    pattern = r"\s*.*?\s*".join(map(re.escape, pieces))
    return re.fullmatch(pattern, " ".join(shown.split())) is not None
