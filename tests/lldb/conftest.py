"""A machine with the built-in guest, stopped at its reset, and an LLDB that runs commands on it."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from subprocess import STDOUT
from typing import TypeAlias

import pytest
import trio

from rvgdb.sessions import EmulatorProcess, open_rvgdb
from tests.helpers.guests import DEMO

LIMIT = 100.0

Lldb: TypeAlias = Callable[..., Awaitable[str]]
"""Attaches, runs commands, and gives everything that LLDB printed; it ends at the first command that fails."""


def find_lldb() -> str | None:
    """The newest LLDB on the PATH; Debian's packages are called by their version."""
    names = {
        int(match[1] or 0): str(path)
        for folder in os.get_exec_path()
        for path in Path(folder).glob("lldb*")
        if (match := re.fullmatch(r"lldb(?:-(\d+))?", path.name))
    }
    return names[max(names)] if names else None


@pytest.fixture
async def machine() -> AsyncIterator[EmulatorProcess]:
    """Two harts."""
    async with open_rvgdb(*DEMO.options, "-smp", "2") as machine:
        yield machine


@pytest.fixture
def lldb(machine: EmulatorProcess) -> Lldb:
    """A new LLDB each time it is called."""
    path = find_lldb()
    if path is None:
        pytest.fail("needs an LLDB, for example Debian's package lldb")

    async def run(*commands: str, elf: bool = True) -> str:
        target = [f"target create --arch riscv64 {DEMO.elf.path}"] if elf else []
        port = machine.address.rpartition(":")[2]
        script = ["settings set use-color false", *target, f"gdb-remote {port}", *commands]
        words = [word for command in script for word in ("-o", command)]
        with trio.fail_after(LIMIT):
            ended = await trio.run_process([path, "--no-lldbinit", "-b", *words], capture_stdout=True, stderr=STDOUT)
        return ended.stdout.decode()

    return run
