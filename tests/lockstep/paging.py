"""Page tables for random programs, of one stage each: the only one, a guest's, or a G-stage.

`Tables` is memory that fills up with tables as entries are put into it. It is told at which address the walker finds
that memory (for the tables of a guest, a guest-physical one), how many levels there are, and whether the root is the
wide one of a G-stage. It checks nothing: what an entry says is the caller's choice, and `random_entry` makes entries of
every kind, also of those that the manual forbids (volume II, "Virtual Address Translation Process", "Svnapot",
"Svpbmt").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from emulator.hart.translation import (
    NAPOT_64K,
    PTE_A,
    PTE_D,
    PTE_N,
    PTE_R,
    PTE_SIZE,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
    SATP_MODE,
    SV39,
)
from tests.lockstep.layout import BEHIND_DEVICES

if TYPE_CHECKING:
    from random import Random

PAGE: Final = 0x1000
PAGE_SHIFT: Final = 12
INDEX_BITS: Final = 9
FEWEST: Final = 3
"""Levels of Sv39."""

PTE_G: Final = 1 << 5
PPN_SHIFT: Final = 10
SOFTWARE_SHIFT: Final = 8
RESERVED_SHIFT: Final = 54
TYPE_SHIFT: Final = 61
"""Where the memory type of Svpbmt lies."""
NAPOT_PAGES: Final = 16

EDGES: Final = (1 << 38, 1 << 47, 1 << 56)
"""The first addresses that a 39-, 48- or 57-bit scheme, or a mask, takes for negative ones."""
READ_WRITE: Final = PTE_R | PTE_W
LEGAL: Final = (PTE_R, READ_WRITE, PTE_X, PTE_R | PTE_X, READ_WRITE | PTE_X)
"""What a leaf may allow."""


class Tables:
    """Page tables in a piece of memory that the root begins.

    Args:
        levels: 3, 4 or 5.
        place: The address at which the walker finds the memory; aligned to 16 KiB if the root is wide, else to 4 KiB.
        size: Bytes of memory.
        wide: Whether the root has 2,048 entries, as that of a G-stage has.

    Attributes:
        levels: As given.
        place: As given.
        data: The memory's content.
    """

    def __init__(self, levels: int, place: int, size: int, *, wide: bool = False) -> None:
        self.levels = levels
        self.place = place
        self.data = bytearray(size)
        self._wide = wide
        self._used = PAGE * (4 if wide else 1)

    @property
    def root(self) -> int:
        """`satp`, `vsatp` or `hgatp` without an identifier: the mode and the root's page number."""
        return SV39 + self.levels - FEWEST << SATP_MODE | self.place >> PAGE_SHIFT

    @property
    def bits(self) -> int:
        """Width of the addresses that are translated."""
        return PAGE_SHIFT + INDEX_BITS * self.levels + 2 * self._wide

    def span(self, level: int) -> int:
        """Bytes that an entry of a level maps; level 0 has the pages of 4 KiB."""
        return 1 << PAGE_SHIFT + INDEX_BITS * level

    def free(self) -> int:
        """How many more tables there is room for."""
        return (len(self.data) - self._used) // PAGE

    def entry(self, address: int, level: int) -> int | None:
        """The place of the entry for an address at a level, as the walker sees it; makes the tables on the way.

        None if a leaf, or an entry that leads out of this memory, is in the way, or if there is no more room.
        """
        table = 0
        for above in range(self.levels - 1, level, -1):
            at = table + self._index(address, above)
            pte = self._read(at)
            if pte == 0:
                if self.free() == 0:
                    return None
                pte = self.place + self._used >> PAGE_SHIFT << PPN_SHIFT | PTE_V
                self._used += PAGE
                self._write(at, pte)
            table = (pte >> PPN_SHIFT << PAGE_SHIFT) - self.place
            if pte & (READ_WRITE | PTE_X | PTE_V) != PTE_V or not 0 < table < self._used:
                return None
        return self.place + table + self._index(address, level)

    def put(self, address: int, level: int, pte: int) -> bool:
        """Put an entry at a level for the addresses around one; tells whether that was possible, and nothing there."""
        at = self.entry(address, level)
        if at is None or self._read(at - self.place):
            return False
        self._write(at - self.place, pte)
        return True

    def spoil(self, address: int, level: int, bits: int, beyond: int = 0) -> bool:
        """Set bits in the pointer for an address at a level, if it leads to a table that is not among the first ones.

        Args:
            address: Any address that the pointer is for.
            level: The pointer's level, at least 1.
            bits: What is set.
            beyond: How many tables, the root included, keep the pointers to them as they are.
        """
        at = self.entry(address, level)
        pte = 0 if at is None else self._read(at - self.place)
        table = (pte >> PPN_SHIFT << PAGE_SHIFT) - self.place
        if at is None or pte & (READ_WRITE | PTE_X | PTE_V) != PTE_V or not beyond * PAGE <= table < self._used:
            return False
        self._write(at - self.place, pte | bits)
        return True

    def value(self, address: int, level: int) -> int:
        """The entry for an address at a level, 0 if there is none."""
        at = self.entry(address, level)
        return 0 if at is None else self._read(at - self.place)

    def _index(self, address: int, level: int) -> int:
        wide = 2 if self._wide and level == self.levels - 1 else 0
        index = address >> PAGE_SHIFT + INDEX_BITS * level & (1 << INDEX_BITS + wide) - 1
        return index * PTE_SIZE

    def _read(self, at: int) -> int:
        return int.from_bytes(self.data[at : at + PTE_SIZE], "little")

    def _write(self, at: int, pte: int) -> None:
        self.data[at : at + PTE_SIZE] = pte.to_bytes(PTE_SIZE, "little")


