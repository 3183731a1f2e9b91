"""Manual volume II, "Virtual Address Translation Process", case by case, on both engines."""

from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.hart.fields import MASK64
from tests.helpers.paging import (
    ACCESS_FAULT,
    ADUE,
    CODE_S,
    DATA,
    FETCH_PAGE,
    LOAD_PAGE,
    MACHINE,
    MODES,
    MPRV,
    MXR,
    PAGE,
    PAGE_FAULT,
    PAGES,
    PBMTE,
    RW,
    RWX,
    RX,
    STORE_PAGE,
    STORED,
    SUM,
    SUPERVISOR,
    TABLES,
    USER,
    A,
    D,
    Fault,
    G,
    Guest,
    N,
    R,
    U,
    V,
    W,
    X,
)
from tests.helpers.rig import DEVICE

HERE = 0x4000
"""A virtual page for which nothing is mapped until a test does."""

EVERYTHING = {"fetch", "load", "store"}
SIZES = [(mode, level) for mode, (_, levels) in MODES.items() for level in range(levels)]
NOWHERE = 0x7000_0000

RULES = {
    "---": set(),
    "r--": {"load"},
    "-w-": set(),
    "rw-": {"load", "store"},
    "--x": {"fetch"},
    "r-x": {"load", "fetch"},
    "-wx": set(),
    "rwx": EVERYTHING,
}
"""What a leaf allows; without any of the three it is no leaf, and W without R is reserved."""


@pytest.fixture(params=["reference", "compiled"])
def engine(request: pytest.FixtureRequest) -> str:
    """Name of the engine."""
    name: str = request.param
    return name


def flags_of(text: str) -> int:
    """The bits of `r`, `w` and `x`, with V, A and D."""
    return V | A | D | sum(bit for letter, bit in zip("rwx", (R, W, X), strict=True) if letter in text)


# Addresses.


@pytest.mark.parametrize("mode", MODES)
def test_canonical_addresses(engine: str, mode: str) -> None:
    """The bits above the highest translated one must equal it; else every access is a page fault."""
    guest = Guest(engine, mode)
    bits = 12 + 9 * MODES[mode][1]
    for canonical in ((1 << bits - 1) - PAGE, MASK64 + 1 - (1 << bits - 1)):
        guest.tables.map(canonical, DATA, RWX)
        assert guest.allowed(canonical) == EVERYTHING
        assert guest.allowed(canonical ^ 1 << bits) == set()
        assert guest.allowed(canonical ^ 1 << 63) == set()


@pytest.mark.parametrize(("mode", "level"), SIZES)
def test_pages_of_every_size(engine: str, mode: str, level: int) -> None:
    """A leaf may be at any level; the bits below its size come from the address."""
    guest = Guest(engine, mode)
    size = 1 << 12 + 9 * level
    address = size + DATA % size
    guest.tables.map(address, DATA - DATA % size, RWX, level)
    assert guest.access("store", address + 8) is None
    assert guest.word(DATA + 8) == STORED
    assert guest.access("load", address + 8) is None
    assert guest.hart.get("x", 5) == STORED
    assert guest.access("fetch", address) is None


@pytest.mark.parametrize(("mode", "level"), [(mode, level) for mode, level in SIZES if level])
def test_misaligned_superpages(engine: str, mode: str, level: int) -> None:
    """A leaf above the last level whose physical page is not aligned to its size is a page fault."""
    guest = Guest(engine, mode)
    address = 1 << 12 + 9 * level
    for bit in (0, 9 * level - 1):
        guest.tables.map(address, 1 << 12 + bit, RWX, level)
        assert guest.allowed(address) == set()


@pytest.mark.parametrize("mode", MODES)
def test_pointer_at_the_last_level(engine: str, mode: str) -> None:
    """A PTE of the last level that points on is a page fault."""
    guest = Guest(engine, mode)
    guest.tables.map(HERE, DATA, V)
    assert guest.allowed(HERE) == set()


def test_trap_value_is_the_whole_address(engine: str) -> None:
    """The trap value is the address as the program formed it, offset included."""
    guest = Guest(engine)
    assert guest.access("lb", HERE + 0x123) == Fault(LOAD_PAGE, HERE + 0x123)
    assert guest.access("sb", HERE + 0xFFF) == Fault(STORE_PAGE, HERE + 0xFFF)
    assert guest.access("fetch", HERE + 0x122) == Fault(FETCH_PAGE, HERE + 0x122)


