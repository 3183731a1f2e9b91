"""`rvgdb script`: a session from a file against a fresh machine, whose verdict is the exit status.

A `.gdb` file is what GDB's `-x` takes: it is attached before the first line, an error ends it with status 1, and
`quit N` with status N. A `.py` file defines `main(session)`, a coroutine (`rvgdb.sessions.Session`) or a plain function
(`rvgdb.sessions.blocking.BlockingSession`); an exception is status 1, a number that it returns is the status.

A line `# rvgdb: OPTION...` in the file gives options of `rvgdb run`; what stands behind `--` follows them.
"""

from __future__ import annotations

import inspect
import runpy
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import trio

from rvgdb.errors import OptionError, RvgdbError
from rvgdb.sessions import SessionError, find_gdb
from rvgdb.sessions.debugging import Session, kernel_of, open_session
from rvgdb.sessions.errors import DebuggerGone
from rvgdb.sessions.gdb import SETTINGS
from rvgdb.sessions.machine import open_rvgdb
from rvgdb.sessions.process import quiet_environment

MARK: Final = "# rvgdb:"
LIMIT: Final = 600.0
"""Seconds that a script may take."""

USAGE: Final = "usage: rvgdb script FILE.gdb|FILE.py [-- OPTIONS of 'rvgdb run']"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a script ended.

    Attributes:
        script: The file.
        status: Its exit status.
        printed: What GDB printed.
        console: What the guest and the machine wrote.
    """

    script: Path
    status: int
    printed: str
    console: str


class ScriptFailed(RvgdbError):
    """Raised when a script ends with a status other than 0.

    Args:
        verdict: What it did.
    """

    def __init__(self, verdict: Verdict) -> None:
        text = f"{verdict.script.name} ended with status {verdict.status}"
        super().__init__(f"{text}\n--- GDB ---\n{verdict.printed}\n--- console ---\n{verdict.console}")


def options_of(script: Path) -> tuple[str, ...]:
    """The options of `rvgdb run` that a script's `# rvgdb:` lines give; relative paths in them are the script's.

    Raises:
        OptionError: The file cannot be read, or a line's quotes do not match.
    """
    try:
        lines = script.read_text("utf-8").splitlines()
    except OSError as error:
        raise OptionError(f"{script}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise OptionError(f"{script}: is not text in UTF-8") from None
    words: list[str] = []
    for line in lines:
        if line.startswith(MARK):
            try:
                words += shlex.split(line.removeprefix(MARK))
            except ValueError as error:
                raise OptionError(f"{script}: '{line}': {error}") from None
    return tuple(_beside(script, word) for word in words)


def _beside(script: Path, word: str) -> str:
    """A word that names a file next to the script, as a path that holds anywhere."""
    path = script.parent / word
    return str(path.resolve()) if not word.startswith("-") and "/" in word + "/" and path.is_file() else word


def run_gdb_script(script: Path, options: Sequence[str] = (), *, gdb: str | None = None) -> Verdict:
    """Run a `.gdb` file against a fresh machine that is halted at its reset.

    Args:
        script: The file.
        options: Options of `rvgdb run` besides those that the file gives.
        gdb: The path of a GDB; None looks for one that knows RISC-V.

    Raises:
        OptionError: The file cannot be read.
        SessionError: The machine or GDB cannot be started, or the script takes longer than `LIMIT`.
    """
    return trio.run(_gdb_script, script, (*options_of(script), *options), gdb)


async def _gdb_script(script: Path, options: tuple[str, ...], gdb: str | None) -> Verdict:
    path = gdb or find_gdb()
    if path is None:
        raise DebuggerGone("no GDB for RISC-V on the PATH; install Debian's package gdb-multiarch")
    async with open_rvgdb("-S", *options) as machine:
        words = [path, "--nx", "--quiet", "--batch"]
        for setting in SETTINGS:
            words += ["-ex", f"set {setting}"] if not setting.startswith("mi-async") else []
        words += ["-ex", "set breakpoint pending off"]  # `break` at a name that is not there is an error
        elf = kernel_of(options)
        words += ["-ex", f"target remote {machine.address}", "-x", str(script), *([str(elf)] if elf else [])]
        with tempfile.TemporaryFile() as printed:
            with trio.move_on_after(LIMIT) as scope:
                done = await trio.run_process(
                    words, stdin=b"", stdout=printed, stderr=printed, check=False, env=quiet_environment()
                )
            printed.seek(0)
            text = printed.read().decode("utf-8", "replace")
        if scope.cancelled_caught:
            raise SessionError(f"{script.name} did not end within {LIMIT:g} s", text)
        return Verdict(script, done.returncode, text, (machine.output + machine.errors).decode("utf-8", "replace"))


def run_python_script(script: Path, options: Sequence[str] = ()) -> int:
    """Run a `.py` file against a fresh machine that is halted at its reset; returns the status.

    What it prints goes to standard output; an error's call stack, and what was said last, to standard error.

    Raises:
        OptionError: The file cannot be read or has no `main`.
        SessionError: The machine or GDB cannot be started.
    """
    words = (*options_of(script), *options)
    try:
        main = runpy.run_path(str(script)).get("main")
    except Exception as error:  # noqa: BLE001 -- the script's own error is its verdict
        sys.stderr.write("".join(_own_part(error, script)))
        return 1
    if not callable(main):
        raise OptionError(f"{script}: has no 'main'; define 'async def main(session)' or 'def main(session)'")
    if inspect.iscoroutinefunction(main):
        return trio.run(_python_script, main, words)
    from rvgdb.sessions import blocking

    with blocking.open_session(*words) as session:
        try:
            return _status(main(session))
        except Exception:  # noqa: BLE001 -- the script's own error is its verdict
            return _failed(session.traffic())


async def _python_script(main: Any, words: tuple[str, ...]) -> int:  # noqa: ANN401 -- the script's coroutine
    async with open_session(*words) as session:
        return await _judged(main, session)


async def _judged(main: Any, session: Session) -> int:  # noqa: ANN401 -- the script's coroutine
    try:
        return _status(await main(session))
    except Exception:  # noqa: BLE001 -- the script's own error is its verdict
        return _failed(session.traffic())


def _status(result: object) -> int:
    return result if isinstance(result, int) and not isinstance(result, bool) else int(result is False)


def _own_part(error: BaseException, script: Path) -> list[str]:
    """A call stack from the script's first line on, without those that called it."""
    at = error.__traceback__
    while at is not None and at.tb_frame.f_code.co_filename != str(script):
        at = at.tb_next
    return traceback.format_exception(error.with_traceback(at))


def _failed(traffic: str) -> int:
    traceback.print_exc()
    sys.stderr.write(f"{traffic}\n")
    return 1


def script(words: Sequence[str]) -> int:
    """The subcommand.

    Raises:
        OptionError: The words are wrong.
        ScriptFailed: Never: the status tells.
    """
    if words[:1] in (["-h"], ["--help"]):
        sys.stdout.write(f"{USAGE}\n")
        return 0
    if not words:
        raise OptionError(f"script: the file is missing; {USAGE}")
    name, *rest = words
    if rest and rest[0] != "--":
        raise OptionError(f"script: '{rest[0]}' is not understood; {USAGE}")
    path, options = Path(name), rest[1:]
    if path.suffix == ".py":
        return run_python_script(path, options)
    verdict = run_gdb_script(path, options)
    sys.stdout.write(verdict.printed)
    sys.stdout.flush()
    sys.stderr.write(verdict.console)
    return verdict.status
