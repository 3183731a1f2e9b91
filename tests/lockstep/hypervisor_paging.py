"""Two stages of page tables for random programs, and blocks that look through them.

A program has one G-stage (or none) and, for each privilege of a guest, a VS-stage under which its code runs at the
addresses where it is; HS- and U-mode translate nothing. The tables of the VS-stages are found at guest-physical
addresses that need not be the physical ones. Everything else is random: where windows onto the data area are, how large
their pages, and what an entry of either stage says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MSTATUS_MPP, MSTATUS_MPRV, MSTATUS_MPV, MSTATUS_MXR, MSTATUS_SUM
from emulator.hart.translation import ENVCFG_ADUE, ENVCFG_PBMTE, NAPOT_64K, PTE_A, PTE_D, PTE_N, PTE_R, PTE_U, PTE_X
from emulator.isa.table import decode
from tests.lockstep.blocks_trap import settle_traps
from tests.lockstep.handlers import csr
from tests.lockstep.hypervisor import GUESTS, HS, HU, SPVP, VTVM, M, U, enter, put
from tests.lockstep.layout import BASES, BEHIND_DEVICES, CODE, DATA, DATA_SIZE, RAM_BASE, TABLES, TABLES_SIZE, TARGETS
from tests.lockstep.operands import MASK64, is_memory, random_word
from tests.lockstep.paging import (
    LEGAL,
    NAPOT_PAGES,
    PAGE,
    PPN_SHIFT,
    PTE_G,
    READ_WRITE,
    Kinds,
    Tables,
    leaf,
    napot,
    random_entry,
    random_page,
)
from tests.lockstep.program import ATOMICS

if TYPE_CHECKING:
    from random import Random

    from emulator.isa.rows import Row
    from tests.lockstep.program import Builder

G_ROOM: Final = TABLES_SIZE // 2
"""Bytes of tables of the G-stage."""
VS_ROOM: Final = TABLES_SIZE // 4
"""Bytes of tables of each VS-stage."""
ASID_SHIFT: Final = 44
VMID_BITS: Final = 14
WINDOWS: Final = 10
JR_X5: Final = 0x0002_8067
LINK: Final = tuple(number for number in TARGETS if number not in (0, 5))
FILL: Final = PTE_A | PTE_D
EDGES: Final = (1 << 38, 1 << 47, 1 << 56)
"""The first addresses that a 39-, 48- or 57-bit scheme, or a mask, takes for negative ones."""
REACHED: Final = (1 << 56) - 1
"""Guest-physical addresses that an entry of a VS-stage can lead to."""
CACHE_FIELDS: Final = 0xF0
"""CBIE, CBCFE and CBZE of the configuration registers."""


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
    """

    guest_physical: Stage | None
    first: dict[int, Stage]
    held: list[Window] = field(default_factory=list)

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
    return Kinds(types=build.cpu.has("svpbmt"), odd=0.15, user=0.6, stale=0.25)


def begin(build: Builder) -> None:
    """A world of a random shape."""
    pick = build.random
    second = None if pick.random() < 0.15 else _guest_physical(pick)
    world = World(second, {})
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
    build.pieces.extend((stage.memory, bytes(stage.tables.data)) for stage in world.stages)
    build.world = world
    build.write_csr("hgatp", world.hgatp)
    _choose(build)


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
        pte = _lone(random_entry(pick, memory, 0, kinds(build)), 0)
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


