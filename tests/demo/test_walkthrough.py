"""The walk-through's parts: the script for GDB, and passing a program's output on."""

from __future__ import annotations

import io
import sys

import pytest
import trio
from rich.console import Console

from rvgdb.demo.parts import BARE, PARTS, Part
from rvgdb.demo.relay import relay
from rvgdb.demo.script import PROMPT, batch_script
from rvgdb.demo.walkthrough import Walkthrough


def python(program: str) -> list[str]:
    """A command that runs a Python program."""
    return [sys.executable, "-c", program]


def walkthrough(emulator: list[str]) -> tuple[Walkthrough, io.StringIO]:
    """A walk-through of a pretended emulator, and where it shows everything."""
    shown = io.StringIO()
    return Walkthrough(console=Console(file=shown), emulator=emulator), shown


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.title)
def test_each_command_follows_its_prompt(part: Part) -> None:
    """The reader sees what was typed before what GDB says about it."""
    lines = batch_script(part, 4321).splitlines()

    for command in (command for scene in part.scenes for command in scene.commands):
        assert lines[lines.index(f"echo {PROMPT}{command}\\n") + 1] == command


def test_the_script_attaches_to_this_machine_only() -> None:
    """GDB is told the port, on the loopback address."""
    assert "target remote 127.0.0.1:4321" in batch_script(BARE, 4321).splitlines()


@pytest.mark.parametrize("text", ["one\ntwo\n", "one\r\ntwo", "one\ntwo"])
async def test_lines_are_passed_on_whole(text: str) -> None:
    """However a program ends its lines, and its last one, each is shown once."""
    lines: list[str] = []

    status = await relay(python(f"import sys; sys.stdout.write({text!r}); sys.exit(3)"), lines.append)

    assert lines == ["one", "two"]
    assert status == 3


async def test_a_cancelled_program_is_ended() -> None:
    """Giving up a walk-through leaves no emulator behind."""
    lines: list[str] = []

    with trio.CancelScope() as scope:

        def show(line: str) -> None:
            lines.append(line)
            scope.cancel()

        await relay(python("print('ready', flush=True)\nwhile True: pass"), show)

    assert scope.cancelled_caught
    assert lines == ["ready"]


async def test_the_machine_alone_is_shown_with_its_status() -> None:
    """Without a debugger the guest's lines are marked as the guest's, and its exit status is passed on."""
    demo, shown = walkthrough(python("print('hello'); raise SystemExit(7)"))

    status = await demo.alone(BARE)

    assert status == 7
    assert "guest | hello" in shown.getvalue().splitlines()


async def test_a_debugger_that_fails_ends_the_machine() -> None:
    """When GDB cannot attach, the emulator is not left waiting for it, and the walk-through has failed."""
    demo, _ = walkthrough(python("while True: pass"))

    assert await demo.debugged(BARE, "false") == 1


async def test_a_part_that_fails_is_the_last() -> None:
    """The tour ends at the first part that does not end well, with its status."""
    demo, shown = walkthrough(python("print('hello'); raise SystemExit(7)"))

    assert await demo.play(PARTS, None) == 7
    assert shown.getvalue().count("guest | hello") == 1
