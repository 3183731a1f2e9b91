"""Conditions and `dprintf` that the target evaluates, in a real GDB."""

from __future__ import annotations

from rvgdb.sessions import StopReason
from tests.gdb.conftest import Session


async def test_target_evaluates_a_condition(demo: Session) -> None:
    """GDB hands a condition over, says so, and is woken only where it is true."""
    await demo.gdb.console("set breakpoint condition-evaluation target")
    number = await demo.gdb.break_at(demo.guest.counting)
    await demo.gdb.condition(number, "ticks == 2")
    await demo.gdb.cont()
    await demo.gdb.expect_breakpoint(demo.guest.counting)
    assert await demo.gdb.integer("ticks") == 2
    listing = await demo.gdb.console("info breakpoints")
    assert "stop only if ticks == 2 (target evals)" in listing
    assert "breakpoint already hit 1 time" in listing


async def test_condition_on_registers(demo: Session) -> None:
    """A condition may compare general registers, the pc, the privilege, a CSR and a field of one."""
    number = await demo.gdb.break_at("trap")
    cause = demo.guest.timer_cause
    condition = f"$priv == 3 && $mcause == {cause} && $sp != 0 && $pc != 0 && $mstatus_view.MPP == 3"
    await demo.gdb.condition(number, condition)
    await demo.gdb.cont()
    await demo.gdb.expect_breakpoint("trap")


async def test_condition_that_cannot_be_evaluated(demo: Session) -> None:
    """A condition that reads where nothing is stops the guest, and GDB shows the reason."""
    number = await demo.gdb.break_at("trap")
    await demo.gdb.condition(number, "*(long *) 8 == 0")
    await demo.gdb.cont()
    await demo.gdb.expect_stop(StopReason.BREAKPOINT, number=number)
    assert "the breakpoint's condition cannot be evaluated: cannot access memory" in demo.gdb.transcript


async def test_dprintf(demo: Session) -> None:
    """`dprintf` in the style `agent` prints numbers and strings while the guest runs on to its end."""
    await demo.gdb.console("set dprintf-style agent")
    await demo.gdb.console(
        f'dprintf {demo.guest.counting},"%s has tick %d|%5x|%-4c|\\n", boxes[0].label, ticks, 0xabc, 65'
    )
    await demo.gdb.cont()
    await demo.gdb.expect_exit()
    for tick in range(demo.guest.wanted_ticks):
        assert f"matchbox has tick {tick}|  abc|A   |" in demo.gdb.transcript


async def test_dprintf_before_a_stop(demo: Session) -> None:
    """What a `dprintf` prints has arrived when the next breakpoint stops the guest, and is printed once."""
    await demo.gdb.console("set dprintf-style agent")
    await demo.gdb.console(f'dprintf {demo.guest.counting},"<%d>\\n", ticks')
    number = await demo.gdb.break_at("trap")
    for tick in range(3):
        await demo.gdb.cont()
        await demo.gdb.expect_breakpoint("trap", number=number)
        for printed in range(3):
            assert demo.gdb.transcript.count(f"<{printed}>") == (printed < tick)


async def test_conditions_on_two_harts(two_harts: Session) -> None:
    """A condition is evaluated with the registers of the hart that is at the breakpoint."""
    if two_harts.guest.name == "demo":
        number = await two_harts.gdb.break_at("secondary")
        await two_harts.gdb.condition(number, "$a0 == 1")
        await two_harts.gdb.cont()
        await two_harts.gdb.expect_breakpoint("secondary")
        assert await two_harts.gdb.register("mhartid") == 1
