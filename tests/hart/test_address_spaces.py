"""What changes translations, what shares them, and what stops in them: satp, fences, aliases, breakpoints."""

from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.engine.watching import Watch
from emulator.hart.state import StopCode
from emulator.isa.text import assemble
from emulator.stops import WatchKind
from tests.helpers.paging import (
    ADUE,
    CODE_S,
    CODE_U,
    DATA,
    HANDLER,
    MACHINE,
    MODES,
    MXR,
    PAGE,
    RW,
    RWX,
    RX,
    SUM,
    SUPERVISOR,
    TABLES,
    TVM,
    USER,
    A,
    D,
    Guest,
    R,
    Tables,
    U,
    V,
    X,
)

HERE = 0x4000
SPACE = 0x20_0000
"""Where a second address space has its code."""

ILLEGAL = 2


@pytest.fixture(params=["reference", "compiled"])
def engine(request: pytest.FixtureRequest) -> str:
    """Name of the engine."""
    name: str = request.param
    return name


def run(guest: Guest, *lines: str, at: int = CODE_S, priv: int = SUPERVISOR, steps: int = 0, **registers: int) -> None:
    """Put instructions at the beginning of the code page and run them, or `steps` of them."""
    guest.rig.program(map(assemble, lines), RAM_BASE)
    for name, value in registers.items():
        guest.hart.put("x", value, int(name[1:]))
    guest.hart.put("pc", at)
    guest.hart.put("priv", priv)
    guest.rig.run(steps or len(lines))


def x(guest: Guest, number: int) -> int:
    """A register."""
    return guest.hart.get("x", number)


# satp.


@pytest.mark.parametrize(
    ("cpu", "modes"),
    [
        ("rv64", {0, 8, 9, 10}),
        ("rv64,sv57=off", {0, 8, 9}),
        ("rv64,sv48=off", {0, 8}),
        ("rv64,sv39=off", {0}),
        ("rv64,sv39=off,sv48=on", {0, 8, 9}),
    ],
)
def test_satp_modes(engine: str, cpu: str, modes: set[int]) -> None:
    """Writing a mode that is not there leaves `satp` as it was; ASID and page number are kept with one that is."""
    guest = Guest(engine, cpu=cpu)
    taken = set()
    for mode in range(16):
        guest.change(satp=0x5555)
        value = mode << 60 | (0xFFFF << 44 | 0xABC_DEF0_1234 if mode else 0)
        run(guest, "csrrw x0, satp, x6", "csrrs x5, satp, x0", at=RAM_BASE, priv=MACHINE, x6=value)
        assert x(guest, 5) in (value, 0x5555)
        taken |= {mode} if x(guest, 5) == value else set()
    assert taken == modes


def test_bare_clears_the_rest(engine: str) -> None:
    """With mode Bare the other fields read zero."""
    guest = Guest(engine)
    run(guest, "csrrw x0, satp, x6", "csrrs x5, satp, x0", at=RAM_BASE, priv=MACHINE, x6=0x1234)
    assert x(guest, 5) == 0


@pytest.mark.parametrize("mode", MODES)
def test_switching_address_spaces(engine: str, mode: str) -> None:
    """After a write to `satp`, the next instruction and its data come through the new tables."""
    guest = Guest(engine, mode)
    other = Tables(guest.rig, mode, TABLES + 10 * PAGE)
    other.map(CODE_S, DATA, RX)
    other.map(HERE, DATA + 2 * PAGE, RW)
    guest.tables.map(HERE, DATA + PAGE, RW)
    guest.put_word(DATA + PAGE, 111)
    guest.put_word(DATA + 2 * PAGE, 222)
    guest.rig.program(
        map(assemble, ["addi x0, x0, 0", "addi x0, x0, 0", "ld x8, 0(x6)", "csrrw x0, satp, x9", "addi x0, x0, 0"]),
        DATA,
    )
    run(
        guest,
        "ld x7, 0(x6)",
        "csrrw x9, satp, x10",
        "ebreak",
        "ebreak",
        "ld x11, 0(x6)",
        steps=5,
        x6=HERE,
        x10=other.satp,
    )
    assert (x(guest, 7), x(guest, 8), x(guest, 11)) == (111, 222, 111)


