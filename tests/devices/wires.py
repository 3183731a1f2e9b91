"""What a device is wired to in a test: wires that remember."""

from __future__ import annotations


class Wire:
    """An interrupt wire into a controller; remembers every level it was given."""

    def __init__(self) -> None:
        self.levels: list[bool] = []

    def __call__(self, level: bool) -> None:
        """Drive the wire."""
        self.levels.append(level)

    @property
    def high(self) -> bool:
        """The level now."""
        return bool(self.levels) and self.levels[-1]


class Harts:
    """The interrupt lines of all harts, as the set of those that are high."""

    def __init__(self) -> None:
        self.high: set[tuple[int, int]] = set()

    def __call__(self, hart: int, cause: int, level: bool) -> None:
        """Drive a line."""
        if level:
            self.high.add((hart, cause))
        else:
            self.high.discard((hart, cause))
