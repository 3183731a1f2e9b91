"""A hart's rules carried out without consequences, and everything that they do written down.

The reference domain executes the very routines that the hart executes; `Witness` only keeps their writes to itself and
notes who called whom with what, which memory was read, and where an exception came from. So an explanation of a
translation is a record of the translation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from emulator.engine.reference import ReferenceDomain, Trapped
from emulator.errors import BusFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from emulator.hart.block import Blocks, HartBlock
    from emulator.isa.domain import Routine
    from emulator.memory.bus import Bus
    from emulator.memory.ram import Backing

MASK64 = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class MemoryRead:
    """Physical memory that was read."""

    physical: int
    size: int
    value: int


@dataclass(frozen=True, slots=True)
class MemoryWrite:
    """Physical memory that would have been written."""

    physical: int
    size: int
    value: int


@dataclass(slots=True)
class Call:
    """A routine that ran.

    Attributes:
        name: The routine's.
        args: What it was called with.
        steps: What it did, in order.
        result: What it returned; None where an exception ended it.
        fault: The exception that ended it.
    """

    name: str
    args: tuple[int, ...]
    steps: list[Event] = field(default_factory=list)
    result: int | None = None
    fault: Trapped | None = None

    def calls(self, name: str) -> Iterator[Call]:
        """The routines of a name that this one called itself."""
        return (step for step in self.steps if isinstance(step, Call) and step.name == name)

    def reads(self) -> Iterator[MemoryRead]:
        """What this routine read itself."""
        return (step for step in self.steps if isinstance(step, MemoryRead))

    def culprit(self) -> Sequence[Call]:
        """The routines that an exception went through, from this one to the one that raised it."""
        chain = [self]
        while (step := chain[-1].steps[-1:]) and isinstance(step[0], Call) and step[0].fault is not None:
            chain.append(step[0])
        return chain


Event: TypeAlias = Call | MemoryRead | MemoryWrite


class Bystander:
    """Implements `emulator.engine.hooks.Hooks`, and lets no access reach a device.

    Which of its registers a device refuses is its own business, so that only an address without any device faults.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def _check(self, physical: int, size: int) -> None:
        if not any(base <= physical < base + device.size for base, device in self._bus.devices):
            raise BusFault(physical, size)

    def load(self, hart: int, physical: int, size: int) -> int:
        """Read 0 from a device."""
        self._check(physical, size)
        return 0

    def store(self, hart: int, physical: int, size: int, value: int) -> None:
        """Write nothing to a device."""
        self._check(physical, size)

    def trap_taken(self, hart: int, pc: int, cause: int, tval: int) -> None:
        """Nobody hears of it."""

    def code_decoded(self, hart: int, address: int) -> None:
        """Nobody hears of it."""

    def line_written(self, hart: int, physical: int, size: int) -> None:
        """Nothing was written."""

    def csr_accessed(self, hart: int, named: int, phase: int) -> None:
        """Nobody hears of it."""

    def judge_csr(self, hart: int, number: int) -> int:
        """There is none to read."""
        return 0

    def judge_print(self, hart: int, index: int, depth: int) -> None:
        """Nobody hears of it."""

    def judge_printed(self, words: memoryview) -> None:
        """Nobody hears of it."""


class Witness(ReferenceDomain):
    """The reference domain of one hart, with nothing of what it does reaching the hart.

    Args:
        blocks: The state of all harts.
        hart: The hart's block.
        backing: RAM and ROM.
        bus: The devices; they are only asked whether they are there.
        supposed: Fields of the hart that are to be taken for something else than they are.
    """

    def __init__(
        self,
        blocks: Blocks,
        hart: HartBlock,
        backing: Backing,
        bus: Bus,
        supposed: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(blocks, hart, backing, Bystander(bus))
        self._made = (blocks, hart, backing, bus)
        self._fields = {(name, 0): value & MASK64 for name, value in (supposed or {}).items()}
        self._memory: dict[int, int] = {}
        self._open: list[Call] = []
        self.get = self._get
        self.put = self._put

    def supposing(self, **fields: int) -> Witness:
        """A witness of the same hart as if some fields were otherwise; what this one supposes stays supposed."""
        known = {name: value for (name, index), value in self._fields.items() if index == 0}
        return Witness(*self._made, known | fields)

    def _get(self, name: str, index: int = 0) -> int:
        kept = self._fields.get((name, index))
        return self.hart.get(name, index) if kept is None else kept

    def _put(self, name: str, value: int, index: int = 0) -> None:
        self._fields[name, index] = value & MASK64

    def observe(self, target: Routine, *args: int) -> Call:
        """Run a routine, whatever becomes of it."""
        top = Call("", ())
        self._open = [top]
        try:
            self.call(target, *args)
        except Trapped as fault:
            top.fault = fault
        self._open = []
        (call,) = (step for step in top.steps if isinstance(step, Call))
        return call

    def call(self, target: Routine, *args: int) -> int:
        """Run a routine and write it down."""
        if not self._open:
            return super().call(target, *args)
        call = Call(target.name, args)
        self._open[-1].steps.append(call)
        self._open.append(call)
        try:
            call.result = super().call(target, *args)
        except Trapped as fault:
            call.fault = fault
            raise
        finally:
            self._open.pop()
        return call.result

    def _note(self, event: Event) -> None:
        if self._open:
            self._open[-1].steps.append(event)

    def load_physical(self, physical: int, size: int) -> int:
        """Read RAM or ROM, as it would be by now; a device reads as 0, and where nothing is the access faults."""
        value = super().load_physical(physical, size)
        for at in range(size):
            byte = self._memory.get(physical + at)
            if byte is not None:
                value = value & ~(0xFF << 8 * at) | byte << 8 * at
        self._note(MemoryRead(physical, size, value))
        return value

    def store_physical(self, physical: int, size: int, value: int) -> None:
        """Remember what would be written; where nothing can be, the access faults."""
        at = self.backing_offset(physical)
        if at is None or at >= len(self._backing.ram):
            super().store_physical(physical, size, value)
            return
        self._note(MemoryWrite(physical, size, value))
        for index, byte in enumerate((value & (1 << 8 * size) - 1).to_bytes(size, "little")):
            self._memory[physical + index] = byte
