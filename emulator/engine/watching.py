"""Watchpoints as the engines take them: ranges of effective addresses."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from emulator.hart.access import LOAD, STORE
from emulator.stops import WatchKind

KINDS = {WatchKind.WRITE: STORE, WatchKind.READ: LOAD, WatchKind.ACCESS: LOAD | STORE}


@dataclass(frozen=True, slots=True)
class Watch:
    """A watchpoint.

    Attributes:
        kind: The accesses it stops at.
        address: Its first byte.
        length: How many bytes.
    """

    kind: WatchKind
    address: int
    length: int

    @property
    def end(self) -> int:
        """The byte behind the last."""
        return self.address + self.length

    def covers(self, address: int, size: int, access: int) -> bool:
        """Whether an access of kind `access` to `size` bytes at `address` is to be stopped."""
        return bool(KINDS[self.kind] & access) and self.address < address + size and address < self.end


def watch_table(watches: Sequence[Watch]) -> array[int]:
    """The table that compiled code walks: first byte, last byte, kinds, index."""
    table = array("Q")
    for index, watch in enumerate(watches):
        table.extend((watch.address, min(watch.end, 1 << 64) - 1, KINDS[watch.kind], index))
    return table or array("Q", [0])
