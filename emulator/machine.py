"""The composition root: harts, engine, board and clock, and the loop that gives harts their turns.

Time is steps, which is what `mtime` derives from. A hart runs in slices, and a slice ends at the latest with the hart's
turn (`emulator.turns`), which an alarm cuts at its exact step. Nothing from outside enters during a slice, so the same
inputs give the same run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from emulator.board import VirtBoard
from emulator.catching import Catches
from emulator.clock import TICKS_PER_SECOND, Clock
from emulator.debug import Debug
from emulator.engine import make_engine
from emulator.engine.reference import ReferenceDomain
from emulator.engine.watching import Watch
from emulator.hart.block import Blocks, HartBlock
from emulator.hart.fields import Interrupt, Privilege
from emulator.hart.state import MASK64, NEVER, NO_TAG, Attention, StopCode
from emulator.hart.timers import update_pending
from emulator.memory.ram import Backing
from emulator.stops import (
    BreakpointHit,
    BudgetSpent,
    Idle,
    Interrupted,
    SpanLeft,
    Stop,
    TrapLoop,
    WatchpointHit,
)
from emulator.turns import Turns

if TYPE_CHECKING:
    from emulator.boot import Plan
    from emulator.config import MachineConfig
    from emulator.devices.htif import Htif
    from emulator.memory.bus import Bus

ROM_BASE: Final = 0x1000
ROM_SIZE: Final = 0xF000
NANOSECONDS_PER_TICK: Final = 1_000_000_000 // TICKS_PER_SECOND


class Observer(Protocol):
    """Who wants to hear of events inside a run slice (`Machine.observe`)."""

    def trap_taken(self, hart: int, pc: int, cause: int, tval: int) -> None:
        """A hart takes a trap: `cause` is the `mcause` value, `pc` what becomes `mepc`."""
        ...

    def code_decoded(self, hart: int, address: int) -> None:
        """A hart is about to execute the instruction at `address` for the first time since it was written."""
        ...


class Board(Protocol):
    """What is around the harts; who plays another machine than the `virt` board puts his own there (`Machine.board`).

    Attributes:
        bus: The devices.
        plan: What is in memory at power-on, and where.
    """

    bus: Bus
    plan: Plan

    @property
    def htif(self) -> Htif | None:
        """The host-target interface, where an image has one."""
        ...

    @property
    def start_pcs(self) -> tuple[int, ...]:
        """Where each hart begins."""
        ...

    @property
    def device_tree(self) -> bytes:
        """The device tree's blob."""
        ...

    def receive(self, data: bytes) -> None:
        """Console input from outside."""
        ...

    def reset(self) -> None:
        """Power-on state."""
        ...


class Hypervisor(Protocol):
    """Software in HS-mode that is not executed by a hart (`Machine.hypervisor`)."""

    def trapped(self, hart: HartBlock) -> Stop | None:
        """A hart has taken a trap out of its guest; the hart is to be in a guest again when this returns.

        Returns:
            What ends the run, None to go on.
        """
        ...