# Permissions.


@pytest.mark.parametrize("rights", RULES)
@pytest.mark.parametrize("priv", [SUPERVISOR, USER])
def test_rights(engine: str, rights: str, priv: int) -> None:
    """R, W and X say what a page of one's own privilege allows; V=0 allows nothing."""
    guest = Guest(engine)
    flags = flags_of(rights) | (U if priv == USER else 0)
    guest.tables.map(HERE, DATA, flags)
    assert guest.allowed(HERE, priv=priv) == RULES[rights]
    guest.tables.map(HERE, DATA, flags & ~V)
    assert guest.allowed(HERE, priv=priv) == set()


@pytest.mark.parametrize("rights", RULES)
def test_pages_of_the_other_privilege(engine: str, rights: str) -> None:
    """U-mode never reaches S's pages; S-mode reaches U's for data under SUM, and never to execute."""
    guest = Guest(engine)
    guest.tables.map(HERE, DATA, flags_of(rights))
    assert guest.allowed(HERE, priv=USER, status=SUM) == set()
    guest.tables.map(HERE, DATA, flags_of(rights) | U)
    assert guest.allowed(HERE) == set()
    assert guest.allowed(HERE, status=SUM) == RULES[rights] - {"fetch"}


@pytest.mark.parametrize("rights", RULES)
def test_mxr(engine: str, rights: str) -> None:
    """MXR makes executable pages readable, no more."""
    guest = Guest(engine)
    readable = {"load"} if RULES[rights] & {"fetch"} else set()
    guest.tables.map(HERE, DATA, flags_of(rights))
    assert guest.allowed(HERE, status=MXR) == RULES[rights] | readable
    guest.tables.map(HERE, DATA, flags_of(rights) | U)
    assert guest.allowed(HERE, priv=USER, status=MXR) == RULES[rights] | readable
    assert guest.allowed(HERE, status=MXR) == set()
    assert guest.allowed(HERE, status=MXR | SUM) == (RULES[rights] | readable) - {"fetch"}


@pytest.mark.parametrize(
    ("status", "data"),
    [
        (0, NOWHERE),
        (MPRV | MACHINE << 11, NOWHERE),
        (MPRV | SUPERVISOR << 11, HERE),
        (MPRV | USER << 11, HERE + PAGE),
        (MPRV | SUPERVISOR << 11 | SUM, HERE + PAGE),
    ],
)
def test_mprv(engine: str, status: int, data: int) -> None:
    """Under MPRV, M-mode's loads and stores are those of MPP's privilege; its fetches are not."""
    guest = Guest(engine)
    guest.tables.map(HERE, DATA, RW)
    guest.tables.map(HERE + PAGE, DATA, RW | U)
    found = {
        address: guest.access("load", address, priv=MACHINE, status=status) for address in (HERE, HERE + PAGE, DATA)
    }
    if data == NOWHERE:  # no translation: virtual addresses are nowhere in physical memory, and RAM is at its place
        assert found == {HERE: Fault(5, HERE), HERE + PAGE: Fault(5, HERE + PAGE), DATA: None}
    else:
        others = {HERE, HERE + PAGE} - {data} if not status & SUM else set()
        assert found == {HERE: None, HERE + PAGE: None, DATA: Fault(13, DATA)} | {
            other: Fault(13, other) for other in others
        }
    assert guest.access("fetch", DATA, priv=MACHINE, status=status) is None


# What a PTE must not be.


@pytest.mark.parametrize("bit", [*range(54, 61)])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_reserved_bits(engine: str, bit: int, level: int) -> None:
    """Bits 60 to 54 must be zero, in leaves and in pointers."""
    guest = Guest(engine, cpu="rv64,svpbmt=on,svnapot=on")
    guest.change(menvcfg=PBMTE)
    guest.tables.map(HERE, DATA, RWX)
    guest.tables.put(HERE, guest.tables.pte(HERE, level) | 1 << bit, level)
    at_code = level == 2
    if at_code:  # the same root entry leads to the code
        guest.tables.map(1 << 30, 0x8000_0000, RWX, 2)
        assert guest.access("fetch", HERE) == Fault(FETCH_PAGE, HERE)
        assert guest.access("fetch", CODE_S) == Fault(FETCH_PAGE, CODE_S)
    else:
        assert guest.access("fetch", HERE) == Fault(FETCH_PAGE, HERE)


