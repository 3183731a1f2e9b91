"""Lets the machine run: slices in a worker thread, steps inline, and one place that knows whether the guest runs.

The machine is synchronous and owned by one party at a time. While it is halted, that is whoever runs on trio's thread
(a handler, the monitor); while it runs, it is the worker thread for the length of a slice. With `halt` and `quiet` the
first gets it back from the second.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias, assert_never

import trio

from emulator.stops import (
    BreakpointHit,
    BudgetSpent,
    Caught,
    GuestExit,
    GuestReset,
    HypervisorExit,
    Idle,
    Interrupted,
    SpanLeft,
    Stop,
    TrapLoop,
    WatchpointHit,
)
from rvgdb.pacing import Pacer
from rvgdb.target.api import Machine

SLICE_SECONDS: Final = 0.008
"""How long a slice in the worker should take: short for input and Ctrl-C, long against the cost of changing threads."""

FIRST_BUDGET: Final = 20_000
LEAST_BUDGET: Final = 1_000
MOST_BUDGET: Final = 1 << 25
"""Time that harts sleep through is part of a budget, so fast slices say little about the next one."""

INLINE_BUDGET: Final = 4_000
"""Steps of a range that are made at once, before the worker thread takes over."""

FREE_TURN: Final = 512
"""Steps that the other harts make for a step of the hart that a debugger steps: they wait for each other's locks."""

GOODBYE_SECONDS: Final = 1.0
"""How long the end of a run waits for a debugger that does not read that the guest has ended."""


class StepMask:
    """Bits of QEMU's `qqemu.sstep`."""

    ENABLE: Final = 1
    NO_INTERRUPTS: Final = 2
    NO_TIMER: Final = 4
    """Kept and reported. Guest time is a count of steps here, so a step never lets more than its own time pass."""
    ALL: Final = 7


@dataclass(frozen=True, slots=True)
class Stepped:
    """The step, or the range of steps, that was asked for is done."""


@dataclass(frozen=True, slots=True)
class Paused:
    """Somebody asked the guest to halt."""


Cause: TypeAlias = BreakpointHit | Caught | WatchpointHit | TrapLoop | HypervisorExit | GuestExit | Stepped | Paused


@dataclass(frozen=True, slots=True)
class Halt:
    """The guest has halted.

    Attributes:
        hart: The hart that it is about.
        cause: Why.
    """

    hart: int
    cause: Cause


@dataclass(frozen=True, slots=True)
class Resume:
    """What shall run.

    Attributes:
        free: Harts that run until something stops them; None for all.
        steps: Harts that make one step; when there are any, the guest halts after it.
        span: Go on behind the step while the hart is inside these addresses; the end is not part of it. Only where a
            single hart steps.
    """

    free: frozenset[int] | None = None
    steps: tuple[int, ...] = ()
    span: tuple[int, int] | None = None


EVERYTHING: Final = Resume()


class State(Enum):
    """Whether the guest runs."""

    HALTED = auto()
    RUNNING = auto()
    ENDED = auto()


Listener: TypeAlias = Callable[[Halt], Awaitable[None]]
Speaker: TypeAlias = Callable[[], Awaitable[None]]