class Machine:
    """A RISC-V machine on the `virt` board.

    Args:
        config: What to build.
        transmit: Called with what the guest writes to the console.
        engine: `compiled`, or `reference` for the slow engine that needs no LLVM.
        progress: Told, in a sentence, when something takes long (the engine's first compilation).

    Raises:
        ConfigError: The configuration cannot be built.
        LoadError: An image cannot be loaded.
        EngineError: The compiled engine cannot be built on this host.
    """

    def __init__(
        self,
        config: MachineConfig,
        *,
        transmit: Callable[[bytes], None],
        engine: str = "compiled",
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.config = config
        self._blocks = Blocks(config.harts, config.cpu, config.entropy)
        self.clock = Clock(self._blocks.shared.word("ticks_offset"))
        self.clock.source = self._tick_now
        self._backing = Backing(config.ram_size, ROM_BASE, ROM_SIZE)
        self.engine = make_engine(engine, self._blocks, self._backing, self, config.cpu.mask, progress)
        self._blocks.shared.put("ticks_mul", 1 << config.icount.shift)
        self._blocks.shared.put("ticks_div", NANOSECONDS_PER_TICK)
        self._turns = Turns(self._blocks.harts)
        self._running: HartBlock | None = None
        self._slice_end = 0
        self._requested: list[Stop] = []
        self._observer: Observer | None = None
        self._observed = (False, False)
        self._catching = False
        self._interrupted = False
        self.hypervisor: Hypervisor | None = None
        """Who takes the traps out of guests, where no code in HS-mode does (see the hart's field `leave_guest`)."""
        self.board: Board = VirtBoard(
            config, self._backing.ram, self._backing.rom, self.clock, self._set_line, self.request, transmit
        )
        self.debug = Debug(self, self._blocks, self._backing)
        self.catches = Catches(self.harts, self._arm, self.debug.read_csr, self.request)
        self._rules = [ReferenceDomain(self._blocks, hart, self._backing, self) for hart in self.harts]
        self.clock.adjusted = self._update_timers
        self._power_on()

    @property
    def harts(self) -> tuple[HartBlock, ...]:
        """The harts' state, in order of `mhartid`."""
        return self._blocks.harts

    @property
    def ram(self) -> memoryview:
        """The RAM's bytes; who changes code in it tells the engine (`Engine.ram_changed`)."""
        return self._backing.ram

    @property
    def steps(self) -> int:
        """Machine time: steps since power-on of the hart furthest behind, idle time included."""
        return self._turns.now

    # Power.

    def reset(self) -> None:
        """Power on again: memory images, devices, harts and time as at the start. Breakpoints stay."""
        self.board.reset()
        self._power_on()

    def _power_on(self) -> None:
        self._turns.reset()
        self._requested.clear()
        self._blocks.reset(self.board.start_pcs)
        self.engine.ram_changed(0, len(self._backing.bytes))
        self.engine.set_special(self.board.htif.address if self.board.htif is not None else None)
        self.engine.flush()
        self.clock.advance(0)

    def observe(self, observer: Observer | None, *, traps: bool = False, code: bool = False) -> None:
        """Tell `observer` of traps, or of code that is executed for the first time, as they happen.

        Its methods are called inside a run slice and must not run the machine; reading through `debug` is fine.
        """
        self._observer = observer
        self._observed = (traps, code)
        self._observe()

    def _arm(self, traps: bool, numbers: frozenset[int]) -> None:
        """Hear of traps and of accesses to CSRs, because some are to be caught."""
        self._catching = traps
        self._observe()
        self.engine.watch_csrs(numbers)

    def _observe(self) -> None:
        traps, code = self._observed
        self.engine.observe(traps=traps or self._catching, code=code)

    # Running.

    def run(self, budget: int, *, only: frozenset[int] | None = None) -> Stop:
        """Let harts take turns for at most `budget` steps.

        How a run is cut into budgets changes nothing about what harts do.

        Args:
            budget: Steps of all harts together, and steps of time that passes while every hart waits.
            only: Indices of the harts that may run; all by default. Time passes for the others, too.

        Returns:
            Why it came back; `BudgetSpent` after exactly `budget` steps.
        """
        harts = [hart for hart in self.harts if only is None or hart.index in only]
        left = budget
        while True:
            if self._interrupted:
                self._interrupted = False
                return Interrupted()
            self._turns.settle(harts)
            self._advance()
            if self._requested:
                return self._requested.pop(0)
            if left <= 0:
                return BudgetSpent()
            deadline = self._deadline()
            hart = self._turns.next(harts, deadline)
            if hart is None:
                if deadline is None:
                    return Idle()
                skipped = min(left, deadline - self.steps)
                self._turns.skip(skipped)
                left -= skipped
                continue
            stop = self._slice(hart, min(left, self._turns.end - hart.get("time_base"), self.engine.longest))
            left -= hart.get("budget0")
            self._finish_access(hart, stop)
            if stop is not None:
                return stop

    def step(self, hart: int) -> Stop:
        """Execute exactly one instruction of one hart, whether or not there is a breakpoint at it.

        An instruction that traps leaves the hart at the handler. Waiting in WFI ends.
        """
        block = self.harts[hart]
        block.put("waiting", 0)
        block.put("time_base", max(block.get("time_base"), self.steps))
        self._expire_timers()
        with self.debug.breakpoint_lifted(block.get("pc")):
            stop = self._slice(block, 1)
            self._finish_access(block, stop)
        block.put("waiting", 0)
        self._turns.stepped()
        self._advance()
        if self._requested:
            return self._requested.pop(0)
        return stop or BudgetSpent()

    def interrupt(self) -> None:
        """From any thread: let the run at hand, or the next one, return `Interrupted` within some milliseconds."""
        self._interrupted = True

    def receive(self, data: bytes) -> None:
        """Console input from outside. Only between runs."""
        self.board.receive(data)

    def _slice(self, hart: HartBlock, length: int) -> Stop | None:
        """Run one hart; returns what stopped it, None if nothing did. `budget0` is then the steps it made."""
        self.debug.forget_pages()
        begin = hart.get("time_base")
        self._running = hart
        self._slice_end = begin + length
        try:
            self.engine.run(hart, length)
        finally:
            self._running = None
            made = length - hart.get("budget")
            hart.put("steps", hart.get("steps") + made)
            hart.put("time_base", begin + made)
            hart.put("budget0", made)
            hart.put("budget", made)
            self._break_reservations(hart)
        return self._stop_of(hart)

    def _finish_access(self, hart: HartBlock, stop: Stop | None) -> None:
        """Let a hart make the access that a watchpoint stopped, where that is to stop behind it."""
        if isinstance(stop, WatchpointHit) and isinstance(stop.watch, Watch) and stop.watch.after:
            with self.debug.watchpoints_lifted(), self.debug.breakpoint_lifted(hart.get("pc")):
                self._slice(hart, 1)

    def _break_reservations(self, runner: HartBlock) -> None:
        """A hart may have stored anywhere: the others' load reservations are gone."""
        for hart in self.harts:
            if hart is not runner:
                hart.put("reservation", NO_TAG)

    def _stop_of(self, hart: HartBlock) -> Stop | None:
        if self.hypervisor is not None and not hart.get("virt"):
            return self.hypervisor.trapped(hart)
        match hart.get("stop"):
            case StopCode.BREAKPOINT:
                return BreakpointHit(hart.index, hart.get("pc"), self.debug.failure(hart.index))
            case StopCode.SPAN:
                return SpanLeft(hart.index, hart.get("pc"))
            case StopCode.WATCHPOINT:
                return self.debug.watchpoint_hit(hart.index)
            case StopCode.TRAP_LOOP:
                mode = "m" if hart.get("priv") == Privilege.M else "vs" if hart.get("virt") else "s"
                return TrapLoop(hart.index, hart.get("pc"), hart.get(f"{mode}cause"), hart.get(f"{mode}tval"))
        return None

    # Time.

    def settle(self) -> None:
        """Let it be as late as the harts have come; the next run begins with that anyway."""
        self._turns.settle(self.harts)
        self._advance()

    def ticks(self, steps: int) -> int:
        """Ticks of machine time that a number of steps takes."""
        return (steps << self.config.icount.shift) // NANOSECONDS_PER_TICK

    def _step_now(self) -> int:
        """The step at hand: of the running hart, or of the machine between slices."""
        hart = self._running
        if hart is None:
            return self.steps
        return hart.get("time_base") + hart.get("budget0") - hart.get("budget")

    def _tick_now(self) -> int:
        return self.ticks(self._step_now())

    def _advance(self) -> None:
        """Let happen what is due at the machine's time."""
        self.clock.advance(self.ticks(self.steps))
        self._expire_timers()

    def _expire_timers(self) -> None:
        """Bring `mip` up to date in every hart whose own timers (`emulator.hart.timers`) are due."""
        for hart in self.harts:
            if hart.get("timer_due") <= max(hart.get("time_base"), self.steps):
                self._update_timer(hart)

    def _update_timer(self, hart: HartBlock) -> None:
        if hart is not self._running:
            hart.put("time_base", max(hart.get("time_base"), self.steps))  # a waiting hart's stands still
        attention = hart.get("attention")
        self._rules[hart.index].call(update_pending)
        hart.put("attention", attention | Attention.CHECK if hart is self._running else attention)

    def _update_timers(self) -> None:
        """The guest wrote `mtime`, with which every hart compares."""
        for hart in self.harts:
            self._update_timer(hart)

    def _deadline(self) -> int | None:
        """The step at which the next alarm, or the next change of a hart's own timers, is due."""
        due = min(hart.get("timer_due") for hart in self.harts)
        ticks = self.clock.next_deadline()
        if ticks is not None:
            due = min(due, -(-ticks * NANOSECONDS_PER_TICK >> self.config.icount.shift))
        return None if due == NEVER else due

    # What the engine asks of the machine (`emulator.engine.hooks.Hooks`).

    def load(self, hart: int, physical: int, size: int) -> int:
        """A hart loads from a device."""
        value = self.board.bus.load(physical, size) & MASK64
        if self._interrupted:  # a slice that waits for a device may take long
            self._leave(self.harts[hart])
        return value

    def store(self, hart: int, physical: int, size: int, value: int) -> None:
        """A hart stores to a device, which may set an alarm inside the running slice."""
        self.board.bus.store(physical, size, value & (1 << 8 * size) - 1)
        self._heed_alarm(hart)

    def line_written(self, hart: int, physical: int, size: int) -> None:
        """A hart stored to the line of RAM that holds `tohost`, which may set an alarm inside the running slice."""
        if self.board.htif is not None:
            self.board.htif.written(physical, size)
            self._heed_alarm(hart)

    def _heed_alarm(self, hart: int) -> None:
        deadline = self._deadline()
        if self._interrupted or (deadline is not None and deadline < self._slice_end):
            self._leave(self.harts[hart])

    def trap_taken(self, hart: int, pc: int, cause: int, tval: int) -> None:
        """A hart takes a trap, and an observer wants to know."""
        if self._observed[0] and self._observer is not None:
            self._observer.trap_taken(hart, pc, cause, tval)
        if self._catching:
            self.catches.trap_taken(hart, pc, cause, tval)

    def code_decoded(self, hart: int, address: int) -> None:
        """A hart executes an instruction for the first time, and an observer wants to know."""
        if self._observer is not None:
            self._observer.code_decoded(hart, address)

    def csr_accessed(self, hart: int, named: int, phase: int) -> None:
        """An instruction accesses a CSR that is watched."""
        self.catches.csr_accessed(hart, named, phase)

    def judge_csr(self, hart: int, number: int) -> int:
        """A breakpoint's condition reads a CSR; it was checked that there is one."""
        return self.debug.read_csr(hart, self.debug.seen(hart, number))

    def judge_print(self, hart: int, index: int, depth: int) -> None:
        """A breakpoint's command prints."""
        self.debug.judge_print(hart, index, depth)

    def judge_printed(self, words: memoryview) -> None:
        """Commands of breakpoints have printed."""
        self.debug.judge_printed(words)

    # What the board asks of the machine.

    def _set_line(self, index: int, code: int, level: bool) -> None:
        hart = self.harts[index]
        bit = 1 << code
        pending = hart.get("mip")
        if code == Interrupt.SEI:
            hart.put("seip_line", bit if level else 0)
            level = level or bool(hart.get("seip_written"))
        hart.put("mip", pending | bit if level else pending & ~bit)
        self._turns.wake(hart, self._step_now())
        if hart is self._running:
            hart.put("attention", hart.get("attention") | Attention.CHECK)

    def request(self, stop: Stop) -> None:
        """From within a run: let it end with `stop`, behind the instruction at hand.

        Two of one kind are one, the later; what is caught besides the guest's end is told first, and the end by the
        next run.
        """
        self._requested = [*(other for other in self._requested if type(other) is not type(stop)), stop]
        if self._running is not None:
            self._leave(self._running)

    def _leave(self, hart: HartBlock) -> None:
        hart.put("attention", hart.get("attention") | Attention.LEAVE)
