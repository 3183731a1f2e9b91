"""The runner: who has the machine, what stops mean, and how a busy guest is halted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from emulator.stops import (
    BreakpointHit,
    BudgetSpent,
    GuestExit,
    GuestReset,
    Idle,
    Stop,
    TrapLoop,
    WatchKind,
    WatchpointHit,
)
from rvgdb.pacing import STRIDE_TICKS, Pacer
from rvgdb.runner import EVERYTHING, Halt, Paused, Resume, Runner, StepMask, Stepped
from tests.rvgdb.fake_machine import BASE, FakeMachine


class Bench:
    """A runner over a fake machine that notes every halt and every report."""

    def __init__(self, harts: int = 1, *, no_reboot: bool = False, unattended: bool = False) -> None:
        self.machine = FakeMachine(harts)
        self.reports: list[str] = []
        self.flushes = 0
        self.runner = Runner(
            self.machine,
            report=self.reports.append,
            after_slice=self._flush,
            no_reboot=no_reboot,
            unattended=unattended,
        )
        self._send, self.halts = trio.open_memory_channel[Halt](10)
        self.runner.listener = self._send.send

    def _flush(self) -> None:
        self.flushes += 1

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """The runner's loop in the background."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.runner.serve)
            yield
            nursery.cancel_scope.cancel()

    async def halt_after(self, *stops: Stop) -> Halt:
        """Resume with a script and wait for the halt."""
        self.machine.stops.extend(stops)
        async with self.serving():
            assert self.runner.resume() is None
            with trio.fail_after(5):
                return await self.halts.receive()


LOOP = TrapLoop(0, 0x80, 2, 5)


@pytest.mark.parametrize(
    "stop",
    [BreakpointHit(0, BASE), WatchpointHit(1, WatchKind.WRITE, BASE, BASE, 4), LOOP, GuestExit(3)],
)
async def test_a_stop_of_the_guest_halts_it(stop: BreakpointHit | WatchpointHit | TrapLoop | GuestExit) -> None:
    """What stops the machine is told to the listener."""
    halt = await Bench().halt_after(BudgetSpent(), stop)
    assert halt.cause == stop
    assert halt.hart == getattr(stop, "hart", 0)


async def test_a_busy_guest_can_be_halted() -> None:
    """`halt` ends a slice that would go on for ever."""
    bench = Bench()
    bench.machine.stops.append(bench.machine.spin)
    async with bench.serving():
        bench.runner.resume()
        await trio.to_thread.run_sync(bench.machine.spinning.wait)
        with trio.fail_after(5):
            await bench.runner.halt()
        assert not bench.runner.running
        assert (await bench.halts.receive()).cause == Paused()


async def test_a_halted_guest_stays_halted() -> None:
    """Asking again is harmless, and a new resume is not stopped by an old request."""
    bench = Bench()
    await bench.runner.halt()
    bench.runner.request_halt()
    assert (await bench.halt_after(BreakpointHit(0, BASE))).cause == BreakpointHit(0, BASE)


async def test_a_step_is_made_at_once_with_interrupts_held_back() -> None:
    """A step needs no worker thread and no waiting."""
    bench = Bench()
    assert bench.runner.resume(Resume(frozenset(), (0,))) == Halt(0, Stepped())
    assert bench.machine.steps == [(0, True)]
    assert bench.flushes == 1


async def test_the_step_mask_lets_interrupts_in() -> None:
    """Without NOIRQ a step delivers interrupts."""
    bench = Bench()
    bench.runner.step_mask = StepMask.ENABLE
    bench.runner.resume(Resume(frozenset(), (0,)))
    assert bench.machine.steps == [(0, False)]


async def test_without_enable_a_step_is_a_continue() -> None:
    """QEMU's meaning of a step mask without its first bit."""
    bench = Bench()
    bench.runner.step_mask = 0
    bench.machine.stops.append(BreakpointHit(0, BASE))
    async with bench.serving():
        assert bench.runner.resume(Resume(frozenset(), (0,))) is None
        await bench.halts.receive()
    assert bench.machine.runs == [frozenset({0})]
    assert bench.machine.steps == []


