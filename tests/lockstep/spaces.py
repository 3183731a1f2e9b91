"""Address spaces of one stage: page tables under which a program can run, with windows through which it looks at data.

A program runs at the same addresses in every mode, so its code is mapped where it is: for U-mode page by page, because
the supervisor's handler must not be U-mode's; for S-mode also by a superpage of any size. Everything else is random.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from emulator.hart.translation import PTE_A, PTE_D, PTE_N, PTE_R, PTE_U, PTE_X
from tests.lockstep.layout import CODE, DATA, DATA_SIZE, RAM_BASE
from tests.lockstep.paging import (
    EDGES,
    INDEX_BITS,
    LEGAL,
    NAPOT_PAGES,
    PAGE,
    PAGE_SHIFT,
    READ_WRITE,
    Kinds,
    Tables,
    leaf,
    random_entry,
    random_page,
)

if TYPE_CHECKING:
    from random import Random

ASID_SHIFT: Final = 44
SUPERVISOR: Final = 1
POINTER_BITS: Final = (4, 5, 6, 7, 8, *range(54, 64))
"""U, G, A, D, one of software's, and all that are reserved or N or PBMT: a pointer may have G and software's."""
MOST_WINDOWS: Final = 12
TRIES: Final = 24


@dataclass(slots=True)
class Window:
    """Virtual addresses of which one entry decides.

    Attributes:
        start: The first of them that leads to the data area, if the entry leads where it should.
        size: How many bytes do so.
        physical: Where `start` leads then.
        entry: Physical address of the entry; None if there are several, all alike.
        level: Its level.
        pte: What it holds.
    """

    start: int
    size: int
    physical: int
    entry: int | None
    level: int
    pte: int


@dataclass(slots=True)
class Space:
    """An address space.

    Attributes:
        privilege: Whose code it maps.
        tables: Its tables.
        asid: Its identifier.
        first_free: The first table that neither handlers nor code nor plain data need.
        windows: Where to look through it.
    """

    privilege: int
    tables: Tables
    asid: int
    first_free: int = 0
    windows: list[Window] = field(default_factory=list)

    @property
    def satp(self) -> int:
        """The register's value."""
        return self.tables.root | self.asid << ASID_SHIFT


def make_space(pick: Random, privilege: int, tables: Tables, asid: int, kinds: Kinds) -> Space:
    """A space in empty tables."""
    space = Space(privilege, tables, asid)
    _map_program(pick, space)
    space.first_free = len(tables.data) // PAGE - tables.free()
    for _ in range(TRIES):
        if len(space.windows) < MOST_WINDOWS:
            _open_window(pick, space, kinds)
    pointed = [window for window in space.windows if window.level < tables.levels - 1]
    if pointed and pick.random() < 0.6:
        window = pick.choice(pointed)
        level = pick.randrange(window.level, tables.levels - 1) + 1
        tables.spoil(window.start, level, 1 << pick.choice(POINTER_BITS), space.first_free)
    return space


def _map_program(pick: Random, space: Space) -> None:
    """Handlers, code and the data area, where they are.

    All pages of data have the same permissions, A and D: a store that crosses from one to the next must not fault
    half-way (`explained.PARTIAL_STORES`).
    """
    tables = space.tables
    if space.privilege == SUPERVISOR and pick.random() < 0.6:
        level = pick.randrange(1, tables.levels)
        allows = pick.choice([allows for allows in LEGAL if allows & PTE_X])
        tables.put(RAM_BASE, level, leaf(RAM_BASE & -tables.span(level), allows))
        return
    user = PTE_U if space.privilege != SUPERVISOR else 0
    for page in range(RAM_BASE, DATA, PAGE):
        allows = pick.choice((PTE_X, PTE_X | PTE_R, PTE_X | READ_WRITE))
        tables.put(page, 0, leaf(page, allows, PTE_A | PTE_D | (user if page >= CODE else 0)))
    allows = pick.choice((*LEGAL, READ_WRITE, READ_WRITE))
    more = PTE_A | PTE_D | (user if pick.random() < 0.9 else user ^ PTE_U)
    pages = list(range(DATA, DATA + DATA_SIZE, PAGE))
    targets = pick.sample(pages, len(pages)) if pick.random() < 0.4 else pages
    for page, target in zip(pages, targets, strict=True):
        tables.put(page, 0, leaf(target, allows, more))


def _open_window(pick: Random, space: Space, kinds: Kinds) -> None:
    """One more window, if there is room: often right behind the last one."""
    tables = space.tables
    level = pick.choice((0, 0, 0, *range(tables.levels)))
    address = random_page(pick, tables, level, signed=True)
    last = space.windows[-1] if space.windows else None
    if last is not None and last.level == 0 and last.entry is not None and pick.random() < 0.6:
        level, address = 0, last.start + PAGE & (1 << 64) - 1
    elif pick.random() < kinds.edges:
        level, address = 0, pick.choice(EDGES) - PAGE
    physical = DATA + pick.randrange(DATA_SIZE // PAGE) * PAGE if level == 0 else RAM_BASE & -tables.span(level)
    pte = random_entry(pick, physical, level, kinds)
    if level == 0 and pte & PTE_N and kinds.napot:
        _open_sixteen(space, address, pte)
        return
    if not tables.put(address, level, pte):
        return
    offset = 0 if level == 0 else DATA - physical
    size = PAGE if level == 0 else DATA_SIZE - PAGE
    start = address + offset & (1 << 64) - 1
    space.windows.append(Window(start, size, physical + offset, tables.entry(address, level), level, pte))


def _open_sixteen(space: Space, address: int, pte: int) -> None:
    """A window onto handlers, code and data, which are 64 KiB; only its second half, which is data, is looked through.

    An entry that is not a proper NAPOT leaf goes into all sixteen places too.
    """
    start = address & -NAPOT_PAGES * PAGE
    if not any(space.tables.value(start + at * PAGE, 0) for at in range(NAPOT_PAGES)):
        placed = [space.tables.put(start + at * PAGE, 0, pte) for at in range(NAPOT_PAGES)]
        if all(placed):
            code = DATA - RAM_BASE
            space.windows.append(Window(start + code, DATA_SIZE - PAGE, DATA, None, 0, pte))


def replacement(pick: Random, window: Window, kinds: Kinds) -> int:
    """Another entry for a window; it leads to the same place, and is no NAPOT leaf."""
    span = 1 << PAGE_SHIFT + INDEX_BITS * window.level
    physical = window.physical if window.level == 0 else RAM_BASE & -span
    return random_entry(pick, physical, window.level, kinds) & ~PTE_N