def random_page(pick: Random, tables: Tables, level: int, *, signed: bool) -> int:
    """An address at which a page of a level begins: `signed` extends the sign, as virtual addresses have it.

    It is none of those where Spike has devices, in case that a large page of another space maps it to itself.
    """
    address = pick.getrandbits(tables.bits) & -tables.span(level)
    if pick.random() < 0.5:
        address &= (1 << tables.bits - INDEX_BITS) - 1  # share tables with others, of which there are not many
    if tables.span(level) <= BEHIND_DEVICES:
        address |= BEHIND_DEVICES
    if signed and address >> tables.bits - 1:
        address |= -1 << tables.bits & (1 << 64) - 1
    return address


def leaf(physical: int, allows: int, more: int = PTE_A | PTE_D) -> int:
    """A leaf that maps an address's page: `allows` are R, W, X, and `more` whatever else it has."""
    return physical >> PAGE_SHIFT << PPN_SHIFT | allows | more | PTE_V


@dataclass(frozen=True, slots=True)
class Kinds:
    """What random entries are like.

    Attributes:
        user: How often U is set.
        stale: How often A, and D, is clear.
        odd: How often something is wrong or special with an entry.
        napot: Whether NAPOT pages are among the special ones, besides what the manual reserves.
        types: Whether memory types are.
        outside: Physical addresses where there is nothing.
        edges: How often a page is the last one before `EDGES`.
    """

    user: float = 0.5
    stale: float = 0.15
    odd: float = 0.25
    napot: bool = False
    types: bool = False
    outside: tuple[int, ...] = (0x4000_0000,)
    edges: float = 0


def random_entry(pick: Random, physical: int, level: int, kinds: Kinds) -> int:
    """A leaf for a page that begins at a physical address; or, now and then, something else."""
    pte = leaf(
        physical,
        pick.choice((*LEGAL, READ_WRITE, READ_WRITE | PTE_X, READ_WRITE | PTE_X)),
        pick.getrandbits(2) << SOFTWARE_SHIFT,
    )
    for bit, often in ((PTE_U, kinds.user), (PTE_G, 0.3), (PTE_A, 1 - kinds.stale), (PTE_D, 1 - kinds.stale)):
        pte |= bit * (pick.random() < often)
    if kinds.types and pick.random() < 0.4:
        pte |= pick.choice((1, 1, 2, 2, 3)) << TYPE_SHIFT
    if kinds.napot and level == 0 and pick.random() < 0.4:
        pte = napot(pte) if pick.random() < 0.8 else pte | PTE_N
    return _odd(pick, pte, level, kinds) if pick.random() < kinds.odd else pte


def napot(pte: int) -> int:
    """The same leaf for the 64 KiB around its page; it goes into the sixteen entries of these."""
    return pte & ~(NAPOT_PAGES - 1 << PPN_SHIFT) | NAPOT_64K << PPN_SHIFT | PTE_N


def _odd(pick: Random, pte: int, level: int, kinds: Kinds) -> int:
    """The same entry with something wrong or unusual about it."""
    kind = 3 if level and pick.random() < 0.3 else pick.randrange(9)
    if kind == 0:
        return pte & ~PTE_V
    if kind == 1:
        return pte & ~PTE_R | PTE_W  # reserved
    if kind == 2:
        return pte | 1 << pick.randrange(RESERVED_SHIFT, TYPE_SHIFT)
    if kind == 3 and level:
        return pte | pick.getrandbits(INDEX_BITS * level) << PPN_SHIFT  # a misaligned superpage
    if kind in (4, 5):
        outside = pick.choice(kinds.outside) >> PAGE_SHIFT << PPN_SHIFT
        pte = pte & ((1 << PPN_SHIFT) - 1) | outside
        # A pointer, at level 0 too, or with bits that pointers must not have.
        return pte if kind == 5 else pte & ~(READ_WRITE | PTE_X | pick.choice((0, PTE_A | PTE_D | PTE_U)))
    if kind == 6:
        return pte | pick.randrange(1, 4) << TYPE_SHIFT
    if kind == 7:
        return pte | PTE_N
    return pick.getrandbits(64) & ~(PTE_V if pick.random() < 0.5 else 0) | pick.getrandbits(5) << RESERVED_SHIFT
