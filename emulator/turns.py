"""Whose turn it is: harts run one at a time, and who comes next depends on nothing but the machine's own state.

Every hart has a time of its own (`time_base` in its block), in steps. The hart that is furthest behind gets a turn of
fixed length, and machine time is the time of the hart furthest behind. A turn outlives the run slices that it is made
of, so neither a budget nor a debugger's stop changes the order in which harts execute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from emulator.hart.block import HartBlock

TURN: Final = 20_000
"""Steps of a turn where there are several harts; no hart gets further ahead of another one than that."""
ENDLESS: Final = 1 << 62


class Turns:
    """Gives out turns.

    Args:
        harts: All harts of the machine.

    Attributes:
        now: Machine time: steps since power-on of the hart furthest behind, time spent waiting included.
        end: The hart's time at which the turn at hand ends.
    """

    def __init__(self, harts: Sequence[HartBlock]) -> None:
        self._harts = harts
        self._length = TURN if len(harts) > 1 else ENDLESS
        self.reset()

    def reset(self) -> None:
        """Begin again, with every hart at time 0."""
        self.now = 0
        self.end = 0
        self._current: HartBlock | None = None
        for hart in self._harts:
            hart.put("time_base", 0)

    def settle(self, harts: Sequence[HartBlock]) -> None:
        """Move machine time on to where the last of `harts` is that does not wait; the other harts lose the time.

        When all wait, it is the time when the last one began to.
        """
        times = [hart.get("time_base") for hart in harts if not hart.get("waiting")]
        if times:
            self.now = max(self.now, min(times))
        else:
            self.now = max(self.now, *(hart.get("time_base") for hart in harts), 0)

    def stepped(self) -> None:
        """A hart was stepped out of turn: the others wait for nothing, but do not fall behind by more than a turn."""
        self.settle(self._harts)
        self.now = max(self.now, max(hart.get("time_base") for hart in self._harts) - self._length)

    def skip(self, steps: int) -> None:
        """Every hart waits: time passes at once."""
        self.now += steps

    def wake(self, hart: HartBlock, time: int) -> None:
        """End a hart's waiting at `time`, if it waits and an interrupt that it has enabled is pending."""
        if hart.get("waiting") and hart.get("mip") & hart.get("mie"):
            hart.put("waiting", 0)
            hart.put("time_base", max(hart.get("time_base"), time))

    def next(self, harts: Sequence[HartBlock], deadline: int | None) -> HartBlock | None:
        """Choose who runs, until `end`; None if every one of `harts` waits.

        Args:
            harts: Those that may run.
            deadline: A step, later than `now`, that no hart may pass before all have reached it.
        """
        for hart in harts:
            self.wake(hart, self.now)
        awake = [hart for hart in harts if not hart.get("waiting")]
        if not awake:
            return None
        chosen = self._current
        if chosen not in awake or self._time_of(chosen) >= self._cut(deadline):
            chosen = min(awake, key=self._time_of)
            self.end = self._time_of(chosen) + self._length
        chosen.put("time_base", self._time_of(chosen))
        self._current = chosen
        self.end = self._cut(deadline)
        return chosen

    def _time_of(self, hart: HartBlock) -> int:
        return max(hart.get("time_base"), self.now)

    def _cut(self, deadline: int | None) -> int:
        return self.end if deadline is None else min(self.end, deadline)