async def test_other_harts_run_while_one_steps() -> None:
    """The harts that continue get a turn, with interrupts, before the step without."""
    bench = Bench(harts=3)
    assert bench.runner.resume(Resume(frozenset({0, 2}), (1,))) == Halt(1, Stepped())
    assert bench.machine.runs == [frozenset({0, 2})]
    assert bench.machine.steps == [(1, True)]


async def test_a_breakpoint_of_another_hart_wins_over_the_step() -> None:
    """When another hart stops in its turn the stepping hart has not moved."""
    bench = Bench(harts=2)
    bench.machine.debug.breakpoints.add(BASE)
    halt = bench.runner.resume(Resume(frozenset({1}), (0,)))
    assert halt == Halt(1, BreakpointHit(1, BASE))
    assert bench.machine.steps == []


async def test_a_range_is_stepped_here() -> None:
    """One request steps a whole line: a step, and the rest at full speed, with interrupts held back."""
    bench = Bench()
    assert bench.runner.resume(Resume(frozenset(), (0,), (BASE, BASE + 40))) == Halt(0, Stepped())
    assert bench.machine.harts[0].pc == BASE + 40
    assert bench.machine.steps == [(0, True)]
    assert bench.machine.runs == [frozenset({0})]
    assert bench.machine.debug.masked == (0,)
    assert bench.machine.debug.span is None


async def test_other_harts_run_beside_a_range() -> None:
    """They take their turns as in any run, with interrupts."""
    bench = Bench(harts=2)
    assert bench.runner.resume(Resume(frozenset({0}), (1,), (BASE, BASE + 40))) == Halt(1, Stepped())
    assert bench.machine.runs == [frozenset({0}), frozenset({0, 1})]
    assert bench.machine.debug.masked == (1,)


async def test_a_step_that_leaves_the_range_is_all() -> None:
    """Nothing runs behind it."""
    bench = Bench()
    assert bench.runner.resume(Resume(frozenset(), (0,), (BASE, BASE + 4))) == Halt(0, Stepped())
    assert bench.machine.runs == []


async def test_a_breakpoint_ends_a_range() -> None:
    """A breakpoint inside the line is not stepped over."""
    bench = Bench()
    bench.machine.debug.breakpoints.add(BASE + 8)
    halt = bench.runner.resume(Resume(frozenset(), (0,), (BASE, BASE + 40)))
    assert halt == Halt(0, BreakpointHit(0, BASE + 8))


async def test_an_endless_range_goes_to_the_worker_and_can_be_halted() -> None:
    """A line that loops for ever is stopped like any running guest."""
    bench = Bench()
    async with bench.serving():
        assert bench.runner.resume(Resume(frozenset(), (0,), (0, 1 << 64))) is None
        with trio.fail_after(5):
            await bench.runner.halt()
    assert bench.runner.last.cause == Paused()


async def test_an_idle_guest_waits_for_input() -> None:
    """Nothing is run while every hart waits for something from outside; input wakes it."""
    bench = Bench()
    bench.machine.stops.extend([Idle(), BreakpointHit(0, BASE)])
    async with bench.serving():
        bench.runner.resume()
        while not bench.machine.runs:
            await trio.testing.wait_all_tasks_blocked(0.01)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert len(bench.machine.runs) == 1
        bench.runner.feed(b"x")
        with trio.fail_after(5):
            await bench.halts.receive()
    assert bench.machine.received == b"x"


async def test_an_idle_guest_can_be_halted() -> None:
    """Ctrl-C reaches a guest in `wfi`."""
    bench = Bench()
    bench.machine.stops.append(Idle())
    async with bench.serving():
        bench.runner.resume()
        await trio.testing.wait_all_tasks_blocked(0.01)
        with trio.fail_after(5):
            await bench.runner.halt()


async def test_a_reset_by_the_guest_goes_on() -> None:
    """The finisher's reset powers the machine on again."""
    bench = Bench()
    await bench.halt_after(GuestReset(), BreakpointHit(0, BASE))
    assert bench.machine.resets == 1


async def test_no_reboot_ends_at_a_reset() -> None:
    """With -no-reboot a reset is an exit with status 0, as QEMU's."""
    bench = Bench(no_reboot=True)
    halt = await bench.halt_after(GuestReset())
    assert halt.cause == GuestExit(0)
    assert bench.machine.resets == 0


