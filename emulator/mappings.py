"""All pages that a mode's first stage maps, in order of address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from emulator.explain import Walk, first_walk
from emulator.hart.layouts import PTE

if TYPE_CHECKING:
    from emulator.witness import Witness

ENTRIES: Final = 512
MASK64: Final = (1 << 64) - 1

_BITS: Final = {one.name: one for one in PTE}


@dataclass(frozen=True, slots=True)
class Mapped:
    """A span of addresses whose pages follow each other and allow the same.

    Attributes:
        virtual: Its first address.
        physical: Where that leads: a guest-physical address for a guest.
        size: Bytes.
        bits: `rwxugad` of its entries, a dash for each that is 0.
    """

    virtual: int
    physical: int
    size: int
    bits: str


def _page(pte: int, virtual: int, level: int) -> Mapped:
    span = 1 << 12 + 9 * level
    base = _BITS["PPN"].of(pte) << 12
    if _BITS["N"].of(pte):  # 64 KiB in sixteen entries, of which each holds the size where its own place would be
        base = base & ~0xFFFF | virtual & 0xF000
    bits = "".join(name.lower() if _BITS[name].of(pte) else "-" for name in "RWXUGAD")
    return Mapped(virtual, base, span, bits)


def _pages(witness: Witness, mode: int, prefix: int, walk: Walk, level: int) -> Iterator[Mapped]:
    """The pages below a table, which the walk of the lowest address under it went through."""
    place = next((entry.place for entry in walk.entries if entry.level == level), None)
    if place is None:
        return
    shift = 12 + 9 * level
    top = level == walk.entries[0].level
    for index in range(ENTRIES):
        pte = witness.load_physical((place & ~0xFFF) + 8 * index, 8)
        if not _BITS["V"].of(pte):
            continue
        virtual = prefix | index << shift
        if top and index >= ENTRIES // 2:
            virtual |= MASK64 & ~((1 << shift + 9) - 1)
        if any(_BITS[name].of(pte) for name in "RWX"):
            yield _page(pte, virtual, level)
        elif level and (below := first_walk(witness, virtual, mode)) is not None:
            yield from _pages(witness, mode, virtual, below, level - 1)


def mappings(witness: Witness, mode: int) -> Iterator[Mapped]:
    """What the tables of a mode map, neighbours joined; nothing where it has no tables.

    The tables are found by the hart's own walk; a page is told by its entry as it stands, whether or not the hart would
    let anybody use it.
    """
    walk = first_walk(witness, 0, mode)
    if walk is None or not walk.entries:
        return
    last: Mapped | None = None
    for page in _pages(witness, mode, 0, walk, walk.entries[0].level):
        if last is not None and _follows(last, page):
            last = Mapped(last.virtual, last.physical, last.size + page.size, last.bits)
        else:
            if last is not None:
                yield last
            last = page
    if last is not None:
        yield last


def _follows(last: Mapped, page: Mapped) -> bool:
    """Whether a page goes on where a span ends."""
    ends = (last.virtual + last.size, last.physical + last.size, last.bits)
    return ends == (page.virtual, page.physical, page.bits)
