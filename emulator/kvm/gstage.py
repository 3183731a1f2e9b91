"""G-stage page tables: from guest physical to host physical addresses, as the hart's own walk reads them.

The tables lie in host memory outside every slot. Leaf entries have A and D set, as KVM's have: nothing needs to trap to
find out what a guest touched. Source: manual volume II, "Two-Stage Address Translation".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from emulator.kvm.memory import PAGE, HostMemory

V: Final = 1 << 0
R: Final = 1 << 1
W: Final = 1 << 2
X: Final = 1 << 3
U: Final = 1 << 4
A: Final = 1 << 6
D: Final = 1 << 7
READ: Final = V | R | X | U | A | D

PPN_SHIFT: Final = 10
ENTRY: Final = 8
ROOT: Final = 4 * PAGE
"""A root table is four pages, for two more bits of address than the stage above has."""

LEVELS: Final = {8: 3, 9: 4, 10: 5}
"""Levels by `hgatp.MODE`: Sv39x4, Sv48x4, Sv57x4."""
HGATP_MODE_SHIFT: Final = 60
HGATP_VMID_SHIFT: Final = 44


def address_bits(mode: int) -> int:
    """Bits of a guest physical address."""
    return 12 + 9 * LEVELS[mode] + 2


class GStage:
    """One virtual machine's tables.

    Args:
        mode: `hgatp.MODE`.
        memory: Where tables come from.
        read: Reads a 64-bit word of host physical memory.
        write: Writes one.
    """

    def __init__(
        self, mode: int, memory: HostMemory, read: Callable[[int], int], write: Callable[[int, int], None]
    ) -> None:
        self._mode = mode
        self._levels = LEVELS[mode]
        self._memory = memory
        self._read = read
        self._write = write
        self.root = self._new_table(ROOT)

    def hgatp(self, vmid: int) -> int:
        """The CSR's value for these tables."""
        return self._mode << HGATP_MODE_SHIFT | vmid << HGATP_VMID_SHIFT | self.root // PAGE

    def map(self, address: int, host: int, low: int, end: int, *, writable: bool) -> int:
        """Map the page around a guest physical address: the largest that lies within `low` to `end` on both sides.

        Args:
            address: Guest physical.
            host: Its host physical address.
            low: The first guest physical address that may be mapped with it.
            end: The first one behind those.
            writable: Whether stores go there, too.

        Returns:
            The first guest physical address behind the page.
        """
        level = self._largest(address, host, low, end)
        size = PAGE << 9 * level
        start, target = address - address % size, host - host % size
        entry = target // PAGE << PPN_SHIFT | READ | (W if writable else 0)
        self._write(self._find(start, level), entry)
        return start + size

    def unmap(self, low: int, end: int) -> None:
        """Forget every page of a range."""
        self._unmap(self.root, self._levels - 1, 0, low, end)

    def _largest(self, address: int, host: int, low: int, end: int) -> int:
        for level in range(self._levels - 1, 0, -1):
            size = PAGE << 9 * level
            start = address - address % size
            if (host - address) % size == 0 and start >= low and start + size <= end:
                return level
        return 0

    def _find(self, address: int, level: int) -> int:
        """Where the entry of a level for an address is; makes the tables above it."""
        table = self.root
        for above in range(self._levels - 1, level, -1):
            at = self._entry(table, address, above)
            entry = self._read(at)
            if not entry & V:
                entry = self._new_table(PAGE) // PAGE << PPN_SHIFT | V
                self._write(at, entry)
            table = (entry >> PPN_SHIFT) * PAGE
        return self._entry(table, address, level)

    def _entry(self, table: int, address: int, level: int) -> int:
        index = address >> 12 + 9 * level
        mask = 0x7FF if level == self._levels - 1 else 0x1FF
        return table + (index & mask) * ENTRY

    def _unmap(self, table: int, level: int, base: int, low: int, end: int) -> None:
        size = PAGE << 9 * level
        for index in range(max(low - base, 0) // size, 0x800 if level == self._levels - 1 else 0x200):
            start = base + index * size
            if start >= end:
                return
            at = table + index * ENTRY
            entry = self._read(at)
            if not entry & V:
                continue
            if entry & R:
                self._write(at, 0)
            else:
                self._unmap((entry >> PPN_SHIFT) * PAGE, level - 1, start, low, end)

    def _new_table(self, size: int) -> int:
        table = self._memory.allocate(size, size)
        for at in range(table, table + size, ENTRY):
            self._write(at, 0)
        return table