@pytest.mark.parametrize(("code", "status"), [(0, 0), (42, 42), (255, 255), (300, 44), (256, 255), (0xFF00, 255)])
async def test_the_guest_ends_the_run_with_its_status(code: int, status: int) -> None:
    """The finisher's code is the run's: its low byte, as from Spike and QEMU, unless that would hide a failure."""
    bench = Bench()
    bench.machine.stops.append(GuestExit(code))
    async with bench.serving():
        bench.runner.resume()
        with trio.fail_after(5):
            await bench.runner.finished.wait()
    assert bench.runner.exit_status == status


async def test_a_step_into_the_end_ends_the_run() -> None:
    """A guest that exits in a step is announced like one that exits while running."""
    bench = Bench()
    bench.machine.stops.append(GuestExit(1))
    async with bench.serving():
        assert bench.runner.resume(Resume(frozenset(), (0,))) is None
        with trio.fail_after(5):
            assert (await bench.halts.receive()).cause == GuestExit(1)
            await bench.runner.finished.wait()


async def test_a_trap_loop_is_reported_once() -> None:
    """Going on into the same loop does not repeat the line."""
    bench = Bench()
    await bench.halt_after(LOOP)
    await bench.halt_after(LOOP)
    assert len(bench.reports) == 1
    assert "trap loop" in bench.reports[0]
    assert not bench.runner.finished.is_set()


async def test_a_trap_loop_that_nobody_can_leave_ends_the_run() -> None:
    """Without a debugger's port or a monitor the status is 1."""
    bench = Bench(unattended=True)
    bench.machine.stops.append(LOOP)
    async with bench.serving():
        bench.runner.resume()
        with trio.fail_after(5):
            await bench.runner.finished.wait()
    assert bench.runner.exit_status == 1


async def test_quiet_lends_the_machine_without_halting_it() -> None:
    """A look at a running guest ends its slice, and the guest goes on afterwards."""
    bench = Bench()
    bench.machine.stops.extend([bench.machine.spin, BreakpointHit(0, BASE)])
    async with bench.serving():
        bench.runner.resume()
        await trio.to_thread.run_sync(bench.machine.spinning.wait)
        with trio.fail_after(5):
            async with bench.runner.quiet():
                assert bench.runner.running
                assert len(bench.machine.runs) == 1
            await bench.halts.receive()


async def test_the_budget_follows_the_speed() -> None:
    """Fast slices grow and slow ones shrink, within bounds."""
    bench = Bench()
    before = bench.runner._budget
    bench.runner._adapt(0.001)
    assert bench.runner._budget == before * 8
    bench.runner._adapt(100.0)
    assert bench.runner._budget == before
    for _ in range(30):
        bench.runner._adapt(100.0)
    assert bench.runner._budget == 1_000


def test_the_pacer_holds_guest_time_back() -> None:
    """Guest time ahead of the wall clock is waited for; behind it the comparison starts anew."""
    machine = FakeMachine()
    wall = [0.0]
    pacer = Pacer(machine.clock, lambda: wall[0])
    machine.clock.advance(10_000_000)
    assert pacer.ahead() == pytest.approx(1.0)
    wall[0] = 5.0
    assert pacer.ahead() == 0.0
    machine.clock.advance(20_000_000)
    assert pacer.ahead() == pytest.approx(1.0)


def test_the_pacer_ends_a_slice_after_a_stride_of_guest_time() -> None:
    """An alarm interrupts the run even when harts only wait for a far timer."""
    machine = FakeMachine()
    called = []
    Pacer(machine.clock).limit(lambda: called.append(True))
    machine.clock.advance(STRIDE_TICKS - 1)
    assert not called
    machine.clock.advance(STRIDE_TICKS)
    assert called


async def test_a_paced_guest_waits_for_the_wall_clock(autojump_clock: MockClock) -> None:
    """A guest that is a second ahead sleeps a second, and no longer."""
    bench = Bench()
    runner = bench.runner
    runner._pacer = Pacer(bench.machine.clock, trio.current_time)

    def leap() -> Stop:
        bench.machine.clock.advance(10_000_000)
        return BudgetSpent()

    bench.machine.stops.extend([leap, BreakpointHit(0, BASE)])
    async with bench.serving():
        began = trio.current_time()
        runner.resume(EVERYTHING)
        await bench.halts.receive()
        assert trio.current_time() - began == pytest.approx(1.0)
