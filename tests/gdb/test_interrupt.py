"""`continue` and Ctrl-C."""

from __future__ import annotations

import pytest

from tests.gdb.conftest import Session
from tests.helpers.code import SLEEP, SPIN


async def run_to_main(session: Session) -> int:
    """Let the guest run to the stop in its `main`; returns the address."""
    await session.gdb.tbreak("main")
    await session.gdb.cont()
    stop = await session.gdb.expect_breakpoint("main")
    assert stop.address is not None
    return stop.address


async def loop_and_interrupt(session: Session, address: int, loop: bytes) -> None:
    """Put a loop where the guest stands, and three times let it run and press Ctrl-C."""
    await session.gdb.write_memory(address, loop)
    for _ in range(3):
        await session.gdb.cont()
        await session.gdb.interrupt()
        stop = await session.gdb.expect_signal("SIGINT")
        assert stop.address is not None
        assert 0 <= stop.address - address < len(loop)


async def test_interrupt_of_a_busy_guest(session: Session) -> None:
    """Ctrl-C stops a guest that computes; with its code put back it goes on as if nothing had been."""
    address = await run_to_main(session)
    code = await session.gdb.memory(address, len(SPIN))
    await loop_and_interrupt(session, address, SPIN)
    await session.gdb.write_memory(address, code)
    await session.gdb.cont()
    await session.machine.expect_output(session.guest.last_words)


async def test_interrupt_of_a_sleeping_guest(session: Session) -> None:
    """Ctrl-C stops a guest that waits for an interrupt that does not come."""
    await loop_and_interrupt(session, await run_to_main(session), SLEEP)


@pytest.mark.unlike_qemu("a hart that sleeps goes on sleeping there, wherever its pc is moved to")
async def test_sleeper_that_is_moved_wakes(session: Session) -> None:
    """A guest that waited for an interrupt goes on where the debugger moves it to."""
    address = await run_to_main(session)
    code = await session.gdb.memory(address, len(SLEEP))
    await loop_and_interrupt(session, address, SLEEP)
    await session.gdb.write_memory(address, code)
    await session.gdb.set_var("$pc", address)
    await session.gdb.cont()
    await session.machine.expect_output(session.guest.last_words)


async def test_breakpoint_after_interrupt(session: Session) -> None:
    """A guest that was interrupted still stops at a breakpoint set then."""
    address = await run_to_main(session)
    code = await session.gdb.memory(address, len(SPIN))
    await session.gdb.write_memory(address, SPIN)
    await session.gdb.cont()
    await session.gdb.interrupt()
    await session.gdb.expect_signal("SIGINT")
    await session.gdb.write_memory(address, code)
    await session.gdb.break_at("trap")
    await session.gdb.cont()
    await session.gdb.expect_breakpoint("trap")
