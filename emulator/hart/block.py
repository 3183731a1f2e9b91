"""The state blocks of a machine's harts as Python sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.hart.fields import Privilege
from emulator.hart.state import (
    ARCHITECTURAL_SIZE,
    HART_OFFSETS,
    HART_SIZE,
    MASK64,
    NEVER,
    NO_TAG,
    SHARED_OFFSETS,
    SHARED_SIZE,
    WORD,
)
from emulator.memory.ram import Mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.isa.extensions import CpuConfig

_INDEX = {name: offset // WORD for name, offset in HART_OFFSETS.items()}
_SHARED_INDEX = {name: offset // WORD for name, offset in SHARED_OFFSETS.items()}


class HartBlock:
    """One hart's block: read and write its fields by name."""

    def __init__(self, view: memoryview, address: int, index: int) -> None:
        self.words = view.cast("Q")
        self.address = address
        self.index = index

    def get(self, name: str, index: int = 0) -> int:
        """A word of a field."""
        return self.words[_INDEX[name] + index]

    def put(self, name: str, value: int, index: int = 0) -> None:
        """Set a word of a field; the value is taken modulo 2**64."""
        self.words[_INDEX[name] + index] = value & MASK64

    def architectural(self) -> bytes:
        """The architectural state as bytes, to compare or to keep."""
        return bytes(self.words[: ARCHITECTURAL_SIZE // WORD])

    def address_of(self, name: str) -> int:
        """Host address of a field."""
        return self.address + HART_OFFSETS[name]


class SharedBlock:
    """What all harts share."""

    def __init__(self, mapping: Mapping) -> None:
        self._words = mapping.view.cast("Q")
        self.address = mapping.address

    def get(self, name: str) -> int:
        """A word."""
        return self._words[_SHARED_INDEX[name]]

    def put(self, name: str, value: int) -> None:
        """Set a word."""
        self._words[_SHARED_INDEX[name]] = value & MASK64

    def word(self, name: str) -> memoryview:
        """A word itself, for who keeps a value there."""
        return self._words[_SHARED_INDEX[name] :][:1]


class Blocks:
    """The blocks of all harts of a machine, and the shared one.

    Args:
        count: How many harts.
        cpu: What they are.
        entropy: Seed of their entropy sources; each hart has its own sequence.

    Attributes:
        harts: One block a hart, in order of `mhartid`.
        shared: The shared block.
        stride: Bytes from one hart's block to the next.
    """

    def __init__(self, count: int, cpu: CpuConfig, entropy: int = 0) -> None:
        self._cpu = cpu
        self._entropy = entropy
        self.stride = -(-HART_SIZE // 64) * 64
        self._harts = Mapping(count * self.stride)
        self._shared = Mapping(SHARED_SIZE)
        self.harts = tuple(
            HartBlock(self._harts.view[at : at + HART_SIZE], self._harts.address + at, index)
            for index, at in ((index, index * self.stride) for index in range(count))
        )
        self.shared = SharedBlock(self._shared)
        self.shared.put("harts", self._harts.address)
        self.shared.put("hart_count", count)
        self.shared.put("hart_size", self.stride)
        self.shared.put("extensions", cpu.mask)
        self.shared.put("satp_modes", cpu.satp_modes)
        for hart in self.harts:
            hart.put("shared", self._shared.address)
            hart.put("self_index", hart.index)
            hart.put("mhartid", hart.index)

    def reset(self, starts: Sequence[int]) -> None:
        """Every hart as at power-on: in M-mode at its address of `starts`, what the manual leaves open zero."""
        for hart, start in zip(self.harts, starts, strict=True):
            hart.words[: ARCHITECTURAL_SIZE // WORD] = memoryview(bytes(ARCHITECTURAL_SIZE)).cast("Q")
            hart.put("mhartid", hart.index)
            hart.put("entropy", self._entropy + (hart.index << 48))
            hart.put("reservation", NO_TAG)
            hart.put("loop_pc", NO_TAG)
            hart.put("timer_due", NEVER)
            hart.put("pc", start)
            hart.put("priv", Privilege.M)
            hart.put("misa", self._cpu.misa)
            hart.put("menvcfg", self._cpu.menvcfg)
            hart.put("ialign", 0 if self._cpu.has("zca") else 2)
            for name in ("steps", "time_base", "budget", "budget0", "attention", "pending", "trap_count"):
                hart.put(name, 0)
