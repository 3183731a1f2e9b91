"""The ways from a real GDB to the machine: addresses, pipes, and what a second connection finds."""

from __future__ import annotations

import shlex
import signal
import socket
from collections.abc import AsyncIterator
from os import kill
from pathlib import Path

import pytest

from rvgdb.connection import REFUSAL
from rvgdb.sessions import CommandFailed, Gdb, open_gdb, open_rvgdb
from rvgdb.sessions.machine import rvgdb_command
from tests.gdb.conftest import Session
from tests.helpers.guests import DEMO


@pytest.fixture
async def gdb() -> AsyncIterator[Gdb]:
    """A GDB with the built-in guest's symbols, not connected."""
    async with open_gdb(elf=DEMO.elf.path) as gdb:
        yield gdb


async def reach_measure(gdb: Gdb) -> None:
    """The session is one: a breakpoint is set and hit."""
    await gdb.tbreak("measure")
    await gdb.cont()
    await gdb.expect_breakpoint("measure")


@pytest.mark.parametrize("port", ["tcp::0", "tcp:[::1]:0", "unix:{}/gdb"], ids=["IPv4", "IPv6", "Unix"])
async def test_sockets(gdb: Gdb, port: str, tmp_path: Path) -> None:
    """GDB connects to what `-gdb` printed, whatever kind of address it is."""
    async with open_rvgdb(*DEMO.options, gdb=port.format(tmp_path)) as machine:
        await gdb.connect(machine.address)
        await reach_measure(gdb)


async def test_standard_input_and_output(gdb: Gdb, tmp_path: Path) -> None:
    """`target remote | rvgdb run … -gdb stdio`: the emulator is GDB's child, and ends, well, when GDB disconnects."""
    console, status = tmp_path / "console", tmp_path / "status"
    options = ("run", "-display", "none", "-serial", f"file:{console}", "-gdb", "stdio", *DEMO.options)
    await gdb.connect(f"| {shlex.join(rvgdb_command(*options))}; echo $? > {status}")
    await reach_measure(gdb)
    assert console.read_bytes()
    await gdb.disconnect()
    assert status.read_text() == "0\n"


@pytest.mark.parametrize("port", ["tcp::0", "unix:{}/gdb"], ids=["TCP", "Unix"])
async def test_relay(gdb: Gdb, port: str, tmp_path: Path) -> None:
    """`target remote | rvgdb connect PLACE`, which is what runs at the other end of an ssh; Ctrl-C goes through."""
    async with open_rvgdb(*DEMO.options, gdb=port.format(tmp_path)) as machine:
        place = machine.address if port.startswith("unix") else machine.address.rpartition(":")[2]
        await gdb.connect(f"| {shlex.join(rvgdb_command('connect', place))}")
        await reach_measure(gdb)
        await gdb.console("set var *(unsigned short *)$pc = 0xa001")  # c.j 0
        await gdb.cont()
        await gdb.interrupt()
        await gdb.expect_signal("SIGINT")
        await gdb.disconnect()
        assert machine.exit_status is None


async def test_gdb_inserts_its_breakpoints_again(demo: Session) -> None:
    """A GDB that reconnects has its breakpoints still: it is GDB that keeps them, and inserts them anew."""
    await demo.gdb.break_at("measure")
    await demo.gdb.disconnect()
    await demo.gdb.connect(demo.machine.address)
    await demo.gdb.cont()
    await demo.gdb.expect_breakpoint("measure")


async def test_breakpoints_go_with_their_connection(gdb: Gdb) -> None:
    """A GDB that is killed leaves no breakpoints: the guest, let go by the next one, runs to its end."""
    async with open_rvgdb(*DEMO.options) as machine:
        async with open_gdb(elf=DEMO.elf.path) as first:
            await first.connect(machine.address)
            await first.mi("-gdb-set breakpoint always-inserted on")
            await first.break_at("measure")
            await first.watch("total_volume")
            kill(first.pid, signal.SIGKILL)
        await gdb.connect(machine.address)
        await gdb.cont()
        await machine.expect_output(DEMO.last_words)
        assert await machine.wait() == 0


@pytest.mark.parametrize("port", ["tcp::0", "unix:{}/gdb"], ids=["TCP", "Unix"])
async def test_a_second_gdb_is_told_why(gdb: Gdb, port: str, tmp_path: Path) -> None:
    """GDB shows the reason, and the first one goes on."""
    async with open_rvgdb(*DEMO.options, gdb=port.format(tmp_path)) as machine, open_gdb() as second:
        await gdb.connect(machine.address)
        with pytest.raises(CommandFailed, match=REFUSAL):
            await second.connect(machine.address)
        await reach_measure(gdb)


async def test_a_peer_that_allow_does_not_name(gdb: Gdb) -> None:
    """A connection from elsewhere ends at once, and GDB from an address that is named is served."""
    async with open_rvgdb(*DEMO.options, gdb="tcp:127.0.0.1:0,allow=127.0.0.1/32") as machine:
        port = int(machine.address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 10, source_address=("127.0.0.2", 0)) as stranger:
            assert stranger.recv(1) == b""
        await machine.expect_error(r"127\.0\.0\.2 was refused: allow= does not name it")
        await gdb.connect(machine.address)
        await reach_measure(gdb)
