"""The command line: subcommands, and the one place where errors become a line and a status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from emulator.errors import EmulatorError
from rvgdb import __version__
from rvgdb.errors import RvgdbError

FAILURE: Final = 1
"""The status of every error, as QEMU's."""


@dataclass(frozen=True, slots=True)
class Subcommand:
    """One word after `rvgdb`; what it needs is imported when it is chosen."""

    name: str
    help: str
    act: Callable[[Sequence[str]], int]
    usage: str = ""
    """What may follow it; empty for one that answers `-h` itself."""


def _run(words: Sequence[str]) -> int:
    from rvgdb.answers import answer
    from rvgdb.options import parse
    from rvgdb.settings import Topic

    request = parse(words)
    if isinstance(request, Topic):
        sys.stdout.write(f"{answer(request)}\n")
        return 0
    from rvgdb.run import run

    return run(request)


def _demo(words: Sequence[str]) -> int:
    from rvgdb.demo.__main__ import main as demo

    return int(demo(list(words)) or 0)


def _script(words: Sequence[str]) -> int:
    from rvgdb.scripting import script

    return script(words)


def _test(words: Sequence[str]) -> int:
    from rvgdb.testing import test

    return test(words)


def _connect(words: Sequence[str]) -> int:
    from rvgdb.connect import main as connect

    return connect(words)


def _csr(words: Sequence[str]) -> int:
    from rvgdb.csr_command import main as csr

    return csr(words)


def _pm(words: Sequence[str]) -> int:
    from rvgdb.pm_command import main as pm

    return pm(words)


def _gdb_script(words: Sequence[str]) -> int:
    from rvgdb.gdbext import script

    if words:
        raise RvgdbError("gdb-script takes nothing; for example: rvgdb gdb-script > rvgdb-gdb.py")
    sys.stdout.write(script())
    return 0


SUBCOMMANDS: Final = (
    Subcommand("run", "run a guest; options are QEMU's ('rvgdb run -h' lists them)", _run),
    Subcommand(
        "connect", "join stdin and stdout to a debug port: target remote | ssh HOST rvgdb connect PORT", _connect
    ),
    Subcommand("csr", "decode a CSR's value: rvgdb csr henvcfg 0x3000000f1", _csr, "NAME VALUE"),
    Subcommand("demo", "run the built-in guests and show debug sessions of them", _demo),
    Subcommand(
        "gdb-script",
        "print Python for GDB to source: CSR fields, $pm(), $phys(), $tag(), ptwalk",
        _gdb_script,
        "> rvgdb-gdb.py",
    ),
    Subcommand(
        "pm",
        "what masks an address: rvgdb pm 0x2a00000080000000 henvcfg.PMM=PMLEN7 vsatp.MODE=Sv39",
        _pm,
        "[ADDRESS...] [CSR[.FIELD]=VALUE...]",
    ),
    Subcommand("script", "run a session from a .gdb or .py file against a fresh machine", _script),
    Subcommand("test", "run many scripted sessions in parallel, through pytest", _test),
)


def usage() -> str:
    """What `rvgdb -h` prints."""
    lines = ["usage: rvgdb SUBCOMMAND [options]", ""]
    lines += [f"  {subcommand.name:10} {subcommand.help}" for subcommand in SUBCOMMANDS]
    return "\n".join(lines)


def _dispatch(words: Sequence[str]) -> int:
    name = words[0] if words else "-h"
    for subcommand in SUBCOMMANDS:
        if subcommand.name == name:
            if subcommand.usage and words[1:2] in (["-h"], ["--help"]):
                sys.stdout.write(f"usage: rvgdb {name} {subcommand.usage}\n\n{subcommand.help}\n")
                return 0
            return subcommand.act(words[1:])
    if name in ("-h", "--help", "help"):
        sys.stdout.write(f"{usage()}\n")
        return 0 if words else FAILURE
    if name in ("-version", "--version", "-V"):
        sys.stdout.write(f"rvgdb {__version__}\n")
        return 0
    hint = f"; write 'rvgdb run {name} …'" if name.startswith("-") else f"\n{usage()}"
    raise RvgdbError(f"there is no subcommand '{name}'{hint}")


def _leaves(error: BaseException) -> list[BaseException]:
    """The errors inside a group, which is what trio raises."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


def _explain(errors: list[BaseException]) -> int:
    """Print what went wrong, each thing once."""
    for text in dict.fromkeys(str(error) for error in errors):
        sys.stderr.write(f"rvgdb: {text}\n")
    return FAILURE


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        words: What follows `rvgdb`; by default this process's arguments.

    Returns:
        The exit status: the guest's own for `run`, 1 for an error.
    """
    try:
        return _dispatch(sys.argv[1:] if words is None else words)
    except (RvgdbError, EmulatorError) as error:
        return _explain([error])
    except ExceptionGroup as group:
        expected, unexpected = group.split((RvgdbError, EmulatorError))
        if expected is None or unexpected is not None:
            raise
        return _explain(_leaves(expected))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `rvgdb run -h | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILURE
