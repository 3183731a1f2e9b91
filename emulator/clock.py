"""Virtual time. Time is retired work: the machine's step count, scaled; alarms end a run slice at an exact step."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Hashable
from itertools import count

TICKS_PER_SECOND = 10_000_000
"""Frequency of `mtime` on QEMU's `virt` board."""

MASK64 = (1 << 64) - 1


class Clock:
    """Guest time in ticks of `mtime`, and what is to happen at which tick.

    The machine owns the step count and tells the clock through `advance`; devices ask `now` and set alarms.

    Args:
        offset: The word that holds what the guest's writes to `mtime` have added to the clock. The machine gives the
            one that harts read for their `time` CSR.
    """

    def __init__(self, offset: memoryview | array[int] | None = None) -> None:
        self._offset = array("Q", (0,)) if offset is None else offset
        self._now = 0
        self._alarms: dict[Hashable, tuple[int, Callable[[], None]]] = {}
        self._queue: list[tuple[int, int, Hashable]] = []
        self._order = count()
        self.source: Callable[[], int] | None = None
        """While a hart runs, the exact current tick; the machine sets it so that a device sees time inside a slice."""
        self.adjusted: Callable[[], None] | None = None
        """Called when `mtime` was written."""

    def now(self) -> int:
        """Ticks of 100 ns since power-on; nothing that the guest does changes them."""
        return self._now if self.source is None else self.source()

    @property
    def mtime(self) -> int:
        """`mtime` as the guest sees it: `now` plus what the guest's writes to it have added."""
        return (self.now() + self._offset[0]) & MASK64

    @mtime.setter
    def mtime(self, value: int) -> None:
        self._offset[0] = (value - self.now()) & MASK64
        if self.adjusted is not None:
            self.adjusted()

    def forget_mtime(self) -> None:
        """Let `mtime` be `now` again."""
        self._offset[0] = 0

    def alarm(self, key: Hashable, deadline: int | None, fire: Callable[[], None]) -> None:
        """Call `fire` once when `now` reaches `deadline`; `None` cancels; a second call replaces the first."""
        if deadline is None:
            self._alarms.pop(key, None)
            return
        self._alarms[key] = (deadline, fire)
        heapq.heappush(self._queue, (deadline, next(self._order), key))

    def next_deadline(self) -> int | None:
        """The earliest tick at which an alarm is due, or None."""
        while self._queue:
            deadline, _, key = self._queue[0]
            live = self._alarms.get(key)
            if live is not None and live[0] == deadline:
                return deadline
            heapq.heappop(self._queue)
        return None

    def advance(self, ticks: int) -> None:
        """Set `now` to `ticks` and fire every alarm that is due, earliest first."""
        self._now = ticks
        while (deadline := self.next_deadline()) is not None and deadline <= self._now:
            _, _, key = heapq.heappop(self._queue)
            _, fire = self._alarms.pop(key)
            fire()
