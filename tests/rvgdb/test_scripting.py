"""`rvgdb script` and `rvgdb test`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from rvgdb.demo import GUEST
from rvgdb.errors import OptionError
from rvgdb.scripting import options_of
from rvgdb.testing import pytest_words

HEAD = f"# rvgdb: -bios none -kernel {GUEST}\n"
BREAK = HEAD + "break main\ncontinue\n"

WITH_TRIO = (
    HEAD
    + """
async def main(session):
    await session.gdb.break_at("main")
    await session.gdb.cont()
    stop = await session.gdb.expect_breakpoint("main")
    print(stop.function)
"""
)
WITHOUT_TRIO = (
    HEAD
    + """
def main(session):
    assert session.gdb.register("pc") == 0x1000
    return 3
"""
)
WRONG = (
    HEAD
    + """
def main(session):
    assert session.gdb.register("pc") == 0
"""
)


def rvgdb(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "rvgdb", *words]
    return subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("name", "text", "status", "shown"),
    [
        ("a.gdb", BREAK, 0, "Breakpoint 1, main"),
        ("a.gdb", BREAK + "quit 5\n", 5, "Breakpoint 1, main"),
        ("a.gdb", HEAD + "print no_such_symbol\n", 1, "No symbol"),
        ("a.gdb", HEAD + "break no_such_function\n", 1, 'Function "no_such_function" not defined'),
        ("a.py", WITH_TRIO, 0, "main"),
        ("a.py", WITHOUT_TRIO, 3, ""),
        ("a.py", WRONG, 1, "AssertionError"),
    ],
)
def test_verdict(tmp_path: Path, name: str, text: str, status: int, shown: str) -> None:
    """A script's exit status is its verdict, and what it printed is shown."""
    (tmp_path / name).write_text(text)
    done = rvgdb("script", name, folder=tmp_path)
    assert done.returncode == status
    assert shown in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "shown"),
    [("def main(session)\n", "SyntaxError: expected ':'"), ("import no_such_module\n", "in <module>")],
)
def test_a_script_that_cannot_be_loaded(tmp_path: Path, text: str, shown: str) -> None:
    """What Python says of the script, without who reads it."""
    (tmp_path / "a.py").write_text(text)
    done = rvgdb("script", "a.py", folder=tmp_path)
    assert done.returncode == 1
    assert shown in done.stderr
    assert "rvgdb" not in done.stderr.replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "the file is missing"),
        (("none.gdb",), "none.gdb: cannot be read"),
        (("empty.py",), "has no 'main'"),
        (("a.gdb", "-kernel"), "'-kernel' is not understood"),
        (("a.gdb", "--", "-kernle", "x"), "-kernle"),
    ],
)
def test_script_refuses(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """What cannot be run is refused in one sentence, without a call stack."""
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "a.gdb").write_text(BREAK)
    done = rvgdb("script", *words, folder=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_options_in_a_script(tmp_path: Path) -> None:
    """A script's own options may name files beside it; several lines add up."""
    (tmp_path / "guest.elf").touch()
    (tmp_path / "a.gdb").write_text("# rvgdb: -kernel guest.elf\n# rvgdb: -append 'a b'\nquit\n")
    assert options_of(tmp_path / "a.gdb") == ("-kernel", str(tmp_path / "guest.elf"), "-append", "a b")
    (tmp_path / "b.gdb").write_text("# rvgdb: -append 'a\n")
    with pytest.raises(OptionError, match="No closing quotation"):
        options_of(tmp_path / "b.gdb")


def test_many_scripts(tmp_path: Path) -> None:
    """`rvgdb test` runs what is below a folder, writes JUnit XML, and fails if one failed."""
    (tmp_path / "good.gdb").write_text(BREAK)
    (tmp_path / "bad.gdb").write_text(HEAD + "print no_such_symbol\n")
    done = rvgdb("test", ".", "-n", "2", "--junit-xml", "results.xml", folder=tmp_path)
    assert done.returncode == 1
    suite = ET.parse(tmp_path / "results.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")


def test_words_for_pytest() -> None:
    """The machine's options go through to every session, and workers are spread unless the caller spreads them."""
    words = pytest_words(["dir", "--", "-smp", "2"])
    assert words[-1] == "dir"
    assert "--rvgdb-option=-smp" in words
    assert "-n" in words
    assert "-n" not in pytest_words(["dir", "-n0"])
    with pytest.raises(OptionError, match="no path is given"):
        pytest_words(["-v"])


def test_documented_sessions() -> None:
    """The sessions that the documentation shows pass."""
    done = rvgdb("test", "docs/sessions", "-n", "0", folder=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout
