"""`detach`, attaching again, a debugger that vanishes, and `kill`."""

from __future__ import annotations

import os
import signal

from rvgdb.sessions import open_gdb
from tests.gdb.conftest import Emulator, Session
from tests.helpers.code import SPIN


async def stop_and_spin(session: Session) -> bytes:
    """Stop in `main` and put an endless loop there; returns the code that was there."""
    await session.gdb.tbreak("main")
    await session.gdb.cont()
    await session.gdb.expect_breakpoint("main")
    code = await session.gdb.memory("$pc", len(SPIN))
    await session.gdb.write_memory("$pc", SPIN)
    return code


async def test_detach(session: Session) -> None:
    """After `detach` the guest runs on to its end, breakpoints forgotten."""
    await session.gdb.break_at("trap")
    await session.gdb.detach()
    await session.machine.expect_output(session.guest.last_words)
    assert await session.machine.wait() == 0


async def test_attach_again(session: Session) -> None:
    """A guest that was detached from runs; the next attach stops it where it is."""
    code = await stop_and_spin(session)
    address = await session.gdb.register("pc")
    await session.gdb.detach()
    stop = await session.gdb.connect(session.machine.address)
    assert stop.address == address
    await session.gdb.write_memory(address, code)
    await session.gdb.cont()
    await session.machine.expect_output(session.guest.last_words)


async def test_second_session_of_another_debugger(session: Session, emulator: Emulator) -> None:
    """After one GDB has left, another one attaches to the same machine and finds what the first one did."""
    code = await stop_and_spin(session)
    address = await session.gdb.register("pc")
    await session.gdb.detach()
    async with open_gdb(elf=session.guest.elf.path, settings=emulator.settings) as other:
        stop = await other.connect(session.machine.address)
        assert (stop.address, stop.function) == (address, "main")
        await other.write_memory(address, code)
        await other.break_at("trap")
        await other.cont()
        await other.expect_breakpoint("trap")


async def test_debugger_that_vanishes(session: Session, emulator: Emulator) -> None:
    """A GDB that is killed takes nothing with it: the next one attaches and debugs."""
    code = await stop_and_spin(session)
    address = await session.gdb.register("pc")
    os.kill(session.gdb.pid, signal.SIGKILL)
    async with open_gdb(elf=session.guest.elf.path, settings=emulator.settings) as other:
        await other.connect(session.machine.address)
        assert await other.register("pc") == address
        await other.write_memory(address, code)
        await other.break_at("trap")
        await other.cont()
        await other.expect_breakpoint("trap")


async def test_debugger_that_vanishes_while_the_guest_runs(session: Session, emulator: Emulator) -> None:
    """A GDB that is killed while the guest runs leaves a machine that the next one attaches to."""
    await stop_and_spin(session)
    address = await session.gdb.register("pc")
    await session.gdb.cont()
    os.kill(session.gdb.pid, signal.SIGKILL)
    async with open_gdb(elf=session.guest.elf.path, settings=emulator.settings) as other:
        stop = await other.connect(session.machine.address)
        assert stop.address == address


async def test_kill(session: Session) -> None:
    """`kill` ends the emulator."""
    await session.gdb.kill()
    await session.machine.wait()
