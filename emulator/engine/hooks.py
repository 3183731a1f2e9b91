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

    def line_written(self, hart: int) -> None:
        """The special line (HTIF's words in RAM) was stored to."""
        ...
