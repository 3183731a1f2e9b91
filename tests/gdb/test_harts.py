"""Two harts: `info threads`, `thread 2`, and stops that say which hart they are of."""

from __future__ import annotations

from tests.gdb.conftest import Session


async def test_info_threads(two_harts: Session) -> None:
    """Two harts are two threads, and both stand where harts begin."""
    threads = await two_harts.gdb.threads()
    assert [thread.number for thread in threads] == [1, 2]
    assert [thread.frame.address for thread in threads if thread.frame] == [two_harts.guest.reset_pc] * 2
    listing = await two_harts.gdb.console("info threads")
    assert [line[:3] for line in listing.splitlines()[1:]] == ["* 1", "  2"]


async def test_thread_2(two_harts: Session) -> None:
    """`thread 2` shows the other hart: mhartid counts from 0."""
    await two_harts.gdb.console("thread 2")
    assert await two_harts.gdb.register("mhartid") == 1
    await two_harts.gdb.set_var("$s1", 0x222)
    await two_harts.gdb.select_thread(1)
    assert await two_harts.gdb.register("mhartid") == 0
    assert await two_harts.gdb.register("s1") == 0


async def test_stop_names_the_hart(two_harts: Session) -> None:
    """A breakpoint in the code of the other harts stops in a hart whose number is the argument of that code."""
    await two_harts.gdb.break_at(f"*{two_harts.guest.elf.symbols['secondary']}")
    await two_harts.gdb.cont()
    stop = await two_harts.gdb.expect_breakpoint("secondary")
    assert stop.thread is not None
    assert await two_harts.gdb.register("mhartid") == stop.thread - 1
    assert await two_harts.gdb.register("a0") == stop.thread - 1


async def test_both_harts_work(two_harts: Session) -> None:
    """With a debugger attached the second hart still does its part."""
    await two_harts.gdb.tbreak("main")
    await two_harts.gdb.cont()
    first = (await two_harts.gdb.expect_breakpoint("main")).thread
    assert first is not None
    await two_harts.gdb.cont()
    await two_harts.machine.expect_output(f"hart {2 - first} says hello")
    await two_harts.machine.expect_output(two_harts.guest.last_words)


async def test_step_of_one_hart(two_harts: Session) -> None:
    """With the scheduler locked, a step of one hart leaves the other where it is; a vcpu that is stopped stays, too."""
    await two_harts.gdb.set("scheduler-locking on")
    await two_harts.gdb.select_thread(2)
    stop = await two_harts.gdb.stepi(3)
    assert stop.thread == 2
    start = two_harts.guest.reset_pc
    assert await two_harts.gdb.register("pc") == start + (12 if two_harts.guest.accelerator == "tcg" else 0)
    await two_harts.gdb.select_thread(1)
    assert await two_harts.gdb.register("pc") == start
