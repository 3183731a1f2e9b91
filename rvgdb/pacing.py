"""Keeps guest time from running ahead of the wall clock (`-icount …,sleep=on`)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from rvgdb.target.api import Clock

STRIDE_TICKS: Final = 50_000
"""Guest time per slice at most, in ticks of 100 ns: 5 ms, so that a timer's interrupt is late by no more than that."""

TICKS_PER_SECOND: Final = 10_000_000

SLACK_SECONDS: Final = 0.002
"""Being ahead by less is not worth a sleep."""


class Pacer:
    """Compares guest time with the wall clock.

    A guest that falls behind is not hurried afterwards: the comparison begins anew.

    Args:
        clock: The machine's time.
        wall: Seconds of the wall clock.
    """

    def __init__(self, clock: Clock, wall: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wall = wall
        self._guest_start = 0
        self._wall_start = 0.0
        self.restart()

    def restart(self) -> None:
        """Begin the comparison now: the guest was halted."""
        self._guest_start = self._clock.now()
        self._wall_start = self._wall()

    def limit(self, interrupt: Callable[[], None]) -> None:
        """Let the next slice end, through `interrupt`, when a stride of guest time is over, even if harts only wait."""
        self._clock.alarm("rvgdb.pacing", self._clock.now() + STRIDE_TICKS, interrupt)

    def ahead(self) -> float:
        """Seconds that guest time is ahead of the wall clock; 0.0 when there is nothing to wait for."""
        guest = (self._clock.now() - self._guest_start) / TICKS_PER_SECOND
        lead = guest - (self._wall() - self._wall_start)
        if lead < -SLACK_SECONDS:
            self.restart()
        return lead if lead > SLACK_SECONDS else 0.0