def _lone(pte: int, level: int) -> int:
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
    elif pick.random() < 0.1:
        level, address = 0, pick.choice(EDGES) - PAGE  # sign and zero extension part here
    offset = 0 if level == 0 else DATA - (RAM_BASE & -tables.span(level))
    target = physical = DATA + pick.randrange(DATA_SIZE // PAGE) * PAGE if level == 0 else DATA
    straight = True
    behind = [window for window in second.windows if window.level == 0] if second is not None else []
    if behind and level == 0 and pick.random() < 0.6:
        window = pick.choice([window for window in behind if window.start <= REACHED] or [last or behind[0]])
        target, physical, straight = window.start, window.physical, window.straight
    pte = _lone(random_entry(pick, target - offset, level, kinds(build)), level)
    entry = tables.entry(address, level)
    if entry is None or not tables.put(address, level, pte):
        return
    size = PAGE if level == 0 else DATA_SIZE - PAGE
    straight = straight and pte >> 10 & (1 << 44) - 1 == target - offset >> 12
    start = address + offset & MASK64
    stage.windows.append(Window(start, size, target, physical, stage.physical(entry), level, pte, straight))


def _world(build: Builder) -> World:
    """The program's guest."""
    assert build.world is not None
    return build.world


def _settle(build: Builder) -> None:
    """To M-mode, where nothing is translated."""
    settle_traps(build)
    put(build, "mstatus", MSTATUS_MPRV, 0)


def _permit(build: Builder) -> None:
    """SUM and MXR of both levels, each set or clear."""
    pick = build.random
    put(build, "mstatus", MSTATUS_SUM | MSTATUS_MXR, pick.getrandbits(64) & pick.getrandbits(64))
    put(build, "vsstatus", MSTATUS_SUM | MSTATUS_MXR, pick.getrandbits(64))


def _stage(build: Builder) -> Stage | None:
    """Any VS-stage, or none: written to `vsatp`."""
    stage = build.random.choice([None, *_world(build).first.values(), *_world(build).first.values()])
    build.write_csr("vsatp", 0 if stage is None else stage.root)
    return stage


def _aim(build: Builder, stage: Stage | None) -> tuple[int, Window | None]:
    """An address in a window of a stage (the G-stage, if that is the only one); or one that is wrong, or anywhere."""
    pick = build.random
    seen = stage if stage is not None else _world(build).guest_physical
    if seen is None or not seen.windows or pick.random() < 0.1:
        return build.data_address(), None
    window = pick.choice(seen.windows)
    offset = pick.randrange(window.size)
    if pick.random() < 0.25:
        offset |= PAGE - 8
    address = window.start + offset & MASK64
    kind = pick.random()
    if kind < 0.05:
        return address ^ 1 << pick.randrange(seen.tables.bits - 1, 64), None
    if kind < 0.08:
        return pick.getrandbits(64) & (1 << seen.tables.bits) - 1 | BEHIND_DEVICES, None
    return address, window


def _probe(build: Builder, stage: Stage | None, rows: list[Row]) -> None:
    """One access."""
    pick = build.random
    row, number = pick.choice(rows), pick.choice(BASES)
    address, window = _aim(build, stage)
    stores = row.name.startswith(("s", "hsv", "f"))
    if row.extension in ATOMICS:
        address &= ~15  # `explained.MISALIGNED_ATOMICS`
    elif row.name == "cbo.zero":
        address &= ~63  # `explained.BLOCK_TVAL`
    elif pick.random() < 0.4 or window is None or not window.straight:
        address &= ~7
    if stores and address % PAGE > PAGE - 8:
        address &= ~7  # `explained.PARTIAL_STORES`
    word = random_word(pick, row) & ~(31 << 15) | number << 15
    found = decode(word)
    offset = found.imm if found is not None and not row.name.startswith("cbo") else 0
    with build.guarded():
        build.code.constant(number, build.tagged(address) - offset & MASK64)
        build.code.word(word, 4)
    build.code.constant(number, build.data_address() & ~7)


def _look(build: Builder, stage: Stage | None, rows: list[Row]) -> None:
    """Some accesses in the stage that `vsatp` has."""
    for _ in range(build.random.randrange(3, 8)):
        _probe(build, stage, rows)


def _plain(build: Builder) -> list[Row]:
    """Loads, stores, atomics, cache-block instructions."""
    return build.rows(
        fits=lambda row: (
            is_memory(row) and row.length == 4 and row.name[:2] not in ("lr", "sc", "hl", "hs") and row.name != "jalr"
        )
    )


def _guests(build: Builder) -> list[Row]:
    """HLV, HLVX and HSV."""
    return build.rows(fits=lambda row: row.name.startswith(("hlv", "hsv")))


def probes(build: Builder) -> None:
    """Accesses of a guest."""
    _settle(build)
    _permit(build)
    mode = build.random.choice(GUESTS)
    stage = build.random.choice((None, _world(build).first[mode[0]], _world(build).first[mode[0]]))
    build.enter_guest(mode[0], 0 if stage is None else stage.root)
    _look(build, stage, _plain(build))


def guest_memory(build: Builder) -> None:
    """HLV, HLVX and HSV from M-, HS- and U-mode, and from a guest, where they are not allowed."""
    pick = build.random
    _settle(build)
    _permit(build)
    put(build, "hstatus", HU | SPVP, pick.getrandbits(64) | (HU if pick.random() < 0.7 else 0))
    stage = _stage(build)
    enter(build, pick.choice((M, HS, HS, U, U)))
    _look(build, stage, _guests(build))


def borrowed(build: Builder) -> None:
    """Accesses from M-mode as a guest's, under MPRV and MPV."""
    pick = build.random
    _settle(build)
    _permit(build)
    stage = _stage(build)
    wanted = MSTATUS_MPRV | pick.choice((0, 1, 1, 3)) << 11 | (MSTATUS_MPV if pick.random() < 0.9 else 0)
    put(build, "mstatus", MSTATUS_MPRV | MSTATUS_MPV | MSTATUS_MPP, wanted)
    _look(build, stage, _plain(build))
    _settle(build)


def reserved(build: Builder) -> None:
    """LR and SC of a guest."""
    pick = build.random
    _settle(build)
    _permit(build)
    mode = pick.choice(GUESTS)
    stage = pick.choice((None, _world(build).first[mode[0]], _world(build).first[mode[0]]))
    build.enter_guest(mode[0], 0 if stage is None else stage.root)
    number = pick.choice(BASES)
    for _ in range(pick.randrange(1, 4)):
        with build.guarded():
            address, window = _aim(build, stage)
            there = window is not None and window.straight
            build.code.constant(number, build.tagged(address & ~7, 7 if there else 0))  # `explained.LOST_TAG`
            if pick.random() < 0.8:
                build.code.op(pick.choice(("lr.w", "lr.d")), rd=pick.choice(TARGETS), rs1=number, aqrl=0)
            build.code.op(pick.choice(("sc.w", "sc.d")), rd=pick.choice(TARGETS), rs1=number, rs2=7, aqrl=0)
    build.code.constant(number, build.data_address() & ~7)


def execute(build: Builder) -> None:
    """A piece of code put into the data area from M-mode and called by a guest through a window; often at its end."""
    pick = build.random
    mode = pick.choice(GUESTS)
    stage = pick.choice((None, _world(build).first[mode[0]], _world(build).first[mode[0]]))
    seen = stage if stage is not None else _world(build).guest_physical
    if seen is None or not seen.windows:
        return
    at = pick.randrange(len(seen.windows))
    window, following = seen.windows[at], seen.windows[at + 1 : at + 2]
    offset, behind = pick.randrange(window.size - 16) & ~1, window.physical
    if window.level == 0 and following and following[0].start == window.start + PAGE and pick.random() < 0.5:
        offset, behind = PAGE - 2, following[0].physical - PAGE
    _settle(build)
    for place, parcel in ((window.physical + offset, JR_X5 & 0xFFFF), (behind + offset + 2, JR_X5 >> 16)):
        build.code.constant(31, place)
        build.code.constant(30, parcel)
        build.code.op("sh", rs1=31, rs2=30, imm=0)
    build.code.op("fence.i", rd=0, rs1=0, imm=0)
    _permit(build)
    build.enter_guest(mode[0], 0 if stage is None else stage.root)
    number = pick.choice(LINK)
    with build.guarded():
        target = window.start + offset & MASK64
        build.code.constant(number, build.tagged(target) if pick.random() < 0.2 else target)
        build.code.op("jalr", rd=5, rs1=number, imm=0)


def change(build: Builder) -> None:
    """Another entry for a window of either stage, or for tables of the first, and a fence that covers it."""
    pick, world = build.random, _world(build)
    stage = pick.choice(world.stages)
    choices = [*stage.windows, *(world.held if stage is world.guest_physical else [])]
    window = pick.choice(choices) if choices else None
    if window is None or window.entry is None:
        return
    shift = 12 + 9 * window.level
    pte = _lone(random_entry(pick, window.target >> shift << shift, window.level, kinds(build)), window.level)
    window.straight = False
    _settle(build)
    build.code.constant(31, window.entry)
    build.code.constant(30, pte)
    build.code.op("sd", rs1=31, rs2=30, imm=0)
    build.code.constant(30, window.start >> 2 if stage.wide else window.start)
    build.code.constant(31, stage.identifier)
    private = stage.wide or not (pte | window.pte) & PTE_G  # a fence for one ASID does not order global entries
    window.pte = pte
    _fence(build, stage, pick.choice((0, 0, 30)), pick.choice((0, 31)) if private else 0)
    pick.choice((probes, guest_memory, borrowed))(build)


def _fence(build: Builder, stage: Stage, address: int, identifier: int) -> None:
    """A fence of a stage, from M-mode, or the sequence that does the same."""
    kind = "gvma" if stage.wide else "vvma"
    if build.cpu.has("svinval") and build.random.random() < 0.4:
        build.code.op("sfence.w.inval")
        build.code.op(f"hinval.{kind}", rs1=address, rs2=identifier)
        build.code.op("sfence.inval.ir")
    else:
        build.code.op(f"hfence.{kind}", rs1=address, rs2=identifier)


def switch(build: Builder) -> None:
    """A guest changes its own `satp`, where VTVM lets it, and fences: accesses follow under whatever there is then."""
    pick = build.random
    _settle(build)
    put(build, "hstatus", VTVM, pick.choice((0, 0, VTVM)))
    stage = _world(build).first[1]
    build.enter_guest(1)
    for _ in range(pick.randrange(1, 3)):
        with build.guarded():
            build.code.constant(31, pick.choice((stage.root, stage.root, 0, 5 << 60)))
            build.code.op("csrrw", rd=pick.choice(LINK), rs1=31, imm=csr("satp"))
            build.code.op("csrrs", rd=pick.choice(LINK), rs1=0, imm=csr("satp"))
        with build.guarded():
            build.code.op("sfence.vma", rs1=0, rs2=0)
        _look(build, stage, [row for row in _plain(build) if row.name in ("lb", "lhu", "lw", "ld")])


def configure(build: Builder) -> None:
    """Who keeps A and D at each stage, and whether there are memory types."""
    pick = build.random
    _settle(build)
    _choose(build)
    for name in ("menvcfg", "henvcfg"):
        build.code.op("csrrs", rd=pick.choice(LINK), rs1=0, imm=csr(name))
    build.code.op("hfence.gvma", rs1=0, rs2=0)
    build.code.op("hfence.vvma", rs1=0, rs2=0)


def _choose(build: Builder) -> None:
    for name in ("menvcfg", "henvcfg"):
        value = build.random.choice((0, ENVCFG_ADUE, ENVCFG_ADUE)) | build.random.choice((0, ENVCFG_PBMTE))
        build.write_csr(name, value | CACHE_FIELDS)
    build.write_csr("senvcfg", CACHE_FIELDS)


def protected_tables(build: Builder) -> None:
    """A page of tables that the PMP does not let the walk read, or not update: access faults."""
    pick, world = build.random, _world(build)
    stage = pick.choice(world.stages)
    if stage.used <= stage.needed:
        return
    page = stage.memory + pick.randrange(stage.needed, stage.used) * PAGE
    _settle(build)
    build.write_csr("pmpaddr2", page >> 2 | (PAGE >> 3) - 1)
    put(build, "pmpcfg0", 0x1F << 16, (0x18 | pick.choice((0, 1, 1, 1, 4))) << 16)
    build.code.op("hfence.gvma", rs1=0, rs2=0)
    build.code.op("hfence.vvma", rs1=0, rs2=0)
    pick.choice((probes, probes, guest_memory, borrowed))(build)
    _settle(build)
    put(build, "pmpcfg0", 0x1F << 16, 0)
    build.code.op("hfence.gvma", rs1=0, rs2=0)
    build.code.op("hfence.vvma", rs1=0, rs2=0)