@pytest.mark.parametrize("bits", [A, D, U, A | D | U, N, 1 << 61, 2 << 61, 3 << 61], ids=hex)
def test_reserved_in_pointers(engine: str, bits: int) -> None:
    """A PTE that points on has A, D, U, N and the memory type clear."""
    guest = Guest(engine, cpu="rv64,svpbmt=on,svnapot=on")
    guest.change(menvcfg=PBMTE | ADUE)
    far = 1 << 30
    guest.tables.map(far, DATA, RWX)
    for level in (1, 2):
        plain = guest.tables.pte(far, level)
        guest.tables.put(far, plain | bits, level)
        assert guest.allowed(far) == set()
        guest.put_word(guest.tables.root + 8, guest.tables.pte(far, 2) & ~bits)
        guest.tables.put(far, plain, level)
    assert guest.allowed(far) == EVERYTHING


def test_bits_left_to_software(engine: str) -> None:
    """G and the two bits of RSW change nothing, in leaves and in pointers."""
    guest = Guest(engine)
    far = 1 << 30
    guest.tables.map(far, DATA, RWX | G | 3 << 8)
    for level in (1, 2):
        guest.tables.put(far, guest.tables.pte(far, level) | G | 3 << 8, level)
    assert guest.allowed(far) == EVERYTHING


# A and D.


@pytest.mark.parametrize(
    ("what", "flags", "cause"),
    [
        ("load", D, LOAD_PAGE),
        ("fetch", D, FETCH_PAGE),
        ("store", D, STORE_PAGE),
        ("store", A, STORE_PAGE),
        ("amo", A, STORE_PAGE),
        ("lr", D, LOAD_PAGE),
        ("load", A, None),
        ("fetch", A, None),
        ("lr", A, None),
    ],
)
def test_without_adue(engine: str, what: str, flags: int, cause: int | None) -> None:
    """A clear, or D clear at a store, is a page fault; memory keeps its PTE."""
    guest = Guest(engine)
    guest.change(menvcfg=0)
    guest.tables.map(HERE, DATA, V | R | W | X | flags)
    before = guest.tables.pte(HERE)
    assert guest.access(what, HERE) == (None if cause is None else Fault(cause, HERE))
    assert guest.tables.pte(HERE) == before


@pytest.mark.parametrize(("mode", "level"), SIZES)
@pytest.mark.parametrize(
    ("what", "sets"), [("load", A), ("fetch", A), ("lr", A), ("store", A | D), ("amo", A | D), ("sb", A | D)]
)
def test_with_adue(engine: str, mode: str, level: int, what: str, sets: int) -> None:
    """The hart sets A in memory, and D at stores only, in leaves of every size."""
    guest = Guest(engine, mode)
    guest.change(menvcfg=ADUE)
    size = 1 << 12 + 9 * level
    address = size + DATA % size
    for flags in (0, A, D, A | D):
        guest.tables.map(address, DATA - DATA % size, V | R | W | X | G | flags, level)
        before = guest.tables.pte(address, level)
        assert guest.access(what, address) is None
        assert guest.tables.pte(address, level) == before | sets


def test_store_after_load_sets_d(engine: str) -> None:
    """A page that was loaded from is not yet writable without a look at its D bit, nor is its load repeated."""
    guest = Guest(engine)
    guest.change(menvcfg=ADUE, pc=CODE_S, priv=SUPERVISOR)
    guest.tables.map(HERE, DATA, V | R | W)
    guest.hart.put("x", HERE, 6)
    guest.rig.run(1)
    assert guest.tables.pte(HERE) & 0xFF == V | R | W | A
    guest.rig.run(1)
    assert guest.tables.pte(HERE) & 0xFF == V | R | W | A | D


