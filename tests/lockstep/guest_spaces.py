"""Two stages of page tables for random programs: the address spaces of a guest.

A program has one G-stage (or none) and, for each privilege of a guest, a VS-stage under which its code runs at the
addresses where it is; HS-mode has a page that is all of RAM, or translates nothing, as U-mode does. The tables of the
VS-stages are found at guest-physical addresses that need not be the physical ones. Everything else is random: where
windows onto the data area are, how large their pages, and what an entry of either stage says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from emulator.hart.translation import NAPOT_64K, PTE_A, PTE_D, PTE_N, PTE_R, PTE_U, PTE_X
from tests.lockstep.layout import CODE, DATA, DATA_SIZE, HOST_TABLE, RAM_BASE, TABLES, TABLES_SIZE
from tests.lockstep.operands import MASK64
from tests.lockstep.paging import (
    EDGES,
    LEGAL,
    NAPOT_PAGES,
    PAGE,
    PPN_SHIFT,
    READ_WRITE,
    Kinds,
    Tables,
    leaf,
    napot,
    random_entry,
    random_page,
)

if TYPE_CHECKING:
    from random import Random

    from tests.lockstep.program import Builder

G_ROOM: Final = TABLES_SIZE // 2
"""Bytes of tables of the G-stage."""
VS_ROOM: Final = TABLES_SIZE // 4
"""Bytes of tables of each VS-stage."""
ASID_SHIFT: Final = 44
VMID_BITS: Final = 14
WINDOWS: Final = 10
FILL: Final = PTE_A | PTE_D
REACHED: Final = (1 << 56) - 1
"""Guest-physical addresses that an entry of a VS-stage can lead to."""


@dataclass(slots=True)
class Window:
    """Addresses of a stage of which one entry decides.

    Attributes:
        start: The first of them that leads to the data area, if the entries lead where they should.
        size: How many bytes do so.
        target: Where `start` leads in the next stage's addresses.
        physical: Where it leads in the end.
        entry: Physical address of the entry; None if there are several, all alike.
        level: Its level.
        pte: What it holds.
        straight: Whether everything that the entry leads to is there.
    """

    start: int
    size: int
    target: int
    physical: int
    entry: int | None
    level: int
    pte: int
    straight: bool


@dataclass(slots=True)
class Stage:
    """The tables of one stage, and where to look through them.

    Attributes:
        tables: Its tables.
        memory: The physical address of their first byte.
        identifier: VMID or ASID.
        wide: Whether it is the G-stage.
        windows: Where to look.
        needed: How many of its pages of tables lead to what programs cannot do without.
    """

    tables: Tables
    memory: int
    identifier: int
    wide: bool = False
    windows: list[Window] = field(default_factory=list)
    needed: int = 0

    @property
    def root(self) -> int:
        """The register's value."""
        return self.tables.root | self.identifier << ASID_SHIFT

    @property
    def used(self) -> int:
        """How many pages of tables there are."""
        return len(self.tables.data) // PAGE - self.tables.free()

    def physical(self, place: int) -> int:
        """The physical address of a place in the tables."""
        return place - self.tables.place + self.memory


@dataclass(slots=True)
class World:
    """A program's guest.

    Attributes:
        guest_physical: Its G-stage, None where `hgatp` is Bare.
        first: Its VS-stages, by privilege.
        held: G-stage windows onto the tables of the VS-stages.
        host: HS-mode's tables, which map RAM where it is.
    """

    guest_physical: Stage | None
    first: dict[int, Stage]
    held: list[Window] = field(default_factory=list)
    host: Tables = field(default_factory=lambda: Tables(3, HOST_TABLE, PAGE))

    @property
    def hgatp(self) -> int:
        """The register's value."""
        return 0 if self.guest_physical is None else self.guest_physical.root

    @property
    def stages(self) -> list[Stage]:
        """Every stage."""
        return [*self.first.values(), *([] if self.guest_physical is None else [self.guest_physical])]