class Runner:
    """Runs one machine.

    Args:
        machine: The machine; nobody else may call its `run` and `step`.
        report: Prints a line for the user.
        tell: What there is to say of a halt, a line without its end, where no debugger is there to hear it.
        after_slice: Called at the end of every slice, in whichever thread ran it: flushes the console.
        pacer: Holds guest time back to the wall clock, or None.
        no_reboot: End instead of resetting when the guest asks for a reset.
        unattended: Nobody could ever resume a halted guest, so a trap loop ends the run.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        report: Callable[[str], None],
        after_slice: Callable[[], None] = lambda: None,
        tell: Callable[[Halt], str] = lambda _: "",
        pacer: Pacer | None = None,
        no_reboot: bool = False,
        unattended: bool = False,
    ) -> None:
        self.machine = machine
        self.state = State.HALTED
        self.listener: Listener | None = None
        """Told of every halt after a `resume` that did not halt at once: the attached debugger."""
        self.speaker: Speaker | None = None
        """Called after every slice, before a halt is announced: passes on what breakpoints print."""
        self.step_mask = StepMask.ALL
        self.last = Halt(0, Paused())
        self.finished = trio.Event()
        self.exit_status = 0
        self._report = report
        self._after_slice = after_slice
        self._tell = tell
        self._pacer = pacer
        self._no_reboot = no_reboot
        self._unattended = unattended
        self._plan = EVERYTHING
        self._budget = FIRST_BUDGET
        self._masked: tuple[int, ...] = ()
        self._idle = False
        self._early: Halt | None = None
        """The end of the guest, when a step brought it: announced like one that came while it ran."""
        self._loop_reported = False
        self._halt_requested = False
        self._input = bytearray()
        self._go = trio.Event()
        self._wake = trio.Event()
        self._halted = trio.Event()
        self._owner = trio.Lock()

    # --- from trio's thread ---

    @property
    def running(self) -> bool:
        """Whether the machine may be in the worker's hands."""
        return self.state is State.RUNNING

    def feed(self, data: bytes) -> None:
        """Console input; the guest gets it before its next slice, which begins soon."""
        self._input += data
        self._wake.set()
        if self.running:
            self.machine.interrupt()

    def resume(self, plan: Resume = EVERYTHING) -> Halt | None:
        """Let the guest go on.

        Returns:
            The halt, when it was there at once (a step); None when the guest now runs and `listener` will be told.
        """
        if plan.steps and self.step_mask & StepMask.ENABLE:
            halt = self._step(plan)
            self._after_slice()
            if halt is not None and not isinstance(halt.cause, GuestExit):
                self._settle(halt)
                return halt
            self._early = halt
        if not self.step_mask & StepMask.ENABLE:
            plan = Resume(None if plan.free is None else plan.free | set(plan.steps))
        if self.state is State.HALTED:
            self._plan = plan
            self._halt_requested = False
            self._halted = trio.Event()
            self.state = State.RUNNING
            self._go.set()
        return None

    def request_halt(self) -> None:
        """Ask a running guest to halt; `listener` will be told. Nothing happens when it is halted."""
        if self.running:
            self._halt_requested = True
            self._wake.set()
            self.machine.interrupt()

    async def halt(self) -> None:
        """Ask a running guest to halt and wait until it has."""
        self.request_halt()
        if self.running:
            await self._halted.wait()

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Have the machine to oneself for a moment without halting the guest."""
        if self.running:
            self.machine.interrupt()
        async with self._owner:
            yield

    def reset(self) -> None:
        """Power the machine on again; it must not be in the worker's hands."""
        self.machine.reset()
        self.last = Halt(0, Paused())

    def end(self, status: int) -> None:
        """End the run: the process exits with `status`."""
        if self.state is not State.ENDED:
            if self.running:
                self.machine.interrupt()
            self.state = State.ENDED
            self.exit_status = status
            self._halted.set()
            self._wake.set()
            self.finished.set()

    async def serve(self) -> None:
        """Run the guest whenever it is resumed, until the run ends."""
        while self.state is not State.ENDED:
            await self._go.wait()
            self._go = trio.Event()
            if self.state is State.RUNNING:
                halt = await self._run()
                if self.state is State.RUNNING:
                    await self._announce(halt)

    # --- the run ---

    async def _announce(self, halt: Halt) -> None:
        self._settle(halt)
        if self.listener is not None:
            patience = GOODBYE_SECONDS if isinstance(halt.cause, GuestExit) else math.inf
            with trio.move_on_after(patience):
                await self.listener(halt)
        if isinstance(halt.cause, GuestExit):
            self.end(halt.cause.status)
        elif isinstance(halt.cause, TrapLoop | HypervisorExit) and self._unattended:
            self.end(1)

    def _settle(self, halt: Halt) -> None:
        self.last = halt
        self.state = State.HALTED
        self._halted.set()
        if self.listener is None and (told := self._tell(halt)):
            self._report(told)
        if isinstance(halt.cause, TrapLoop) and not self._loop_reported:
            self._loop_reported = True
            self._report(trap_loop_text(halt.cause))
        if isinstance(halt.cause, HypervisorExit):
            self._report(f"{halt.cause.text}; the guest is halted")

    async def _run(self) -> Halt:
        """Slices until something stops the guest."""
        if self._pacer is not None:
            self._pacer.restart()
        while self.state is State.RUNNING and not self._halt_requested:
            if self._early is not None:
                early, self._early = self._early, None
                return early
            async with self._owner:
                if self._input:
                    self.machine.receive(bytes(self._input))
                    self._input.clear()
                halt = await trio.to_thread.run_sync(self._slice, self._plan)
            if self.speaker is not None:
                await self.speaker()
            if halt is not None:
                return halt
            await self._rest()
        return Halt(self.last.hart, Paused())

    async def _rest(self) -> None:
        """Wait where there is nothing to do: for input when every hart waits for it, for the wall clock when pacing."""
        delay = math.inf if self._idle else 0.0 if self._pacer is None else self._pacer.ahead()
        if delay and not self._halt_requested and not self._input:
            self._wake = trio.Event()
            with trio.move_on_after(delay):
                await self._wake.wait()

    def _slice(self, plan: Resume) -> Halt | None:
        """One slice, in the worker thread."""
        self._idle = False
        if self._pacer is not None:
            self._pacer.limit(self.machine.interrupt)
        began = time.perf_counter()
        stop = self._let_run(plan, self._budget)
        if isinstance(stop, BudgetSpent):
            self._adapt(time.perf_counter() - began)
        halt = self._judge(stop)
        self._after_slice()
        return halt

    def _adapt(self, seconds: float) -> None:
        """Move the budget toward slices of `SLICE_SECONDS`, at most eightfold at a time."""
        ratio = min(8.0, max(0.125, SLICE_SECONDS / max(seconds, 1e-6)))
        self._budget = int(min(MOST_BUDGET, max(LEAST_BUDGET, self._budget * ratio)))

    def _let_run(self, plan: Resume, budget: int) -> Stop:
        """Harts run; one that steps through a range stays inside it, with interrupts held back."""
        if plan.free is None or plan.span is None:
            self._hold_interrupts(())
            return self.machine.run(budget, only=plan.free)
        self._hold_interrupts(plan.steps)
        with self.machine.debug.kept_inside(plan.steps[0], *plan.span):
            return self.machine.run(budget, only=plan.free | set(plan.steps))

    def _step(self, plan: Resume) -> Halt | None:
        """One step, behind a turn of the other harts, and what of a range is soon done."""
        if plan.free is None or plan.free:
            self._hold_interrupts(())
            halt = self._judge(self.machine.run(FREE_TURN, only=plan.free))
            if halt is not None:
                return halt
        self._hold_interrupts(plan.steps)
        for hart in plan.steps:
            halt = self._judge(self.machine.step(hart))
            if halt is not None:
                return halt
        first = plan.steps[0]
        if plan.span is not None and plan.span[0] <= self.machine.debug.read_pc(first) < plan.span[1]:
            return self._judge(self._let_run(plan, INLINE_BUDGET))
        return Halt(first, Stepped())

    def _hold_interrupts(self, harts: tuple[int, ...]) -> None:
        """Have only these harts take no interrupts, because they step; none, where a step lets interrupts in."""
        held = harts if self.step_mask & StepMask.NO_INTERRUPTS else ()
        if held != self._masked:
            self._masked = held
            self.machine.debug.mask_interrupts(held)

    def _judge(self, stop: Stop) -> Halt | None:
        """What a stop of the machine means: a halt, or None to go on."""
        match stop:
            case BudgetSpent() | Interrupted():
                return None
            case Idle():
                self._idle = True
                return None
            case (
                BreakpointHit(hart=hart)
                | WatchpointHit(hart=hart)
                | TrapLoop(hart=hart)
                | Caught(hart=hart)
                | HypervisorExit(hart=hart)
            ):
                return Halt(hart, stop)
            case SpanLeft(hart=hart):
                return Halt(hart, Stepped())
            case GuestExit():
                return Halt(self.last.hart, stop)
            case GuestReset():
                if self._no_reboot:
                    return Halt(self.last.hart, GuestExit(0))
                self.machine.reset()
                return None
            case _:
                assert_never(stop)


def trap_loop_text(stop: TrapLoop) -> str:
    """The line that tells the user of a trap loop."""
    return (
        f"hart {stop.hart} is in a trap loop: the first instruction of its trap handler at {stop.pc:#x} traps itself "
        f"(cause {stop.cause}, tval {stop.tval:#x}); the guest is halted"
    )
