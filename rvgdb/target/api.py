"""What can be debugged, as small interfaces: handlers and the runner see these and never the emulator itself.

`Machine` and `Debug` are the part of the emulator's surface that is used here, so that a test can stand in for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from emulator.catching import Catches
from emulator.engine.watching import Watch
from emulator.hart.traplog import TrapRecord
from emulator.judgements import Judgement
from emulator.stops import Stop, WatchKind
from emulator.witness import Witness
from protocol.requests import BreakpointKind

EFAULT = 14
EINVAL = 22


class TargetError(Exception):
    """Raised when a debugger's wish cannot be granted; the session goes on.

    Attributes:
        errno: The number of the `Enn` answer for a debugger that takes no text.
    """

    def __init__(self, message: str, errno: int = EINVAL) -> None:
        super().__init__(message)
        self.errno = errno


# --- what the emulator offers ---


class CsrInfo(Protocol):
    """A CSR that exists on this machine."""

    @property
    def number(self) -> int:
        """Its address, 12 bits; 0x1000 is added for HS-mode's own of what a guest has, too."""
        ...

    @property
    def name(self) -> str:
        """The manual's name."""
        ...

    @property
    def writable(self) -> bool:
        """Whether any bit of it may change."""
        ...


class Debug(Protocol):
    """A debugger's view of the machine; nothing here changes the guest but what it is asked to change.

    Attributes:
        printer: Told what breakpoints print: as of `emulator.debug.Debug.printer`.
    """

    printer: Callable[[int, bytes, int, memoryview], None] | None

    def read_x(self, hart: int, index: int) -> int:
        """Integer register, unsigned."""
        ...

    def write_x(self, hart: int, index: int, value: int) -> None:
        """Set an integer register; x0 stays 0."""
        ...

    @property
    def float_bits(self) -> int:
        """Width of the f registers; 0 where there are none."""
        ...

    def read_f(self, hart: int, index: int) -> int:
        """Floating-point register as bits."""
        ...

    def write_f(self, hart: int, index: int, value: int) -> None:
        """Set the bits of a floating-point register."""
        ...

    def read_pc(self, hart: int) -> int:
        """Address of the next instruction."""
        ...

    def write_pc(self, hart: int, value: int) -> None:
        """Set the address of the next instruction."""
        ...

    def read_priv(self, hart: int) -> int:
        """Privilege: 0 U, 1 S, 3 M."""
        ...

    def write_priv(self, hart: int, value: int) -> None:
        """Set the privilege."""
        ...

    def csrs(self) -> Sequence[CsrInfo]:
        """The CSRs that exist."""
        ...

    def seen(self, hart: int, number: int) -> int:
        """The CSR that a number of `csrs` means in a hart's mode: in a guest, plain numbers are the guest's."""
        ...

    def read_csr(self, hart: int, number: int) -> int:
        """A CSR without side effects; raises `CsrRefused`."""
        ...

    def write_csr(self, hart: int, number: int, value: int) -> None:
        """Write a CSR as its own rules allow; raises `CsrRefused`."""
        ...

    def traps(self, hart: int) -> Sequence[TrapRecord]:
        """The last traps that a hart took, oldest first."""
        ...

    def read_memory(self, hart: int, address: int, length: int, *, physical: bool = False) -> bytes:
        """Memory as the hart sees it; a prefix where the rest is not there, `MemoryUnavailable` where nothing is."""
        ...

    def write_memory(self, hart: int, address: int, data: bytes, *, physical: bool = False) -> None:
        """Write memory; raises `MemoryUnavailable`."""
        ...

    def insert_breakpoint(self, address: int, judgement: Judgement = ...) -> None:
        """Stop before the instruction at `address` when the judgement says so; raises `JudgementRefused`."""
        ...

    def remove_breakpoint(self, address: int, judgement: Judgement = ...) -> None:
        """Undo `insert_breakpoint`."""
        ...

    def untagged(self, address: int) -> int:
        """A data address without the bits that a hart ignores now."""
        ...

    def kept_inside(self, hart: int, start: int, end: int) -> AbstractContextManager[None]:
        """Have `run` return `SpanLeft` before the hart executes an instruction outside these addresses."""
        ...

    def insert_watchpoint(self, kind: WatchKind, address: int, length: int) -> None:
        """Stop before an access to these bytes."""
        ...

    def remove_watchpoint(self, kind: WatchKind, address: int, length: int) -> None:
        """Undo `insert_watchpoint`."""
        ...

    def insert_watch(self, watch: Watch) -> None:
        """Stop at the accesses that a watchpoint describes."""
        ...

    def remove_watch(self, watch: Watch) -> None:
        """Undo `insert_watch`."""
        ...

    def mask_interrupts(self, harts: Collection[int]) -> None:
        """Hold interrupts back in these harts, which a debugger steps, and in no others."""
        ...

    def witness(self, hart: int) -> Witness:
        """The hart's rules, to be asked without consequences."""
        ...

    def disassemble(self, hart: int, address: int, count: int) -> Sequence[tuple[int, bytes, str]]:
        """Address, bytes and text of up to `count` instructions."""
        ...