def kinds(build: Builder) -> Kinds:
    """What entries are like on this hart. NAPOT pages are made by hand (see `_open`)."""
    return Kinds(types=build.cpu.has("svpbmt"), odd=0.15, user=0.6, stale=0.25, edges=0.1)


def make_world(build: Builder) -> World:
    """A world of a random shape."""
    pick = build.random
    second = None if pick.random() < 0.15 else _guest_physical(pick)
    world = World(second, {})
    world.host.put(RAM_BASE, 2, leaf(RAM_BASE, READ_WRITE | PTE_X))
    for privilege in (0, 1):
        memory = TABLES + G_ROOM + privilege * VS_ROOM
        stage = Stage(Tables(pick.choice((3, 3, 4, 5)), memory, VS_ROOM), memory, pick.getrandbits(16))
        if second is not None:
            stage.tables.place = _hold(build, world, memory, stage.tables.levels)
        _map_program(pick, stage, user=privilege == 0)
        world.first[privilege] = stage
    if second is not None:
        second.needed = second.used
    for stage in reversed(world.stages):
        for _ in range(WINDOWS):
            _open(build, stage, None if stage is second else second)
    return world


def _guest_physical(pick: Random) -> Stage:
    """A G-stage through which a guest reaches all of the program's memory."""
    stage = Stage(
        Tables(pick.choice((3, 3, 4, 5)), TABLES, G_ROOM, wide=True), TABLES, pick.getrandbits(VMID_BITS), wide=True
    )
    _map_physical(pick, stage)
    return stage


def _hold(build: Builder, world: World, memory: int, needed: int) -> int:
    """Map memory for the tables of a VS-stage in the G-stage; returns where.

    `needed` of its pages are always there, and of the others any entry may be anything.
    """
    pick, second = build.random, world.guest_physical
    assert second is not None
    elsewhere = random_page(pick, second.tables, 0, signed=False) & REACHED & -VS_ROOM
    for place in (elsewhere, memory) if pick.random() < 0.6 else (memory,):
        made = [_hold_page(build, world, place + at, memory + at, at < needed * PAGE) for at in range(0, VS_ROOM, PAGE)]
        if all(made):
            return place
    return memory  # a large page maps it already


def _hold_page(build: Builder, world: World, place: int, memory: int, needed: bool) -> bool:
    pick, second = build.random, world.guest_physical
    assert second is not None
    allows = pick.choice((READ_WRITE, READ_WRITE, READ_WRITE | PTE_X, PTE_R))  # R alone: A and D cannot be set there
    pte = leaf(memory, allows, pick.choice((FILL, FILL, PTE_A)) | PTE_U)
    if not needed and pick.random() < 0.3:
        pte = lone(random_entry(pick, memory, 0, kinds(build)), 0)
    entry = second.tables.entry(place, 0)
    if entry is None or not second.tables.put(place, 0, pte):
        return False
    if not needed:
        world.held.append(Window(place, PAGE, memory, memory, second.physical(entry), 0, pte, straight=False))
    return True


def _map_physical(pick: Random, stage: Stage) -> None:
    """All of RAM for a guest, where it is: by one large page, or handlers and code, and the data area, page by page."""
    tables = stage.tables
    if pick.random() < 0.3:
        level = pick.randrange(1, tables.levels)
        tables.put(RAM_BASE, level, leaf(RAM_BASE & -tables.span(level), READ_WRITE | PTE_X, FILL | PTE_U))
    else:
        for page in range(RAM_BASE, DATA, PAGE):
            tables.put(page, 0, leaf(page, pick.choice((PTE_X, PTE_X | PTE_R)), FILL | PTE_U))
        allows = pick.choice((*LEGAL, READ_WRITE, READ_WRITE | PTE_X))
        for page in range(DATA, DATA + DATA_SIZE, PAGE):
            tables.put(page, 0, leaf(page, allows, FILL | PTE_U))
    stage.needed = stage.used


