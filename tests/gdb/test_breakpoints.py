"""`break`, `tbreak`, `hbreak` and conditions."""

from __future__ import annotations

from rvgdb.sessions import StopReason
from tests.gdb.conftest import Session


async def test_break(session: Session) -> None:
    """A breakpoint stops the guest in the function, each time that it is called, with the arguments of the call."""
    number = await session.gdb.break_at("trap")
    for _ in range(2):
        await session.gdb.cont()
        stop = await session.gdb.expect_breakpoint("trap", number=number)
        assert stop.address is not None
        assert session.guest.elf.function_at(stop.address) == "trap"
        assert await session.gdb.integer("cause") == session.guest.timer_cause


async def test_tbreak(session: Session) -> None:
    """A temporary breakpoint stops the guest at the first of several calls and is gone."""
    await session.gdb.tbreak("trap")
    await session.gdb.cont()
    await session.gdb.expect_breakpoint("trap")
    assert await session.gdb.console("info breakpoints") == "No breakpoints or watchpoints.\n"
    await session.gdb.cont()
    await session.machine.expect_output(session.guest.last_words)


async def test_hbreak(session: Session) -> None:
    """A hardware breakpoint stops the guest exactly at its address, before that instruction."""
    address = session.guest.elf.symbols["trap_entry"]
    number = await session.gdb.hbreak(f"*{address}")
    await session.gdb.cont()
    await session.gdb.expect_stop(StopReason.BREAKPOINT, address=address, number=number)
    assert await session.gdb.register(f"{session.guest.mode}cause") == session.guest.timer_cause


async def test_condition(session: Session) -> None:
    """A breakpoint with a condition stops the guest only where the condition is true."""
    await session.gdb.condition(await session.gdb.break_at(session.guest.counting), "ticks == 2")
    await session.gdb.cont()
    await session.gdb.expect_breakpoint(session.guest.counting)
    assert await session.gdb.integer("ticks") == 2


async def test_deleted_breakpoint(session: Session) -> None:
    """A deleted breakpoint stops nothing."""
    await session.gdb.break_at("trap")
    await session.gdb.break_at("main")
    await session.gdb.cont()
    await session.gdb.expect_breakpoint("main")
    await session.gdb.delete()
    await session.gdb.cont()
    await session.machine.expect_output(session.guest.last_words)


async def test_breakpoint_in_both_halves_of_the_machine(firmware: Session) -> None:
    """One session stops in the firmware's M-mode code and in the payload's S-mode code."""
    await firmware.gdb.hbreak("*0x80000000")
    await firmware.gdb.cont()
    await firmware.gdb.expect_stop(StopReason.BREAKPOINT, address=0x80000000)
    assert await firmware.gdb.register("priv") == 3
    await firmware.gdb.break_at("main")
    await firmware.gdb.cont()
    await firmware.gdb.expect_breakpoint("main")
    assert await firmware.gdb.register("priv") == 1