@pytest.mark.parametrize("adue", [0, ADUE])
def test_a_refused_access_leaves_the_pte(engine: str, adue: int) -> None:
    """Permission comes first: an access that it forbids sets neither A nor D."""
    guest = Guest(engine)
    guest.change(menvcfg=adue)
    guest.tables.map(HERE, DATA, V | R)
    guest.tables.map(HERE + PAGE, DATA, V | R | W | X | U)
    assert guest.access("store", HERE) == Fault(STORE_PAGE, HERE)
    assert guest.access("fetch", HERE) == Fault(FETCH_PAGE, HERE)
    assert guest.allowed(HERE + PAGE) == set()
    assert guest.tables.pte(HERE) & 0xFF == V | R
    assert guest.tables.pte(HERE + PAGE) & 0xFF == V | R | W | X | U


# Svnapot and Svpbmt.


def test_napot_pages(engine: str) -> None:
    """Sixteen PTEs with N and 1000 below the page number are one page of 64 KiB, whichever of them is read."""
    guest = Guest(engine, cpu="rv64,svnapot=on")
    assert DATA % 0x10000 == 0
    far = 0x30_0000
    for index in range(16):
        guest.tables.map(far + index * PAGE, DATA + 8 * PAGE, RWX | N)
        guest.put_word(DATA + index * PAGE + 8, index)
    for index in range(16):
        assert guest.access("load", far + index * PAGE + 8) is None
        assert guest.hart.get("x", 5) == index
        assert guest.access("fetch", far + index * PAGE) is None
    assert guest.access("store", far + 5 * PAGE) is None
    assert guest.word(DATA + 5 * PAGE) == STORED


def test_napot_sets_a_and_d_in_the_pte_that_was_read(engine: str) -> None:
    """The PTE of the address is the one that is updated."""
    guest = Guest(engine, cpu="rv64,svnapot=on")
    guest.change(menvcfg=ADUE)
    for address in (HERE, HERE + PAGE):
        guest.tables.map(address, DATA + 8 * PAGE, V | R | W | N)
    assert guest.access("store", HERE + PAGE) is None
    assert guest.tables.pte(HERE + PAGE) == (DATA + 8 * PAGE) >> 2 | V | R | W | N | A | D
    assert guest.tables.pte(HERE) == (DATA + 8 * PAGE) >> 2 | V | R | W | N


@pytest.mark.parametrize("low", [low for low in range(16) if low != 8])
def test_other_napot_sizes_are_reserved(engine: str, low: int) -> None:
    """Only 1000 is a size."""
    guest = Guest(engine, cpu="rv64,svnapot=on")
    guest.tables.map(HERE, DATA + low * PAGE, RWX | N)
    assert guest.allowed(HERE) == set()


def test_no_napot_superpages(engine: str) -> None:
    """N above the last level is reserved."""
    guest = Guest(engine, cpu="rv64,svnapot=on")
    guest.tables.map(1 << 30, RAM_BASE, RWX | N, 2)
    assert guest.allowed(1 << 30) == set()


def test_without_svnapot(engine: str) -> None:
    """N is reserved where the extension is not there."""
    guest = Guest(engine, cpu="rv64,svnapot=off")
    guest.tables.map(HERE, DATA + 8 * PAGE, RWX | N)
    assert guest.allowed(HERE) == set()


@pytest.mark.parametrize(("kind", "pbmte"), [(kind, pbmte) for kind in range(4) for pbmte in (0, PBMTE)])
def test_memory_types(engine: str, kind: int, pbmte: int) -> None:
    """Types 1 and 2 are legal where menvcfg.PBMTE is set, 3 never is."""
    guest = Guest(engine, cpu="rv64,svpbmt=on")
    guest.change(menvcfg=pbmte)
    far = 1 << 30
    guest.tables.map(HERE, DATA, RWX | kind << 61)
    guest.tables.map(far, RAM_BASE, RWX | kind << 61, 2)
    legal = kind == 0 or (kind < 3 and pbmte != 0)
    assert guest.allowed(HERE) == (EVERYTHING if legal else set())
    assert guest.allowed(far + DATA - RAM_BASE) == (EVERYTHING if legal else set())


# Access faults.