def _map_program(pick: Random, stage: Stage, *, user: bool) -> None:
    """Handlers, code and the data area, where they are. The handlers are never a user's."""
    tables = stage.tables
    if not user and pick.random() < 0.4:
        level = pick.randrange(1, tables.levels)
        allows = pick.choice([allows for allows in LEGAL if allows & PTE_X])
        tables.put(RAM_BASE, level, leaf(RAM_BASE & -tables.span(level), allows, FILL))
    else:
        of_user = PTE_U if user else 0
        for page in range(RAM_BASE, DATA, PAGE):
            allows = pick.choice((PTE_X, PTE_X | PTE_R, PTE_X | READ_WRITE))
            tables.put(page, 0, leaf(page, allows, FILL | (of_user if page >= CODE else 0)))
        allows = pick.choice((*LEGAL, READ_WRITE, READ_WRITE))
        for page in range(DATA, DATA + DATA_SIZE, PAGE):
            tables.put(page, 0, leaf(page, allows, FILL | of_user))
    stage.needed = stage.used


def lone(pte: int, level: int) -> int:
    """An entry that is no NAPOT leaf, which would have to be sixteen."""
    legal = level == 0 and pte >> PPN_SHIFT & NAPOT_PAGES - 1 == NAPOT_64K
    return pte & ~PTE_N if legal else pte


def _open_sixteen(build: Builder, stage: Stage) -> None:
    """A window of one NAPOT leaf onto handlers, code and data, which are 64 KiB; its second half is looked through."""
    pick, tables = build.random, stage.tables
    start = random_page(pick, tables, 0, signed=not stage.wide) & -NAPOT_PAGES * PAGE
    pte = napot(random_entry(pick, RAM_BASE, 0, Kinds(types=build.cpu.has("svpbmt"), odd=0)))
    if any(tables.value(start + at * PAGE, 0) for at in range(NAPOT_PAGES)):
        return
    if all(tables.put(start + at * PAGE, 0, pte) for at in range(NAPOT_PAGES)):
        data = DATA - RAM_BASE
        stage.windows.append(Window(start + data, DATA_SIZE - PAGE, DATA, DATA, None, 0, pte, straight=True))


def _open(build: Builder, stage: Stage, second: Stage | None) -> None:
    """One more window, if there is room: often right behind the last one, and onto a window of the next stage."""
    pick, tables = build.random, stage.tables
    if build.cpu.has("svnapot") and pick.random() < 0.15:
        _open_sixteen(build, stage)
        return
    level = pick.choice((0, 0, 0, *range(tables.levels)))
    address = random_page(pick, tables, level, signed=not stage.wide)
    last = stage.windows[-1] if stage.windows else None
    if last is not None and last.level == 0 and last.entry is not None and pick.random() < 0.6:
        level, address = 0, last.start + PAGE & MASK64
    elif pick.random() < kinds(build).edges:
        level, address = 0, pick.choice(EDGES) - PAGE
    offset = 0 if level == 0 else DATA - (RAM_BASE & -tables.span(level))
    target = physical = DATA + pick.randrange(DATA_SIZE // PAGE) * PAGE if level == 0 else DATA
    straight = True
    behind = [window for window in second.windows if window.level == 0] if second is not None else []
    if behind and level == 0 and pick.random() < 0.6:
        window = pick.choice([window for window in behind if window.start <= REACHED] or [last or behind[0]])
        target, physical, straight = window.start, window.physical, window.straight
    pte = lone(random_entry(pick, target - offset, level, kinds(build)), level)
    entry = tables.entry(address, level)
    if entry is None or not tables.put(address, level, pte):
        return
    size = PAGE if level == 0 else DATA_SIZE - PAGE
    straight = straight and pte >> 10 & (1 << 44) - 1 == target - offset >> 12
    start = address + offset & MASK64
    stage.windows.append(Window(start, size, target, physical, stage.physical(entry), level, pte, straight))
