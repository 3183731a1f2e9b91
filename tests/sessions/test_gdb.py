from __future__ import annotations

import os
import signal

import pytest

from rvgdb.sessions import (
    CommandFailed,
    DebuggerGone,
    Gdb,
    SessionTimeout,
    open_gdb,
)
from tests.helpers.guests import DEMO


async def test_verbs_that_need_no_target() -> None:
    """Expressions and symbols work on the ELF alone."""
    async with open_gdb(elf=DEMO.elf.path) as gdb:
        assert await gdb.evaluate("6 * 7") == "42"
        assert await gdb.integer("-1") == (1 << 64) - 1
        assert await gdb.address_of("ticks") == DEMO.elf.symbols["ticks"]
        assert "measure" in await gdb.console("info functions measure")


async def test_failed_command_quotes_gdb() -> None:
    """The error is GDB's own text, and the transcript shows the command."""
    async with open_gdb() as gdb:
        with pytest.raises(CommandFailed, match="No symbol table is loaded") as caught:
            await gdb.evaluate("nothing")
    assert "-data-evaluate-expression" in caught.value.transcript


async def test_stop_that_does_not_come() -> None:
    """A wait ends at its limit with an error that says what was awaited and shows the conversation."""
    async with open_gdb() as gdb:
        await gdb.console("echo a sign")
        with pytest.raises(SessionTimeout, match="a stop of the program did not come within") as caught:
            await gdb.expect_stop(limit=0.001)
    assert "a sign" in caught.value.transcript


async def test_late_answer_is_not_the_next_one() -> None:
    """The answer to a command whose time was up is not taken for that of the next command."""
    async with open_gdb() as gdb:
        with pytest.raises(SessionTimeout):
            await gdb.console("python sum(range(10**7))", limit=0.001)
        assert await gdb.evaluate("1 + 1") == "2"


async def test_gdb_that_dies() -> None:
    """Whoever waits for a GDB that was killed learns that it is gone."""
    async with open_gdb() as gdb:
        os.kill(gdb.pid, signal.SIGKILL)
        with pytest.raises(DebuggerGone):
            await gdb.expect_stop()
        with pytest.raises(DebuggerGone):
            await ask_twice(gdb)


async def ask_twice(gdb: Gdb) -> None:
    """The pipe to a process that has just ended may take one more line."""
    await gdb.evaluate("1")
    await gdb.evaluate("2")


async def test_no_such_gdb() -> None:
    """A debugger that is not there is named."""
    with pytest.raises(DebuggerGone, match="/no/such/gdb"):
        async with open_gdb("/no/such/gdb"):
            pass


async def test_errors_leave_the_block_as_they_are() -> None:
    """What a script raises inside the block is not wrapped in a group."""
    with pytest.raises(KeyError):
        async with open_gdb():
            raise KeyError


async def test_nobody_listens() -> None:
    """Connecting to an address where nobody listens is GDB's error."""
    async with open_gdb(settings=["tcp auto-retry off"]) as gdb:
        with pytest.raises(CommandFailed, match="refused"):
            await gdb.connect("127.0.0.1:1")