@pytest.mark.parametrize("what", PAGE_FAULT)
@pytest.mark.parametrize("table", [NOWHERE, DEVICE, (1 << 56) - PAGE], ids=hex)
def test_tables_outside_memory(engine: str, what: str, table: int) -> None:
    """A PTE that is not in memory is an access fault of the original access."""
    guest = Guest(engine)
    far = 1 << 30
    guest.tables.map(far, table, V, 2)
    assert guest.access(what, far) == Fault(ACCESS_FAULT[what], far)
    assert guest.rig.device == {}


@pytest.mark.parametrize("what", PAGE_FAULT)
def test_root_outside_memory(engine: str, what: str) -> None:
    """So is a root table that is not in memory; M-mode's MPRV shows it for data."""
    guest = Guest(engine)
    guest.change(satp=8 << 60 | NOWHERE >> 12)
    if what == "fetch":
        assert guest.access(what, HERE) == Fault(ACCESS_FAULT[what], HERE)
    else:
        status = MPRV | SUPERVISOR << 11
        assert guest.access(what, HERE, priv=MACHINE, status=status) == Fault(ACCESS_FAULT[what], HERE)


def protect(guest: Guest, address: int, rights: int) -> None:
    """Leave S- and U-mode only `rights` (PMP's R 1, W 2, X 4) to a page, everything elsewhere."""
    for index, (config, word) in enumerate([(0x18 | rights, address >> 2 | 0x1FF), (0x1F, (1 << 54) - 1)]):
        guest.hart.put("pmpcfg", config, index)
        guest.hart.put("pmpaddr", word, index)


@pytest.mark.parametrize("what", PAGE_FAULT)
@pytest.mark.parametrize("level", [0, 1])
def test_protected_tables(engine: str, what: str, level: int) -> None:
    """A PTE that the PMP hides from S-mode is an access fault, also for U-mode."""
    guest = Guest(engine)
    far = 1 << 30
    guest.tables.map(far, DATA, RWX)
    guest.tables.map(far + PAGE, DATA, RWX | U)
    protect(guest, guest.tables.place(far, level) & ~0xFFF, 0)
    assert guest.access(what, far) == Fault(ACCESS_FAULT[what], far)
    assert guest.access(what, far + PAGE, priv=USER) == Fault(ACCESS_FAULT[what], far + PAGE)


@pytest.mark.parametrize("what", PAGE_FAULT)
def test_tables_that_may_not_be_written(engine: str, what: str) -> None:
    """Setting A in a PTE that the PMP makes read-only is an access fault; with A and D set nothing is written."""
    guest = Guest(engine)
    guest.change(menvcfg=ADUE)
    far = 1 << 30
    guest.tables.map(far, DATA, V | R | W | X)
    guest.tables.map(far + PAGE, DATA, RWX)
    protect(guest, guest.tables.place(far) & ~0xFFF, 1)
    assert guest.access(what, far) == Fault(ACCESS_FAULT[what], far)
    assert guest.tables.pte(far) & (A | D) == 0
    assert guest.access(what, far + PAGE) is None


@pytest.mark.parametrize("what", PAGE_FAULT)
def test_tables_in_the_boot_rom(engine: str, what: str) -> None:
    """A table may be in ROM; setting A there is an access fault of the original access, whatever its kind."""
    guest = Guest(engine)
    guest.change(menvcfg=ADUE)
    rom = guest.rig.backing.rom
    rom[0:8] = (DATA >> 2 | V | R | W | X).to_bytes(8, "little")
    rom[8:16] = (DATA >> 2 | RWX).to_bytes(8, "little")
    far = 1 << 30
    guest.tables.map(far, guest.rig.backing.rom_base, V, 1)
    assert guest.access(what, far) == Fault(ACCESS_FAULT[what], far)
    assert guest.access(what, far + PAGE) is None


@pytest.mark.parametrize("what", PAGE_FAULT)
def test_pages_outside_memory(engine: str, what: str) -> None:
    """A page that leads to nothing, or that the PMP hides, is an access fault at the virtual address."""
    guest = Guest(engine)
    guest.tables.map(HERE, NOWHERE, RWX)
    guest.tables.map(HERE + PAGE, DATA, RWX)
    assert guest.access(what, HERE + 8) == Fault(ACCESS_FAULT[what], HERE + 8)
    protect(guest, DATA, 0)
    assert guest.access(what, HERE + PAGE + 8) == Fault(ACCESS_FAULT[what], HERE + PAGE + 8)


