"""The pytest plugin, by pytest running pytest."""

from __future__ import annotations

import shutil

import pytest

from rvgdb.demo import GUEST

pytest_plugins = ("pytester",)

GOOD = """
# rvgdb: -bios none -kernel guest.elf
break main
continue
"""

BAD = """
# rvgdb: -bios none -kernel guest.elf
print no_such_symbol
"""

SESSIONS = """
from rvgdb.sessions import StopReason

OPTIONS = ("-bios", "none", "-kernel", "guest.elf")

async def test_with_trio(rvgdb):
    async with rvgdb(*OPTIONS, inside=True) as session:
        await session.gdb.break_at("main")
        await session.gdb.cont()
        await session.gdb.expect_breakpoint("main")

def test_without_trio(rvgdb):
    with rvgdb.blocking(*OPTIONS, inside=True) as session:
        session.gdb.break_at("main")
        session.gdb.cont()
        session.gdb.expect_breakpoint("measure")
"""


def run(pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    """Run pytest on the folder, in a process of its own."""
    shutil.copy(GUEST, pytester.path / "guest.elf")
    return pytester.runpytest_subprocess("-o", "trio_mode=true", "-p", "no:cacheprovider", *words)


def test_fixture(pytester: pytest.Pytester) -> None:
    """The fixture opens sessions with trio and without; a failed test shows what was said."""
    pytester.makepyfile(SESSIONS)
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*its function is main, not measure*", "*remote protocol ---*", "w $*#*"])


def test_scripts(pytester: pytest.Pytester) -> None:
    """A `.gdb` file is a test where that is asked for: it fails with what GDB printed."""
    (pytester.path / "good.gdb").write_text(GOOD)
    (pytester.path / "bad.gdb").write_text(BAD)
    assert run(pytester).ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result = run(pytester, "--rvgdb-scripts")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(['No symbol "no_such_symbol" in current context.'])


def test_options_for_every_session(pytester: pytest.Pytester) -> None:
    """Options of the machine on pytest's command line reach every session."""
    (pytester.path / "harts.gdb").write_text(
        "# rvgdb: -bios none -kernel guest.elf\nif $_inferior_thread_count != 3\nquit 7\nend\n"
    )
    run(pytester, "--rvgdb-scripts", "--rvgdb-option=-smp", "--rvgdb-option=3").assert_outcomes(passed=1)
    run(pytester, "--rvgdb-scripts").assert_outcomes(failed=1)