def test_leaving_translation(engine: str) -> None:
    """Mode Bare takes effect with the next instruction, too."""
    guest = Guest(engine)
    guest.tables.map(RAM_BASE, RAM_BASE, RX)
    guest.tables.map(DATA, DATA + PAGE, RW)
    guest.put_word(DATA, 1)
    guest.put_word(DATA + PAGE, 2)
    lines = ("ld x7, 0(x6)", "csrrw x0, satp, x0", "ld x8, 0(x6)")
    run(guest, *lines, at=RAM_BASE, x6=DATA)
    assert (x(guest, 7), x(guest, 8)) == (2, 1)


# Fences.


@pytest.mark.parametrize("fence", ["sfence.vma x0, x0", "sfence.vma x6, x0", "sinval.vma x6, x0"])
def test_fences_make_changes_seen(engine: str, fence: str) -> None:
    """After a fence, loads, stores and fetches follow PTEs that the guest changed before it."""
    guest = Guest(engine, cpu="rv64,svinval=on")
    guest.tables.map(HERE, DATA, RWX)
    guest.tables.map(SPACE, guest.tables.place(HERE) & ~0xFFF, RW)
    for page, value in ((DATA, 111), (DATA + PAGE, 222)):
        guest.rig.program(map(assemble, [f"addi x5, x0, {value}", "jalr x0, 0(x1)"]), page)
    place = SPACE + (guest.tables.place(HERE) & 0xFFF)
    lines = (
        *("jalr x1, 0(x6)", "add x7, x5, x0", "sd x0, 16(x6)"),
        *("sd x9, 0(x8)", fence),
        *("jalr x1, 0(x6)", "sd x10, 16(x6)", "ld x11, 16(x6)"),
    )
    guest.put_word(DATA + 16, 5)
    run(guest, *lines, steps=len(lines) + 4, x6=HERE, x8=place, x9=(DATA + PAGE) >> 2 | RWX, x10=77)
    assert guest.hart.get("pc") == CODE_S + 4 * len(lines)
    assert (x(guest, 7), x(guest, 5), x(guest, 11)) == (111, 222, 77)
    assert (guest.word(DATA + 16), guest.word(DATA + PAGE + 16)) == (0, 77)


def test_a_page_that_was_taken_away(engine: str) -> None:
    """A PTE made invalid and fenced faults, also for the code that runs in its page."""
    guest = Guest(engine)
    guest.tables.map(SPACE, guest.tables.place(CODE_S) & ~0xFFF, RW)
    place = SPACE + (guest.tables.place(CODE_S) & 0xFFF)
    run(guest, "sd x0, 0(x8)", "sfence.vma x0, x0", "addi x0, x0, 0", steps=1, x8=place)
    for _ in range(2):
        if guest.hart.get("pc") != HANDLER:  # before the fence the old PTE may hold or not
            guest.rig.run(1)
    assert (guest.hart.get("pc"), guest.hart.get("mcause")) == (HANDLER, 12)
    assert guest.hart.get("mtval") == guest.hart.get("mepc")
    assert guest.hart.get("mepc") in (CODE_S + 4, CODE_S + 8)


@pytest.mark.parametrize(
    ("instruction", "priv", "status", "legal"),
    [
        *((name, SUPERVISOR, 0, True) for name in ("sfence.vma x0, x0", "sinval.vma x0, x0", "csrrs x5, satp, x0")),
        *((name, SUPERVISOR, TVM, False) for name in ("sfence.vma x0, x0", "sinval.vma x0, x0", "csrrs x5, satp, x0")),
        *((name, MACHINE, TVM, True) for name in ("sfence.vma x0, x0", "sinval.vma x0, x0", "csrrs x5, satp, x0")),
        *((name, USER, 0, False) for name in ("sfence.vma x0, x0", "sinval.vma x0, x0", "csrrs x5, satp, x0")),
        *((name, SUPERVISOR, TVM, True) for name in ("sfence.w.inval", "sfence.inval.ir")),
        *((name, MACHINE, 0, True) for name in ("sfence.w.inval", "sfence.inval.ir")),
        *((name, USER, 0, False) for name in ("sfence.w.inval", "sfence.inval.ir")),
        ("csrrw x0, satp, x0", SUPERVISOR, TVM, False),
    ],
)
def test_who_may_fence(engine: str, instruction: str, priv: int, status: int, legal: bool) -> None:
    """TVM takes `satp`, `sfence.vma` and `sinval.vma` from S-mode, and U-mode has none of them."""
    guest = Guest(engine, cpu="rv64,svinval=on")
    guest.change(mstatus=status)
    run(guest, instruction, at={USER: CODE_U, SUPERVISOR: CODE_S, MACHINE: RAM_BASE}[priv], priv=priv)
    assert guest.hart.get("mcause") == (0 if legal else ILLEGAL)


