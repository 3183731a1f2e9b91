"""`watch`, `rwatch` and `awatch` on the counter that the guests' timer interrupts increment."""

from __future__ import annotations

from rvgdb.sessions import StopReason
from tests.gdb.conftest import Session


async def test_watch(session: Session) -> None:
    """A write watchpoint stops the guest at each write, with the values before and after it."""
    await session.gdb.tbreak("count_ticks")
    await session.gdb.cont()
    await session.gdb.expect_breakpoint("count_ticks")
    number = await session.gdb.watch("ticks")
    for count in range(2):
        await session.gdb.cont()
        stop = await session.gdb.expect_stop(StopReason.WATCH, function=session.guest.counting, number=number)
        assert (stop.expression, stop.old, stop.new) == ("ticks", str(count), str(count + 1))
    assert await session.gdb.memory("&ticks", 8) == (2).to_bytes(8, "little")


async def test_rwatch(session: Session) -> None:
    """A read watchpoint stops the guest at the loop that reads the counter, before anything wrote it."""
    await session.gdb.tbreak("count_ticks")
    await session.gdb.cont()
    await session.gdb.expect_breakpoint("count_ticks")
    await session.gdb.rwatch("ticks")
    await session.gdb.cont()
    stop = await session.gdb.expect_stop(StopReason.READ_WATCH, function="count_ticks")
    assert (stop.expression, stop.new) == ("ticks", "0")


async def test_awatch(session: Session) -> None:
    """An access watchpoint stops the guest at the read of an increment and again at its write."""
    await session.gdb.tbreak(session.guest.counting)
    await session.gdb.cont()
    await session.gdb.expect_breakpoint(session.guest.counting)
    await session.gdb.awatch("ticks")
    await session.gdb.cont()
    read = await session.gdb.expect_stop(StopReason.ACCESS_WATCH, function=session.guest.counting)
    await session.gdb.cont()
    write = await session.gdb.expect_stop(StopReason.ACCESS_WATCH, function=session.guest.counting)
    assert (read.new, write.old, write.new) == ("0", "0", "1")


async def test_watched_neighbour(session: Session) -> None:
    """A watchpoint does not stop the guest for writes to the other bytes of its page."""
    await session.gdb.watch(f"*(char *){session.guest.elf.symbols['ticks'] + 8}")
    await session.gdb.break_at("put_decimal", temporary=True)
    await session.gdb.cont()
    await session.gdb.expect_breakpoint("put_decimal")


async def test_watch_with_condition(session: Session) -> None:
    """A conditional watchpoint passes over the writes for which the condition is false."""
    await session.gdb.condition(await session.gdb.watch("ticks"), "ticks == 3")
    await session.gdb.cont()
    stop = await session.gdb.expect_stop(StopReason.WATCH)
    assert (stop.old, stop.new) == ("2", "3")
