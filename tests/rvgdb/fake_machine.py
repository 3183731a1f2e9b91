"""A machine for tests: bytes for memory, integers for registers, and a script of stops instead of instructions.

Each hart's program is endless `nop`s of 4 bytes; `stops` queues what `run` returns next, and `spin` lets it run until
somebody interrupts.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from emulator.catching import Catches
from emulator.clock import Clock
from emulator.engine.watching import Watch
from emulator.errors import CsrRefused, MemoryUnavailable
from emulator.hart.traplog import TrapRecord
from emulator.judgements import ALWAYS, Judgement
from emulator.stops import BreakpointHit, BudgetSpent, Idle, Interrupted, SpanLeft, Stop, WatchKind
from emulator.witness import Witness

BASE = 0x8000_0000
SIZE = 0x1_0000
MASK = (1 << 64) - 1


@dataclass(frozen=True)
class FakeCsr:
    """A CSR of the fake."""

    number: int
    name: str
    writable: bool = True


CSRS = (
    FakeCsr(0x300, "mstatus"),
    FakeCsr(0xF14, "mhartid", writable=False),
    FakeCsr(0x341, "mepc"),
)


@dataclass(eq=False)
class FakeHart:
    """The registers of one hart."""

    x: list[int] = field(default_factory=lambda: [0] * 32)
    pc: int = BASE
    priv: int = 3
    f: list[int] = field(default_factory=lambda: [0] * 32)
    csrs: dict[int, int] = field(default_factory=dict)


class FakeDebug:
    """The debug view of the fake machine."""

    def __init__(self, harts: list[FakeHart]) -> None:
        self.harts = harts
        self.memory = bytearray(SIZE)
        self.breakpoints: set[int] = set()
        self.watches: list[Watch] = []
        self.printer: Callable[[int, bytes, int, memoryview], None] | None = None
        self.watchpoints: set[tuple[WatchKind, int, int]] = set()
        self.masked: tuple[int, ...] = ()
        self.span: tuple[int, range] | None = None
        self.float_bits = 0
        self.physical_reads = 0
        self.trapped: list[TrapRecord] = []

    def read_x(self, hart: int, index: int) -> int:
        """A register."""
        return self.harts[hart].x[index]

    def write_x(self, hart: int, index: int, value: int) -> None:
        """Set a register."""
        if index:
            self.harts[hart].x[index] = value

    def read_f(self, hart: int, index: int) -> int:
        """A floating-point register."""
        return self.harts[hart].f[index]

    def write_f(self, hart: int, index: int, value: int) -> None:
        """Set a floating-point register."""
        self.harts[hart].f[index] = value

    def read_pc(self, hart: int) -> int:
        """The pc."""
        return self.harts[hart].pc

    def write_pc(self, hart: int, value: int) -> None:
        """Set the pc."""
        self.harts[hart].pc = value

    def read_priv(self, hart: int) -> int:
        """The privilege."""
        return self.harts[hart].priv

    def write_priv(self, hart: int, value: int) -> None:
        """Set the privilege, if there is such a one."""
        if value not in (0, 1, 3):
            raise CsrRefused(f"priv cannot be {value}")
        self.harts[hart].priv = value

    def csrs(self) -> Sequence[FakeCsr]:
        """Three CSRs."""
        return CSRS

    def seen(self, hart: int, number: int) -> int:
        """There are no guests."""
        return number

    def read_csr(self, hart: int, number: int) -> int:
        """A CSR; mepc refuses on hart 1."""
        if number == 0xF14:
            return hart
        if number == 0x341 and hart == 1:
            raise CsrRefused("mepc cannot be read on hart 1")
        return self.harts[hart].csrs.get(number, 0)

    def write_csr(self, hart: int, number: int, value: int) -> None:
        """Set a CSR; mhartid refuses."""
        if number == 0xF14:
            raise CsrRefused("mhartid is read-only")
        self.harts[hart].csrs[number] = value

    def traps(self, hart: int) -> Sequence[TrapRecord]:
        """Those that a test put there."""
        return self.trapped

    def witness(self, hart: int) -> Witness:
        """There are no rules to ask."""
        raise AssertionError("the fake has no rules")

    def _index(self, address: int) -> int:
        if not BASE <= address < BASE + SIZE:
            raise MemoryUnavailable(address, "nothing is there")
        return address - BASE

    def read_memory(self, hart: int, address: int, length: int, *, physical: bool = False) -> bytes:
        """The part that exists."""
        self.physical_reads += physical
        index = self._index(address)
        return bytes(self.memory[index : index + length])

    def write_memory(self, hart: int, address: int, data: bytes, *, physical: bool = False) -> None:
        """All or nothing."""
        index = self._index(address)
        if data:
            self._index(address + len(data) - 1)
        self.memory[index : index + len(data)] = data

    def insert_breakpoint(self, address: int, judgement: Judgement = ALWAYS) -> None:
        """Note it."""
        judgement.check()
        assert address not in self.breakpoints
        self.breakpoints.add(address)

    def remove_breakpoint(self, address: int, judgement: Judgement = ALWAYS) -> None:
        """Forget it."""
        self.breakpoints.remove(address)

    def untagged(self, address: int) -> int:
        """No pointer is masked."""
        return address

    @contextmanager
    def kept_inside(self, hart: int, start: int, end: int) -> Iterator[None]:
        """Note it for a while."""
        self.span = (hart, range(start, end))
        yield
        self.span = None

    def insert_watchpoint(self, kind: WatchKind, address: int, length: int) -> None:
        """Note it."""
        assert (kind, address, length) not in self.watchpoints
        self.watchpoints.add((kind, address, length))

    def remove_watchpoint(self, kind: WatchKind, address: int, length: int) -> None:
        """Forget it."""
        self.watchpoints.remove((kind, address, length))

    def insert_watch(self, watch: Watch) -> None:
        """Note it."""
        self.watches.append(watch)

    def remove_watch(self, watch: Watch) -> None:
        """Forget it."""
        self.watches.remove(watch)

    def mask_interrupts(self, harts: Collection[int]) -> None:
        """Note it."""
        self.masked = tuple(harts)

    def disassemble(self, hart: int, address: int, count: int) -> Sequence[tuple[int, bytes, str]]:
        """Every instruction is a nop."""
        return [(address + 4 * index, b"\x13\0\0\0", "nop") for index in range(count)]


class FakeMachine:
    """A machine whose every instruction is a `nop`."""

    def __init__(self, harts: int = 1) -> None:
        self.harts = [FakeHart() for _ in range(harts)]
        self.debug = FakeDebug(self.harts)
        self.clock = Clock()
        self.catches = Catches((), lambda *_: None, lambda *_: 0, lambda _: None)
        self.stops: deque[Stop | Callable[[], Stop]] = deque()
        self.received = bytearray()
        self.resets = 0
        self.runs: list[frozenset[int] | None] = []
        self.steps: list[tuple[int, bool]] = []
        self.spinning = threading.Event()
        self._interrupted = threading.Event()

    def spin(self) -> Stop:
        """Run until interrupted: a busy guest. Fails the test after ten seconds."""
        self.spinning.set()
        assert self._interrupted.wait(10), "nobody interrupted the guest"
        self._interrupted.clear()
        return Interrupted()

    def run(self, budget: int, *, only: frozenset[int] | None = None) -> Stop:
        """The next stop of the script; without one, nops up to a breakpoint or the end of the budget."""
        self.runs.append(only)
        if self.stops:
            stop = self.stops.popleft()
            return stop() if callable(stop) else stop
        running = [h for index, h in enumerate(self.harts) if only is None or index in only]
        for _ in range(min(budget, 1000)):
            for hart in running:
                index = self.harts.index(hart)
                if self.debug.span is not None and index == self.debug.span[0] and hart.pc not in self.debug.span[1]:
                    return SpanLeft(index, hart.pc)
                if hart.pc in self.debug.breakpoints:
                    return BreakpointHit(index, hart.pc)
                hart.pc = hart.pc + 4 & MASK
        return BudgetSpent() if running else Idle()

    def step(self, hart: int) -> Stop:
        """One nop, or the next stop of the script."""
        self.steps.append((hart, hart in self.debug.masked))
        if self.stops:
            stop = self.stops.popleft()
            return stop() if callable(stop) else stop
        self.harts[hart].pc += 4
        return BudgetSpent()

    def interrupt(self) -> None:
        """End `spin`."""
        self._interrupted.set()

    def receive(self, data: bytes) -> None:
        """Keep the input."""
        self.received += data

    def reset(self) -> None:
        """Back to the base."""
        self.resets += 1
        for hart in self.harts:
            hart.pc = BASE
