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
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from emulator.engine.hooks import Hooks
    from emulator.hart.block import Blocks, HartBlock
    from emulator.isa.domain import Routine
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


class Witness(ReferenceDomain):
    """The reference domain of one hart, with nothing of what it does reaching the hart.

    Args:
        blocks: The state of all harts.
        hart: The hart's block.
        backing: RAM and ROM.
        hooks: The machine.
        peek: Reads bytes of devices without side effects; raises `BusFault` where that cannot be.
        supposed: Fields of the hart that are to be taken for something else than they are.
    """

    def __init__(
        self,
        blocks: Blocks,
        hart: HartBlock,
        backing: Backing,
        hooks: Hooks,
        peek: Callable[[int, int], bytes],
        supposed: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(blocks, hart, backing, hooks)
        self._made = (blocks, hart, backing, hooks, peek)
        self._peek = peek
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
        """Read RAM or ROM, as it would be by now; a device is peeked at, and where it lets nobody, it reads as 0."""
        value = 0
        for at in range(size):
            byte = self._memory.get(physical + at)
            value |= (self._byte(physical + at) if byte is None else byte) << 8 * at
        self._note(MemoryRead(physical, size, value))
        return value

    def _byte(self, physical: int) -> int:
        if self.holds_memory(physical):
            return super().load_physical(physical, 1)
        try:
            return self._peek(physical, 1)[0]
        except BusFault:
            return 0

    def store_physical(self, physical: int, size: int, value: int) -> None:
        """Remember what would be written."""
        self._note(MemoryWrite(physical, size, value))
        for at, byte in enumerate((value & (1 << 8 * size) - 1).to_bytes(size, "little")):
            self._memory[physical + at] = byte
