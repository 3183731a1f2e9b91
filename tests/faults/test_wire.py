"""Each fault of a client against a server of its own, and all of them against one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rvgdb.sessions import CommandFailed, EmulatorProcess, find_gdb, open_gdb, open_rvgdb
from tests.faults.wire_faults import FAULTS, Fault
from tests.helpers.guests import DEMO


@pytest.fixture
async def machine() -> AsyncIterator[EmulatorProcess]:
    """A server with the built-in guest, stopped at its reset."""
    async with open_rvgdb(*DEMO.options) as machine:
        yield machine


async def debug(machine: EmulatorProcess) -> None:
    """A short session of a real GDB, from a fresh start of the machine to the guest's end."""
    if find_gdb() is None:
        pytest.fail("needs a GDB that knows RISC-V, for example Debian's package gdb-multiarch")
    async with open_gdb(elf=DEMO.elf.path) as gdb:
        await gdb.connect(machine.address)
        await gdb.monitor("system_reset")
        await gdb.break_at("measure")
        await gdb.cont()
        await gdb.expect_breakpoint("measure")
        assert (await gdb.finish()).function == "measure_all"
        await gdb.delete()
        await gdb.cont()
        await machine.expect_output(DEMO.last_words)
    assert await machine.wait() == 0


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_fault(machine: EmulatorProcess, fault: Fault) -> None:
    """The server answers a fault as the protocol demands, lives, and says nothing that looks like a bug."""
    await fault(machine.address)
    assert machine.exit_status is None
    assert b"Traceback" not in machine.errors


async def test_all_faults_in_one_run(machine: EmulatorProcess) -> None:
    """One server process survives every fault, one after the other, and then a real GDB debugs with it."""
    for fault in FAULTS:
        await fault(machine.address)
    assert b"Traceback" not in machine.errors
    await debug(machine)


async def test_second_gdb_learns_why(machine: EmulatorProcess) -> None:
    """A real GDB that comes second gets an error, and the first one goes on debugging."""
    if find_gdb() is None:
        pytest.fail("needs a GDB that knows RISC-V, for example Debian's package gdb-multiarch")
    async with open_gdb(elf=DEMO.elf.path) as first, open_gdb(elf=DEMO.elf.path) as second:
        await first.connect(machine.address)
        with pytest.raises(CommandFailed):
            await second.connect(machine.address)
        await first.break_at("measure")
        await first.cont()
        await first.expect_breakpoint("measure")