class Clock(Protocol):
    """The machine's virtual time."""

    def now(self) -> int:
        """Ticks of 100 ns."""
        ...

    def next_deadline(self) -> int | None:
        """The tick of the earliest alarm."""
        ...

    def alarm(self, key: str, deadline: int | None, fire: Callable[[], None]) -> None:
        """Call `fire` when that tick is reached; None cancels."""
        ...


class Machine(Protocol):
    """What the runner drives."""

    @property
    def debug(self) -> Debug:
        """A debugger's view."""
        ...

    @property
    def clock(self) -> Clock:
        """Virtual time."""
        ...

    @property
    def catches(self) -> Catches:
        """What else stops it."""
        ...

    @property
    def harts(self) -> Sequence[object]:
        """One item a hart."""
        ...

    def run(self, budget: int, *, only: frozenset[int] | None = None) -> Stop:
        """Make up to `budget` steps; `only` these harts."""
        ...

    def step(self, hart: int) -> Stop:
        """One instruction of one hart, breakpoint or not."""
        ...

    def interrupt(self) -> None:
        """From any thread: let the run at hand, or the next one, return soon."""
        ...

    def receive(self, data: bytes) -> None:
        """Console input."""
        ...

    def reset(self) -> None:
        """Power on again."""
        ...


# --- what handlers use ---


class Region(Protocol):
    """A span of physical addresses: `kind` is `ram`, `rom`, `io`, or `gap` where nothing is known to be."""

    @property
    def kind(self) -> str:
        """What it is."""
        ...

    @property
    def base(self) -> int:
        """Its first address."""
        ...

    @property
    def size(self) -> int:
        """Bytes."""
        ...


class Registers(Protocol):
    """Registers by the debugger's numbers, as bytes in target order."""

    def read_general(self, hart: int) -> bytes:
        """What `g` answers."""
        ...

    def write_general(self, hart: int, data: bytes) -> None:
        """What `G` sets. Raises TargetError."""
        ...

    def read_register(self, hart: int, number: int) -> bytes:
        """One register. Raises TargetError."""
        ...

    def write_register(self, hart: int, number: int, data: bytes) -> None:
        """Set one register. Raises TargetError."""
        ...

    def expedited(self, hart: int) -> tuple[tuple[int, bytes], ...]:
        """The registers every stop reply carries."""
        ...


class Memory(Protocol):
    """Memory as a hart's program sees it, or physical memory while `physical` is set."""

    physical: bool

    def read_memory(self, hart: int, address: int, length: int) -> bytes:
        """As many bytes as can be read, at least one. Raises TargetError."""
        ...

    def write_memory(self, hart: int, address: int, data: bytes) -> None:
        """Raises TargetError."""
        ...


class Breakpoints(Protocol):
    """Where to stop."""

    def insert(self, kind: BreakpointKind, address: int, length: int, judgement: Judgement = ...) -> None:
        """Twice the same is once. Raises TargetError."""
        ...

    def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        """One that is not there is no error."""
        ...

    def clear(self) -> None:
        """Remove all."""
        ...

    def was_set_at(self, address: int) -> bool:
        """Whether the debugger named this address, and not only an alias of it."""
        ...

    def only_hardware(self, address: int) -> bool:
        """Whether the breakpoint there was asked for as a hardware one."""
        ...


class Documents(Protocol):
    """What `qXfer` can read."""

    def description(self, annex: str) -> bytes | None:
        """The target description."""
        ...

    def memory_map(self) -> bytes:
        """RAM and ROM by physical address."""
        ...

    def region(self, hart: int, address: int) -> Region:
        """RAM or ROM that an address lies in, or the gap between them. Raises TargetError where it is virtual."""
        ...


class Harts(Protocol):
    """Which harts there are and what they are doing."""

    @property
    def count(self) -> int:
        """Number of harts."""
        ...

    def describe(self, hart: int) -> str:
        """A few words for a list of threads."""
        ...
