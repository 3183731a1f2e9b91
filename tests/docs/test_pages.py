"""What the documentation shows is what happens: commands and debug sessions of its pages are executed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import trio

from rvgdb.demo import MASKED
from rvgdb.sessions import find_gdb, open_rvgdb
from tests.docs.pages import Session, Step, agrees, commands, files, sessions, statements
from tests.helpers.guests import DEMO
from tests.lldb.conftest import find_lldb

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if commands(page) or sessions(page) or statements(page)
]
SHOWN: Final = ("docs", "guests", "rvgdb", "scripts")
"""Folders of the repository that commands find beside the guest."""
MARK: Final = "@@ step "

DRIVER: Final = """
import gdb
for number, command in enumerate({commands!r}):
    gdb.write("{mark}%d\\n" % number)
    try:
        gdb.execute(command)
    except (gdb.error, gdb.GdbError) as error:
        gdb.write("%s\\n" % error)
    gdb.flush()
gdb.write("{mark}end\\n")
"""


INTERPRETER: Final = """
import code
import sys

class Page(code.InteractiveInterpreter):
    def showtraceback(self):
        kind, error, _ = sys.exc_info()
        print(f"{{kind.__name__}}: {{error}}")

page = Page()
for number, statement in enumerate({statements!r}):
    print("{mark}%d" % number)
    page.runsource(statement + "\\n", "page", "single")
print("{mark}end")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the guests that the pages debug."""
    (tmp_path / "masked.elf").symlink_to(MASKED)
    (tmp_path / "guest.elf").symlink_to(DEMO.elf.path)
    for name in SHOWN:
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def run_commands(steps: list[Step], folder: Path) -> None:
    """Execute shell commands in a folder, where `rvgdb` is this one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for step in steps:
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=folder,
            env={**os.environ, "PATH": path, "COLUMNS": "80"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert agrees(step.expected, done.stdout), f"$ {step.command}\n{done.stdout}"


def run_statements(steps: list[Step], folder: Path) -> None:
    """Execute Python in a folder, as at its prompt."""
    program = INTERPRETER.format(statements=[step.command for step in steps], mark=MARK)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    shown = pieces(done.stdout)
    assert len(shown) == len(steps), done.stdout
    for step, text in zip(steps, shown, strict=True):
        assert agrees(step.expected, text), f">>> {step.command}\n{text}"


def pieces(output: str) -> list[str]:
    """What each step has shown."""
    return [text.partition("\n")[2] for text in output.split(MARK)[1:-1]]


async def play_lldb(session: Session, folder: Path) -> list[str]:
    """What each of a session's commands shows in a real LLDB."""
    lldb = find_lldb()
    assert lldb is not None, "needs an LLDB, for example Debian's package lldb"
    async with open_rvgdb(*_options(session, folder), "-S", folder=folder) as machine:
        port = machine.address.rpartition(":")[2]
        typed = [step.command.replace("1234", port) for step in session.steps]
        words = [word for command in ("settings set use-color false", *typed) for word in ("-o", command)]
        done = await trio.run_process(
            [lldb, "--no-lldbinit", "-b", *words, "guest.elf"],
            cwd=folder,
            capture_stdout=True,
            stderr=subprocess.STDOUT,
        )
    shown = done.stdout.decode()
    texts = []
    for command in typed:
        _, prompt, shown = shown.partition(f"(lldb) {command}\n")
        assert prompt, f"LLDB did not come to {command}"
        texts.append(shown.partition("(lldb) ")[0])
    return texts


def _options(session: Session, folder: Path) -> list[str]:
    return [str(folder / word) if (folder / word).is_file() else word for word in session.options]


async def play_gdb(session: Session, folder: Path) -> list[str]:
    """What each of a session's commands shows in a real GDB."""
    gdb = find_gdb()
    assert gdb is not None, "needs a GDB that knows RISC-V, for example Debian's package gdb-multiarch"
    driver = folder / "driver.py"
    driver.write_text(DRIVER.format(commands=[step.command for step in session.steps], mark=MARK))
    settings = ("confirm off", "pagination off", "width 0", "style enabled off", "architecture riscv:rv64")
    async with open_rvgdb(*_options(session, folder), "-S", folder=folder) as machine:
        words = [gdb, "-nx", "-batch", *(word for setting in settings for word in ("-ex", f"set {setting}"))]
        words += ["-ex", f"file {session.kernel}", "-ex", f"target remote {machine.address}", "-ex", "source driver.py"]
        done = await trio.run_process(words, cwd=folder, capture_stdout=True, stderr=subprocess.STDOUT)
    return pieces(done.stdout.decode())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_a_page_shows_what_happens(page: Path, folder: Path) -> None:
    """Every command of the page, in the shell, in Python and in a debugger, shows what the page says."""
    for name, text in files(page).items():
        (folder / name).write_text(text, encoding="utf-8")
    await trio.to_thread.run_sync(run_commands, commands(page), folder)
    await trio.to_thread.run_sync(run_statements, statements(page), folder)
    for session in sessions(page):
        shown = await (play_lldb if session.debugger == "lldb" else play_gdb)(session, folder)
        assert len(shown) == len(session.steps)
        for step, text in zip(session.steps, shown, strict=True):
            assert agrees(step.expected, text), f"({session.debugger}) {step.command}\n{text}"


def test_a_wrong_page_is_noticed(tmp_path: Path) -> None:
    """A block that shows something else than its command does not pass; one without `run` is not executed."""
    page = tmp_path / "page.md"
    page.write_text("```console run\n$ echo one\ntwo\n```\n\n```console\n$ false\n```\n")
    (step,) = commands(page)
    assert step == Step("echo one", "two")
    with pytest.raises(AssertionError, match=r"echo one\s+one"):
        run_commands([step], tmp_path)


def test_python_is_executed_as_at_its_prompt(tmp_path: Path) -> None:
    """Statements of several lines, values, exceptions; names live from one block to the next."""
    page = tmp_path / "page.md"
    page.write_text(
        "```python run\n>>> def half(n):\n...     return n // 2\n>>> half(5)\n2\n```\n\n"
        "```python run\n>>> half(None)\nTypeError: unsupported ...\n>>> 1\n2\n```\n"
    )
    steps = statements(page)
    run_statements(steps[:3], tmp_path)
    with pytest.raises(AssertionError, match=r">>> 1\s+1"):
        run_statements(steps, tmp_path)
