"""Blocks about address translation: accesses through windows (see `spaces`), and everything that changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MSTATUS_MPRV, MSTATUS_MXR, MSTATUS_SUM, MSTATUS_TVM
from emulator.hart.translation import ENVCFG_ADUE, ENVCFG_PBMTE, PTE_N, SATP_MODE, SATP_PPN
from emulator.isa.table import decode
from tests.lockstep.blocks_trap import MACHINE, SUPERVISOR, USER, settle_traps
from tests.lockstep.handlers import MPP, csr
from tests.lockstep.layout import (
    BASES,
    BEHIND_DEVICES,
    DATA,
    DATA_SIZE,
    RAM_BASE,
    RAM_END,
    TABLES,
    TABLES_SIZE,
    TARGETS,
)
from tests.lockstep.operands import is_memory, random_word
from tests.lockstep.paging import PAGE, PAGE_SHIFT, PPN_SHIFT, PTE_G, Kinds, Tables
from tests.lockstep.program import ATOMICS
from tests.lockstep.spaces import ASID_SHIFT, Space, Window, make_space, replacement

if TYPE_CHECKING:
    from emulator.isa.rows import Row
    from tests.lockstep.program import Block, Builder

PRIVILEGES: Final = (SUPERVISOR, SUPERVISOR, USER)
"""Whose spaces a program has."""
ROOM: Final = TABLES_SIZE // len(PRIVILEGES) & -PAGE
CACHE_FIELDS: Final = 0xF0
"""CBIE, CBCFE and CBZE of the configuration registers."""
JR_X5: Final = 0x0002_8067
RETURN: Final = 5
LINK: Final = tuple(number for number in TARGETS if number not in (0, RETURN))
BARE_MODES: Final = tuple(mode for mode in range(16) if mode not in (0, 8, 9, 10))


def begin(*levels: int) -> Block:
    """Spaces of page tables with these numbers of levels, and A and D kept by software at first."""

    def block(build: Builder) -> None:
        pick = build.random
        asids = pick.sample(range(1 << 16), len(PRIVILEGES))
        for number, (privilege, asid) in enumerate(zip(PRIVILEGES, asids, strict=True)):
            tables = Tables(pick.choice(levels), TABLES + number * ROOM, ROOM)
            space = make_space(pick, privilege, tables, asid, kinds(build, privilege))
            build.spaces.append(space)
            build.pieces.append((tables.place, bytes(tables.data)))
        build.write_csr("menvcfg", 0)

    return block


def kinds(build: Builder, privilege: int) -> Kinds:
    """What entries are like on this hart, in a space of a privilege: often such that this privilege may use them."""
    user = 0.8 if privilege == USER else 0.3
    napot, types = build.cpu.has("svnapot"), build.cpu.has("svpbmt")
    return Kinds(user=user, stale=0.1, odd=0.2, napot=napot, types=types, edges=0.15 if build.masks else 0)


def _settle(build: Builder) -> None:
    """To M-mode, where nothing is translated."""
    settle_traps(build)
    build.code.constant(31, MSTATUS_MPRV | MSTATUS_TVM)
    build.code.op("csrrc", rd=0, rs1=31, imm=csr("mstatus"))


def _status(build: Builder, *fields: int) -> None:
    """Each of some fields of `mstatus` set or clear."""
    value = sum(field for field in fields if build.random.random() < 0.5)
    build.code.constant(31, sum(fields))
    build.code.op("csrrc", rd=0, rs1=31, imm=csr("mstatus"))
    build.code.constant(31, value)
    build.code.op("csrrs", rd=0, rs1=31, imm=csr("mstatus"))


def _enter(build: Builder, privilege: int) -> Space:
    """From M-mode into a space; returns which."""
    space = build.random.choice([space for space in build.spaces if space.privilege == privilege])
    build.enter(privilege, space)
    return space


def configure(build: Builder) -> None:
    """Who keeps A and D, whether there are memory types, and which cache-block instructions are allowed."""
    pick = build.random
    _settle(build)
    build.write_csr("menvcfg", pick.choice((0, ENVCFG_ADUE)) | pick.choice((0, ENVCFG_PBMTE)) | CACHE_FIELDS)
    build.write_csr("senvcfg", CACHE_FIELDS)
    build.code.op("csrrs", rd=pick.choice(LINK), rs1=0, imm=csr("menvcfg"))
    build.code.op("sfence.vma", rs1=0, rs2=0)
    _status(build, MSTATUS_SUM, MSTATUS_MXR)
    _enter(build, pick.choice((USER, SUPERVISOR)))


def _aim(build: Builder, space: Space) -> tuple[int, Window]:
    """A virtual address in a window, or one that is not canonical, or anywhere."""
    pick = build.random
    window = pick.choice(space.windows)
    offset = pick.randrange(window.size)
    if pick.random() < 0.25:
        offset |= PAGE - 8
    kind = pick.random()
    if kind < 0.05:
        return (window.start + offset) ^ 1 << pick.randrange(space.tables.bits - 1, 64), window
    if kind < 0.08:
        return pick.getrandbits(64) & (1 << space.tables.bits - 1) - 1 | BEHIND_DEVICES, window
    return window.start + offset & (1 << 64) - 1, window


def _probing_rows(build: Builder) -> list[Row]:
    return build.rows(
        fits=lambda row: is_memory(row) and row.length == 4 and row.name[:2] not in ("lr", "sc") and row.name != "jalr"
    )


def _leads_nowhere(window: Window) -> bool:
    """Whether an entry leads to where there is no memory: nothing begins there and ends in another page.

    See `explained.SECOND_PAGE`.
    """
    return not RAM_BASE <= (window.pte >> PPN_SHIFT & SATP_PPN) << PAGE_SHIFT < RAM_END and window.level == 0


def _crosses(address: int, row: Row) -> bool:
    """Whether a plain store may reach into another page."""
    return row.name in ("sh", "sw", "sd", "fsw", "fsd", "fsh") and address % PAGE > PAGE - 8


def _probe(build: Builder, space: Space, rows: list[Row]) -> tuple[int, Window] | None:
    """One access in a space. Returns address and window of a store that may have left half of its bytes."""
    pick = build.random
    row, number = pick.choice(rows), pick.choice(BASES)
    address, window = _aim(build, space)
    if row.extension in ATOMICS and "misaligned" not in build.cpu.missing:
        address &= ~15  # `explained.MISALIGNED_ATOMICS`
    elif row.name == "cbo.zero":
        address &= ~63  # `explained.BLOCK_TVAL`
    elif pick.random() < 0.4 or _leads_nowhere(window):
        address &= ~7
    word = random_word(pick, row) & ~(31 << 15) | number << 15
    found = decode(word)
    offset = found.imm if found is not None and not row.name.startswith("cbo") else 0
    with build.guarded():
        build.code.constant(number, build.tagged(address) - offset & (1 << 64) - 1)
        build.code.word(word, 4)
    build.code.constant(number, build.data_address() & ~7)
    return (address, window) if _crosses(address, row) else None


def _mend(build: Builder, halves: list[tuple[int, Window]]) -> None:
    """Store anew, from M-mode, the ends of pages where a store may have been made by half (`PARTIAL_STORES`)."""
    if not halves:
        return
    _settle(build)
    for address, window in halves:
        physical = window.physical + (address - window.start & -PAGE)
        if DATA <= physical < DATA + DATA_SIZE:
            build.code.constant(31, physical + PAGE - 8)
            build.code.op("sd", rs1=31, rs2=build.random.choice(LINK), imm=0)


def probes(build: Builder) -> None:
    """Loads, stores, atomics and cache-block instructions through windows, each on its own."""
    pick = build.random
    _settle(build)
    _status(build, MSTATUS_SUM, MSTATUS_MXR)
    _look(build, _enter(build, pick.choice((USER, SUPERVISOR))))


def _look(build: Builder, space: Space) -> None:
    """Some accesses in the space that the hart is in."""
    rows = _probing_rows(build)
    some = [_probe(build, space, rows) for _ in range(build.random.randrange(3, 9))]
    _mend(build, [half for half in some if half is not None])


def borrowed(build: Builder) -> None:
    """The same from M-mode under MPRV, with any MPP."""
    pick = build.random
    _settle(build)
    space = pick.choice(build.spaces)
    build.write_csr("satp", space.satp)
    _status(build, MSTATUS_SUM, MSTATUS_MXR)
    build.code.constant(31, MPP)
    build.code.op("csrrc", rd=0, rs1=31, imm=csr("mstatus"))
    build.code.constant(31, MSTATUS_MPRV | pick.choice((USER, SUPERVISOR, SUPERVISOR, MACHINE)) << 11)
    build.code.op("csrrs", rd=0, rs1=31, imm=csr("mstatus"))
    _look(build, space)
    _settle(build)
    _enter(build, pick.choice((USER, SUPERVISOR)))


def reserved(build: Builder) -> None:
    """LR and SC through a window."""
    pick = build.random
    _settle(build)
    _status(build, MSTATUS_SUM, MSTATUS_MXR)
    space = _enter(build, pick.choice((USER, SUPERVISOR)))
    for _ in range(pick.randrange(1, 4)):
        number = pick.choice(BASES)
        with build.guarded():
            address, window = _aim(build, space)
            build.code.constant(number, build.tagged(address & ~7, 0 if _leads_nowhere(window) else 7))
            if pick.random() < 0.8:
                build.code.op(pick.choice(("lr.w", "lr.d")), rd=pick.choice(TARGETS), rs1=number, aqrl=0)
            build.code.op(pick.choice(("sc.w", "sc.d")), rd=pick.choice(TARGETS), rs1=number, rs2=7, aqrl=0)
        build.code.constant(number, build.data_address() & ~7)


def execute(build: Builder) -> None:
    """A piece of code put into the data area from M-mode and called through a window; often across its end."""
    pick = build.random
    space = pick.choice(build.spaces)
    at = pick.randrange(len(space.windows))
    window = space.windows[at]
    offset = pick.randrange(window.size - 16) & ~1
    places = [window.physical + offset, window.physical + offset + 2]
    if window.level == 0 and window.entry is not None and pick.random() < 0.5:
        offset = PAGE - 2
        following = space.windows[at + 1 : at + 2]
        adjacent = bool(following) and following[0].start == window.start + PAGE
        places = [window.physical + offset, following[0].physical if adjacent else DATA]
    _settle(build)
    parcels = (JR_X5 & 0xFFFF, JR_X5 >> 16)
    for place, parcel in zip(places, parcels, strict=True):
        build.code.constant(31, place)
        build.code.constant(30, parcel)
        build.code.op("sh", rs1=31, rs2=30, imm=0)
    build.code.op("fence.i", rd=0, rs1=0, imm=0)
    _status(build, MSTATUS_SUM, MSTATUS_MXR)
    build.enter(space.privilege, space)
    number = pick.choice(LINK)
    with build.guarded():
        build.code.constant(number, window.start + offset & (1 << 64) - 1)
        build.code.op("jalr", rd=RETURN, rs1=number, imm=0)


def change(build: Builder) -> None:
    """Another entry for a window, written by M-mode, and a fence that covers it: a wide one, or just wide enough."""
    pick = build.random
    space = pick.choice(build.spaces)
    choices = [window for window in space.windows if window.entry is not None and not window.pte & PTE_N]
    if not choices:
        return
    window = pick.choice(choices)
    pte = replacement(pick, window, kinds(build, space.privilege))
    private = not (pte | window.pte) & PTE_G  # a fence for one ASID does not order global entries
    window.pte = pte
    _settle(build)
    build.code.constant(31, window.entry or 0)
    build.code.constant(30, pte)
    build.code.op("sd", rs1=31, rs2=30, imm=0)
    build.code.constant(30, window.start + pick.randrange(window.size) & (1 << 64) - 1)
    build.code.constant(31, space.asid)
    address = pick.choice((0, 30))
    _fence(build, address, 31 if private and pick.random() < 0.5 else 0)
    build.enter(space.privilege, space)
    _look(build, space)


def _fence(build: Builder, address: int, asid: int) -> None:
    """SFENCE.VMA, or the sequence that does the same."""
    if build.cpu.has("svinval") and build.random.random() < 0.5:
        build.code.op("sfence.w.inval")
        build.code.op("sinval.vma", rs1=address, rs2=asid)
        build.code.op("sfence.inval.ir")
    else:
        build.code.op("sfence.vma", rs1=address, rs2=asid)


def switch(build: Builder) -> None:
    """`satp` written by S-mode, to another space or to Bare and back; illegal under TVM, as the fences are."""
    pick = build.random
    _settle(build)
    _status(build, MSTATUS_TVM)
    _enter(build, SUPERVISOR)
    for _ in range(pick.randrange(1, 3)):
        space = pick.choice([space for space in build.spaces if space.privilege == SUPERVISOR])
        value = pick.choice((space.satp, space.satp, 0))
        with build.guarded():
            build.code.constant(31, value)
            build.code.op("csrrw", rd=pick.choice(LINK), rs1=31, imm=csr("satp"))
            build.code.op("csrrs", rd=pick.choice(LINK), rs1=0, imm=csr("satp"))
        _look_around(build, space)


def _look_around(build: Builder, space: Space) -> None:
    """Loads only, in S-mode and in what space the hart is in: perhaps not this one."""
    rows = [row for row in build.rows("i", fits=is_memory) if row.name in ("lb", "lhu", "lw", "ld")]
    for _ in range(build.random.randrange(1, 4)):
        _probe(build, space, rows)


def fences(build: Builder) -> None:
    """SFENCE.VMA and the instructions of Svinval, and `satp`, where they are allowed and where not."""
    pick = build.random
    _settle(build)
    _status(build, MSTATUS_TVM)
    build.enter(pick.choice((USER, SUPERVISOR, MACHINE)))
    names = ["sfence.vma", *("sfence.w.inval", "sinval.vma", "sfence.inval.ir") * build.cpu.has("svinval")]
    for _ in range(pick.randrange(1, 5)):
        with build.guarded():
            name = pick.choice(names)
            places = {"rs1": pick.randrange(32), "rs2": pick.randrange(32)} if name.endswith("vma") else {}
            build.code.op(name, **places)
    with build.guarded():
        build.code.op("csrrs", rd=pick.choice(LINK), rs1=0, imm=csr("satp"))


def registers(build: Builder) -> None:
    """`satp` written by M-mode: every mode, also those that there are not, and any ASID and page number."""
    pick = build.random
    _settle(build)
    for _ in range(pick.randrange(1, 4)):
        space = pick.choice(build.spaces)
        mode = pick.choice((space.tables.root >> SATP_MODE, *BARE_MODES))
        value = mode << SATP_MODE | pick.getrandbits(16) << ASID_SHIFT | pick.getrandbits(44) & SATP_PPN
        build.code.constant(31, value)
        build.code.op("csrrw", rd=pick.choice(LINK), rs1=31, imm=csr("satp"))
        build.code.op("csrrs", rd=pick.choice(LINK), rs1=0, imm=csr("satp"))
    _enter(build, pick.choice((USER, SUPERVISOR)))


def protected_tables(build: Builder) -> None:
    """A page of tables that the PMP does not let the walk read, or not update: access faults."""
    pick = build.random
    space = pick.choice(build.spaces)
    more = range(space.first_free, len(space.tables.data) // PAGE - space.tables.free())
    if not more:
        return
    page = space.tables.place + pick.choice(more) * PAGE
    _settle(build)
    build.write_csr("pmpaddr2", page >> 2 | (PAGE >> 3) - 1)
    build.code.constant(31, 0x1F << 16)
    build.code.op("csrrc", rd=0, rs1=31, imm=csr("pmpcfg0"))
    build.code.constant(31, (0x18 | pick.choice((0, 1, 1, 1, 4))) << 16)
    build.code.op("csrrs", rd=0, rs1=31, imm=csr("pmpcfg0"))
    build.code.op("sfence.vma", rs1=0, rs2=0)
    build.enter(space.privilege, space)
    _look(build, space)
    _settle(build)
    build.code.constant(31, 0x1F << 16)
    build.code.op("csrrc", rd=0, rs1=31, imm=csr("pmpcfg0"))
    build.code.op("sfence.vma", rs1=0, rs2=0)
    _enter(build, pick.choice((USER, SUPERVISOR)))