def test_svinval_is_optional(engine: str) -> None:
    """Without the extension its instructions are illegal."""
    guest = Guest(engine, cpu="rv64,svinval=off")
    run(guest, "sinval.vma x0, x0")
    assert guest.hart.get("mcause") == ILLEGAL


# Changes of context that need no fence.


@pytest.mark.parametrize(("bit", "flags"), [(SUM, V | R | A | D | U), (MXR, V | X | A | D)])
def test_sum_and_mxr_act_at_once(engine: str, bit: int, flags: int) -> None:
    """Setting and clearing SUM and MXR holds for the next load."""
    guest = Guest(engine)
    guest.tables.map(HERE, DATA, flags)
    guest.put_word(DATA, 42)
    lines = ("csrrs x0, sstatus, x6", "ld x5, 0(x7)", "csrrc x0, sstatus, x6", "ld x8, 0(x7)")
    run(guest, *lines, x6=bit, x7=HERE)
    assert (x(guest, 5), guest.hart.get("mcause"), guest.hart.get("mepc")) == (42, 13, CODE_S + 12)


def test_privilege_changes_the_space(engine: str) -> None:
    """M-mode sees physical memory and U-mode its own pages, in the same code, without a fence."""
    guest = Guest(engine)
    guest.tables.map(DATA, DATA + PAGE, RW | U)
    for page, value in ((DATA, 1), (DATA + PAGE, 2)):
        guest.put_word(page, value)
    guest.change(mepc=CODE_U + 12, mstatus=0)
    run(guest, "ld x5, 0(x6)", "sd x0, 8(x6)", "mret", "ld x7, 0(x6)", at=RAM_BASE, priv=MACHINE, x6=DATA)
    assert (x(guest, 5), x(guest, 7), guest.hart.get("priv")) == (1, 2, USER)


def test_menvcfg_acts_at_once(engine: str) -> None:
    """ADUE holds for the next access."""
    guest = Guest(engine)
    guest.change(menvcfg=0, mstatus=1 << 17 | SUPERVISOR << 11)
    guest.tables.map(HERE, DATA, V | R)
    run(guest, "csrrw x0, menvcfg, x6", "ld x5, 0(x7)", at=RAM_BASE, priv=MACHINE, x6=ADUE, x7=HERE)
    assert guest.hart.get("mcause") == 0
    assert guest.tables.pte(HERE) & A


# Two addresses of one page.


def test_code_changed_through_an_alias(engine: str) -> None:
    """Code that is written through another address is executed as written."""
    guest = Guest(engine)
    guest.tables.map(HERE, DATA, RX)
    guest.tables.map(SPACE, DATA, RW)
    guest.rig.program(map(assemble, ["addi x5, x0, 1", "jalr x0, 0(x1)"]), DATA)
    lines = ("jalr x1, 0(x6)", "add x7, x5, x0", "sw x9, 0(x8)", "fence.i", "jalr x1, 0(x6)")
    run(guest, *lines, steps=len(lines) + 4, x6=HERE, x8=SPACE, x9=assemble("addi x5, x0, 2"))
    assert (x(guest, 7), x(guest, 5)) == (1, 2)


def test_one_page_executed_at_two_addresses(engine: str) -> None:
    """Code knows at which of its addresses it runs."""
    guest = Guest(engine)
    for address in (HERE, SPACE):
        guest.tables.map(address, DATA, RX)
    guest.rig.program(map(assemble, ["auipc x5, 0", "jal x10, 8", "addi x0, x0, 0", "jalr x0, 0(x1)"]), DATA)
    lines = ("jalr x1, 0(x6)", "add x7, x5, x0", "add x11, x10, x0", "jalr x1, 0(x8)")
    run(guest, *lines, steps=len(lines) + 6, x6=HERE, x8=SPACE)
    assert (x(guest, 7), x(guest, 11)) == (HERE, HERE + 8)
    assert (x(guest, 5), x(guest, 10)) == (SPACE, SPACE + 8)


