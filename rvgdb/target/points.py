"""Catchpoints, and watchpoints beyond those of GDB, which has no packet for them: the monitor sets them by number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from emulator.catching import Catch, Catches
from emulator.engine.watching import Space, Watch
from emulator.stops import Caught, Stop, WatchKind, WatchpointHit
from rvgdb.target.api import Debug

Point: TypeAlias = Catch | Watch

VERBS = {WatchKind.READ: "read", WatchKind.WRITE: "wrote", WatchKind.ACCESS: "read and wrote"}
WIDTH = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """A point.

    Attributes:
        number: Its number.
        name: The command that set it.
        point: What it is.
    """

    number: int
    name: str
    point: Point


class Points:
    """The points of one machine.

    Args:
        debug: For watchpoints.
        catches: For the others.
    """

    def __init__(self, debug: Debug, catches: Catches) -> None:
        self._debug = debug
        self._catches = catches
        self._entries: dict[int, Entry] = {}
        self._count = 0

    def add(self, name: str, point: Point) -> Entry:
        """Set a point; what is set already stays the one it is."""
        for entry in self._entries.values():
            if entry.point == point:
                return entry
        if isinstance(point, Watch):
            self._debug.insert_watch(point)
        else:
            self._catches.add(point)
        self._count += 1
        entry = self._entries[self._count] = Entry(self._count, name, point)
        return entry

    def remove(self, number: int) -> bool:
        """Remove a point; False if there is none of that number."""
        entry = self._entries.pop(number, None)
        if entry is None:
            return False
        if isinstance(entry.point, Watch):
            self._debug.remove_watch(entry.point)
        else:
            self._catches.remove(entry.point)
        return True

    def clear(self) -> None:
        """Remove all."""
        for number in list(self._entries):
            self.remove(number)

    def listing(self) -> tuple[Entry, ...]:
        """All, by number."""
        return tuple(self._entries.values())

    def tell(self, stop: Stop | object, pc: int) -> str:
        """What a stop at a point was, on a line; nothing for other stops.

        Args:
            stop: The stop.
            pc: Where its hart is now.
        """
        if isinstance(stop, Caught):
            return f"{self._name(stop.catch)}: {stop.text}; now at pc {pc:#x}\n"
        if isinstance(stop, WatchpointHit) and isinstance(stop.watch, Watch) and stop.watch.after:
            return f"{self._name(stop.watch)}: {_access_text(stop, stop.watch)}; now at pc {pc:#x}\n"
        return ""

    def _name(self, point: object) -> str:
        return next((f"{one.number}: {one.name}" for one in self._entries.values() if one.point == point), "removed")


def _access_text(stop: WatchpointHit, watch: Watch) -> str:
    text = f"hart {stop.hart} {VERBS[stop.made]} {stop.size} bytes at {stop.access:#x}"
    if watch.space is not Space.VIRTUAL:
        return text
    if not stop.ignored:
        return f"{text}, where no address bits are ignored"
    tag = stop.access >> WIDTH - stop.ignored
    return f"{text}, tag {tag:#x} in the {stop.ignored} ignored bits"
