"""Blocks that look through two stages of page tables (`guest_spaces`), and that change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import (
    HSTATUS_HU,
    HSTATUS_SPVP,
    HSTATUS_VTVM,
    MSTATUS_MPP,
    MSTATUS_MPRV,
    MSTATUS_MPV,
    MSTATUS_MXR,
    MSTATUS_SUM,
)
from emulator.hart.translation import ENVCFG_ADUE, ENVCFG_PBMTE
from emulator.isa.table import decode
from tests.lockstep.blocks_trap import settle_traps
from tests.lockstep.guest_spaces import kinds, lone, make_world
from tests.lockstep.handlers import csr
from tests.lockstep.hypervisor import GUESTS, HS, M, U, enter, put
from tests.lockstep.layout import BASES, BEHIND_DEVICES, TARGETS
from tests.lockstep.operands import MASK64, is_memory, random_word
from tests.lockstep.paging import PAGE, PTE_G, random_entry
from tests.lockstep.program import ATOMICS

if TYPE_CHECKING:
    from emulator.isa.rows import Row
    from tests.lockstep.guest_spaces import Stage, Window, World
    from tests.lockstep.program import Builder

JR_X5: Final = 0x0002_8067
LINK: Final = tuple(number for number in TARGETS if number not in (0, 5))
CACHE_FIELDS: Final = 0xF0
"""CBIE, CBCFE and CBZE of the configuration registers."""


def begin(build: Builder) -> None:
    """Page tables of a random shape, and the registers that name them."""
    world = make_world(build)
    build.pieces.extend((stage.memory, bytes(stage.tables.data)) for stage in world.stages)
    build.pieces.append((world.host.place, bytes(world.host.data)))
    build.world = world
    build.write_csr("hgatp", world.hgatp)
    _choose(build)


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
    put(build, "hstatus", HSTATUS_HU | HSTATUS_SPVP, pick.getrandbits(64) | (HSTATUS_HU if pick.random() < 0.7 else 0))
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
    rows = [row for row in _plain(build) if not row.name.startswith("cbo")]  # `explained.BLOCK_OF_GUEST`
    _look(build, stage, rows)
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
    pte = lone(random_entry(pick, window.target >> shift << shift, window.level, kinds(build)), window.level)
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
    put(build, "hstatus", HSTATUS_VTVM, pick.choice((0, 0, HSTATUS_VTVM)))
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