def test_breakpoint_at_one_of_two_addresses(engine: str) -> None:
    """A breakpoint stops at its virtual address, in whatever privilege, and not at another one of the same page."""
    guest = Guest(engine)
    for address in (HERE, SPACE):
        guest.tables.map(address, DATA, RX)
    guest.rig.program(map(assemble, ["addi x5, x5, 1", "addi x5, x5, 1", "jalr x0, 0(x1)"]), DATA)
    lines = ("jalr x1, 0(x8)", "jalr x1, 0(x6)", "jalr x1, 0(x8)")
    guest.rig.engine.set_breakpoints((HERE + 4,))
    try:
        run(guest, *lines, steps=100, x5=0, x6=HERE, x8=SPACE)
        stopped = guest.hart.get("stop"), guest.hart.get("pc"), x(guest, 5)
    finally:
        guest.rig.engine.set_breakpoints(())
    assert stopped == (StopCode.BREAKPOINT, HERE + 4, 3)


@pytest.mark.parametrize("kind", WatchKind)
def test_watchpoint_at_one_of_two_addresses(engine: str, kind: WatchKind) -> None:
    """A watchpoint stops before an access at its virtual address, and not at another one of the same page."""
    guest = Guest(engine)
    for address in (HERE, SPACE):
        guest.tables.map(address, DATA, RW)
    lines = ("ld x5, 8(x8)", "sd x5, 8(x8)", "ld x5, 0(x6)", "sd x5, 0(x6)", "ld x5, 8(x6)", "sd x5, 8(x6)")
    guest.rig.engine.set_watchpoints((Watch(kind, HERE + 12, 2),))
    try:
        run(guest, *lines, x6=HERE, x8=SPACE)
        stopped = guest.hart.get("stop"), guest.hart.get("pc")
        details = tuple(guest.hart.get("stop_detail", index) for index in range(3))
    finally:
        guest.rig.engine.set_watchpoints(())
    assert stopped == (StopCode.WATCHPOINT, CODE_S + (20 if kind is WatchKind.WRITE else 16))
    assert details == (0, HERE + 8, 8)


def test_reservation_is_of_the_physical_address(engine: str) -> None:
    """A store-conditional through an alias of the reserved address succeeds, elsewhere it fails."""
    guest = Guest(engine)
    for address in (HERE, SPACE):
        guest.tables.map(address, DATA, RW)
    guest.tables.map(SPACE + PAGE, DATA + PAGE, RW)
    lines = ("lr.d x5, (x6)", "sc.d x7, x10, (x8)", "lr.d x5, (x6)", "sc.d x9, x10, (x11)")
    run(guest, *lines, x6=HERE, x8=SPACE, x10=9, x11=SPACE + PAGE)
    assert (x(guest, 7), x(guest, 9)) == (0, 1)
    assert guest.word(DATA) == 9


# CSRs.


@pytest.mark.parametrize(
    ("cpu", "reset", "writable"),
    [
        ("rv64,svpbmt=off", 1 << 61, 1 << 61 | 1 << 63 | 3 << 32 | 0xF1),
        ("rv64,svpbmt=off,svade=on", 0, 1 << 61 | 1 << 63 | 3 << 32 | 0xF1),
        ("rv64,svpbmt=off,svadu=off", 0, 1 << 63 | 3 << 32 | 0xF1),
        ("rv64,svpbmt=on,svadu=off,sstc=off", 0, 1 << 62 | 3 << 32 | 0xF1),
        ("rv64,svpbmt=on,zicboz=off,smnpm=off", 1 << 61, 7 << 61 | 0x71),
    ],
)
def test_menvcfg(engine: str, cpu: str, reset: int, writable: int) -> None:
    """A field is writable where its extension is; ADUE is set at reset unless Svade is asked for."""
    guest = Guest(engine, cpu=cpu)
    run(guest, "csrrw x5, menvcfg, x6", "csrrs x7, menvcfg, x0", at=RAM_BASE, priv=MACHINE, x6=(1 << 64) - 1)
    assert (x(guest, 5), x(guest, 7)) == (reset, writable)
