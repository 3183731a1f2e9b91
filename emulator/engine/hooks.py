"""What an engine asks of the machine around it while a hart runs."""

from __future__ import annotations

from typing import Protocol


class Hooks(Protocol):
    """The machine, as an engine sees it. Called inside a run slice, with the hart's `budget` field exact."""

    def load(self, hart: int, physical: int, size: int) -> int:
        """Read a device. Raises `emulator.errors.BusFault` where nothing answers."""
        ...

    def store(self, hart: int, physical: int, size: int, value: int) -> None:
        """Write a device. Raises `emulator.errors.BusFault` where nothing answers."""
        ...

    def trap_taken(self, hart: int, pc: int, cause: int, tval: int) -> None:
        """A trap is being taken, and the engine was asked to tell (`Engine.observe`)."""
        ...

    def code_decoded(self, hart: int, address: int) -> None:
        """An instruction was decoded, because it is executed for the first time or was written since."""
        ...

    def line_written(self, hart: int, physical: int, size: int) -> None:
        """The special line (HTIF's words in RAM) was stored to: `size` bytes at a physical address."""
        ...

    def csr_accessed(self, hart: int, named: int, phase: int) -> None:
        """An instruction that names one of `Engine.watch_csrs` is at a phase (`emulator.hart.state.CsrPhase`)."""
        ...

    def judge_csr(self, hart: int, number: int) -> int:
        """The condition of a breakpoint reads a CSR."""
        ...

    def judge_print(self, hart: int, index: int, depth: int) -> None:
        """A command of a breakpoint prints text `index` of `Programs.texts`; `depth` values are on `judge_stack`."""
        ...

    def judge_printed(self, words: memoryview) -> None:
        """Commands of breakpoints have printed: `hart << 32 | index`, the arguments, and so on. Void afterwards."""
        ...