def test_pages_of_a_device(engine: str) -> None:
    """A device is reached through its page, and cannot be executed."""
    guest = Guest(engine)
    guest.tables.map(HERE, DEVICE, RWX)
    assert guest.access("store", HERE + 8) is None
    assert guest.rig.device == {DEVICE + 8: STORED}
    assert guest.access("load", HERE + 8) is None
    assert guest.hart.get("x", 5) == STORED
    assert guest.access("fetch", HERE) == Fault(1, HERE)


# Accesses that lie across two pages.


@pytest.mark.parametrize("offset", [0xFF9, 0xFFC, 0xFFF])
def test_access_across_pages(engine: str, offset: int) -> None:
    """Each part of a misaligned access has its own translation; the pages need not be neighbours."""
    guest = Guest(engine)
    guest.tables.map(HERE, DATA + 9 * PAGE, RW)
    guest.tables.map(HERE + PAGE, DATA, RW)
    assert guest.access("store", HERE + offset) is None
    first = PAGE - offset
    stored = STORED.to_bytes(8, "little")
    assert guest.rig.read(DATA + 9 * PAGE + offset, first) == stored[:first]
    assert guest.rig.read(DATA, 8 - first) == stored[first:]
    assert guest.access("load", HERE + offset) is None
    assert guest.hart.get("x", 5) == STORED


@pytest.mark.parametrize("what", ["load", "store"])
def test_second_page_faults(engine: str, what: str) -> None:
    """The trap value is the second page's address if that page faults; of a store nothing is written."""
    guest = Guest(engine)
    guest.tables.map(HERE, DATA, RW)
    before = guest.rig.read(DATA, PAGE)
    assert guest.access(what, HERE + 0xFFD) == Fault(PAGE_FAULT[what], HERE + PAGE)
    guest.tables.map(HERE + PAGE, NOWHERE, V | R)
    expected = ACCESS_FAULT["load"] if what == "load" else PAGE_FAULT["store"]
    assert guest.access(what, HERE + 0xFFD) == Fault(expected, HERE + PAGE)
    assert guest.rig.read(DATA, PAGE) == before
    guest.tables.map(HERE, DATA, V)
    assert guest.access(what, HERE + 0xFFD) == Fault(PAGE_FAULT[what], HERE + 0xFFD)


def test_instruction_across_pages(engine: str) -> None:
    """An instruction of four bytes may lie across two pages; if the second faults, its address is the trap value."""
    guest = Guest(engine)
    guest.tables.map(HERE, DATA + 9 * PAGE, RX)
    guest.tables.map(HERE + PAGE, DATA, RX)
    word = (0x02A0_0293).to_bytes(4, "little")  # li x5, 42
    guest.rig.write(DATA + 10 * PAGE - 2, word[:2])
    guest.rig.write(DATA, word[2:])
    assert guest.access("fetch", HERE + 0xFFE) is None
    assert guest.hart.get("x", 5) == 42
    assert guest.hart.get("pc") == HERE + PAGE + 2
    guest.tables.map(HERE + PAGE, DATA, RW)
    assert guest.access("fetch", HERE + 0xFFE) == Fault(FETCH_PAGE, HERE + PAGE)
    guest.tables.map(HERE + PAGE, NOWHERE, RX)
    assert guest.access("fetch", HERE + 0xFFE) == Fault(1, HERE + PAGE)
    guest.tables.map(HERE, DATA, RW)
    assert guest.access("fetch", HERE + 0xFFE) == Fault(FETCH_PAGE, HERE + 0xFFE)


def test_short_instruction_at_the_end_of_a_page(engine: str) -> None:
    """One of two bytes at the end of a page asks nothing of the next one."""
    guest = Guest(engine)
    guest.tables.map(HERE, DATA, RX)
    assert guest.access("fetch", HERE + 0xFFE) is None
    guest.rig.run(1)
    assert (guest.hart.get("mcause"), guest.hart.get("mtval")) == (FETCH_PAGE, HERE + PAGE)


def test_layout() -> None:
    """The tables that tests make fit into the RAM behind their data."""
    assert DATA + 16 * PAGE <= TABLES < RAM_BASE + PAGES * PAGE
