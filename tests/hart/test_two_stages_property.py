"""Random guests' page tables under random G-stages, against the manual's algorithm written down a second time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.engine.layout import RAM_BASE
from tests.helpers.paging import ADUE, DATA, MODES, MXR, PAGE, PAGES, PBMTE, STORED, SUM
from tests.helpers.twostages import (
    GUEST_DATA,
    GUEST_TABLES,
    PLACES,
    VS_PAGES,
    GuestFault,
    TwoStages,
    host_table,
)

RAM_END = RAM_BASE + PAGES * PAGE
VIRTUAL = 0x4000_0000
HIGH = (1 << 64) - 0x4000_0000
R, W, X, U = 1, 2, 3, 4
STORES = ("store", "amo", "hsv")
PAGE_CAUSES = {"fetch": 12, "load": 13, "store": 15}
ACCESS_CAUSES = {"fetch": 1, "load": 5, "store": 7}
GUEST_CAUSES = {"fetch": 20, "load": 21, "store": 23}


def bit(value: int, number: int) -> bool:
    """One bit."""
    return bool(value >> number & 1)


@dataclass
class Wrong(Exception):
    """The access ends in this fault."""

    fault: GuestFault


@dataclass
class Oracle:
    """The two-stage algorithm on a copy of RAM.

    Attributes:
        ram: The copy; A and D bits are set in it.
        what: The access.
        address: Guest-virtual.
    """

    ram: bytearray
    vsatp: int
    hgatp: int
    menvcfg: int
    henvcfg: int
    priv: int
    mstatus: int
    vsstatus: int
    what: str
    address: int
    sort: str = field(init=False)

    def __post_init__(self) -> None:
        self.sort = "fetch" if self.what == "fetch" else "store" if self.what in STORES else "load"

    def tinst(self) -> int:
        """What mtinst holds of a data access."""
        return 0 if self.what == "fetch" else PLACES[self.what][1]

    def word(self, physical: int) -> int:
        """Eight bytes, or the access fault of what RAM does not answer."""
        if not RAM_BASE <= physical < RAM_END:
            raise Wrong(GuestFault(ACCESS_CAUSES[self.sort], self.address, 0, self.tinst()))
        return int.from_bytes(self.ram[physical - RAM_BASE :][:8], "little")

    def put(self, physical: int, value: int) -> None:
        """Set eight bytes."""
        self.word(physical)
        self.ram[physical - RAM_BASE : physical - RAM_BASE + 8] = value.to_bytes(8, "little")

    def physical(self) -> int:
        """Where the access goes."""
        guest = self.address if not self.vsatp >> 60 else self._walk_first()
        return self._second(guest, None)

    def _second(self, guest: int, implicit: str | None) -> int:
        """The G-stage; `implicit` is `load` or `store` for a page-table access."""
        if not self.hgatp >> 60:
            return guest
        pseudo = {None: self.tinst(), "load": 0x3000, "store": 0x3020}[implicit]
        wrong = Wrong(GuestFault(GUEST_CAUSES[self.sort], self.address, guest >> 2, pseudo))
        levels = (self.hgatp >> 60) - 5
        if guest >> 14 + 9 * levels:
            raise wrong
        table = (self.hgatp & (1 << 44) - 1) << 12
        for level in reversed(range(levels)):
            entry = table + (guest >> 12 + 9 * level) % (2048 if level == levels - 1 else 512) * 8
            pte = self.word(entry)
            if bit(pte, 0) and pte & 0xE and pte >> 1 & 3 != 2:
                readable = bit(pte, R) or (bit(pte, X) and bool(self.mstatus & MXR) and implicit is None)
                executes = implicit is None and self.what in ("fetch", "hlvx")
                stores = implicit == "store" or (implicit is None and self.sort == "store")
                allowed = bit(pte, X) if executes else bit(pte, W) if stores else readable
                if not (allowed and bit(pte, U)):
                    raise wrong
                return self._leaf(pte, entry, level, guest, stores, self.menvcfg, wrong, lambda entry: entry)
            table = self._next(pte, level, wrong)
        raise wrong

    def _walk_first(self) -> int:
        """The VS-stage."""
        wrong = Wrong(GuestFault(PAGE_CAUSES[self.sort], self.address, 0, self.tinst()))
        levels = (self.vsatp >> 60) - 5
        if self.address >> 11 + 9 * levels not in (0, (1 << 53 - 9 * levels) - 1):
            raise wrong
        table = (self.vsatp & (1 << 44) - 1) << 12
        for level in reversed(range(levels)):
            entry = table + (self.address >> 12 + 9 * level) % 512 * 8
            pte = self.word(self._second(entry, "load"))
            if bit(pte, 0) and pte & 0xE and pte >> 1 & 3 != 2:
                if not self._allowed_first(pte):
                    raise wrong
                return self._leaf(
                    pte,
                    entry,
                    level,
                    self.address,
                    self.sort == "store",
                    self.henvcfg & self.menvcfg,
                    wrong,
                    lambda entry: self._second(entry, "store"),
                )
            table = self._next(pte, level, wrong)
        raise wrong

    def _allowed_first(self, pte: int) -> bool:
        if self.priv == 0 and not bit(pte, U):
            return False
        if self.priv == 1 and bit(pte, U) and (self.what == "fetch" or not self.vsstatus & SUM):
            return False
        if self.what in ("fetch", "hlvx"):
            return bit(pte, X)
        readable = bit(pte, R) or (bit(pte, X) and bool((self.mstatus | self.vsstatus) & MXR))
        return bit(pte, W) if self.sort == "store" else readable

    def _next(self, pte: int, level: int, wrong: Wrong) -> int:
        """The table that a pointer leads to."""
        if not bit(pte, 0) or pte & 0xE or pte >> 54 or pte & 0xD0 or level == 0:
            raise wrong
        return (pte >> 10) % (1 << 44) * PAGE

    def _leaf(
        self,
        pte: int,
        entry: int,
        level: int,
        address: int,
        stores: bool,
        config: int,
        wrong: Wrong,
        place: Callable[[int], int],
    ) -> int:
        """Shape, A and D, and the address."""
        frame = (pte >> 10) % (1 << 44)
        napot = bit(pte, 63)
        kind = pte >> 61 & 3
        misshapen = pte >> 54 & 0x7F or frame % 512**level or (napot and (level or frame % 16 != 8))
        if misshapen or kind == 3 or (kind and not config & PBMTE):
            raise wrong
        updated = pte | 0x40 | (0x80 if stores else 0)
        if updated != pte:
            if not config & ADUE:
                raise wrong
            self.put(place(entry), updated)
        size = 16 if napot else 512**level
        return (frame - frame % size + (address >> 12) % size) * PAGE + address % PAGE


FLAGS = st.one_of(st.sampled_from([0xDF, 0xCF, 0xD7, 0xDB, 0xD9, 0x5F, 0x1F, 0x0F, 0x13]), st.integers(0, 0xFF))
HIGHS = st.one_of(st.just(0), st.just(0), st.sampled_from([1 << 63, 1 << 61, 3 << 61, 1 << 54]))
CONFIGS = st.sampled_from([0, ADUE, PBMTE, ADUE | PBMTE, ADUE | PBMTE])
STATUS = st.sampled_from([0, 0, SUM, MXR, SUM | MXR])


@dataclass(frozen=True, slots=True)
class Scene:
    """What is drawn: modes, registers, the data pages' leaves at both stages, the G-stage's leaves of the tables."""

    vs: str
    g: str
    menvcfg: int
    henvcfg: int
    mstatus: int
    vsstatus: int
    priv: int
    bare: tuple[bool, bool]
    first: list[tuple[int, int, int]]
    second: list[tuple[int, int, int]]
    tables: list[tuple[int, int]]


LEAVES = st.lists(st.tuples(st.integers(0, 9), FLAGS, HIGHS), min_size=6, max_size=6)
SCENES = st.builds(
    Scene,
    st.sampled_from(sorted(MODES)),
    st.sampled_from(sorted(MODES)),
    CONFIGS,
    CONFIGS,
    STATUS,
    STATUS,
    st.sampled_from([0, 1]),
    st.sampled_from([(False, False)] * 6 + [(True, False), (False, True)]),
    LEAVES,
    LEAVES,
    st.lists(st.tuples(st.integers(0, VS_PAGES - 1), FLAGS), max_size=2),
)
ACCESSES = st.tuples(
    st.integers(0, 6), st.sampled_from([0, 8, 0xFF8]), st.sampled_from(["fetch", *PLACES]), st.integers(0, 15)
)


def build(engine: str, scene: Scene) -> TwoStages:
    """A guest as the scene says: six pages of data, each with a leaf at each stage."""
    guest = TwoStages(engine, scene.vs, scene.g)
    for index, (frame, flags, high) in enumerate(scene.first):
        guest.first.map(VIRTUAL + index * PAGE, GUEST_DATA + frame * PAGE, flags | high)
        guest.first.map(HIGH + index * PAGE, GUEST_DATA + frame * PAGE, flags | high)
    for index, (frame, flags, high) in enumerate(scene.second):
        guest.second.map(GUEST_DATA + index * PAGE, DATA + frame * PAGE, flags | high)
    for page, flags in scene.tables:
        place = GUEST_TABLES + page * PAGE
        guest.second.map(place, host_table(place), flags)
    vs_bare, g_bare = scene.bare
    if vs_bare:
        guest.change(vsatp=0)
    if g_bare:
        guest.change(hgatp=0)
    guest.change(menvcfg=scene.menvcfg, henvcfg=scene.henvcfg, vsstatus=scene.vsstatus)
    return guest


def address_of(scene: Scene, page: int, offset: int, spoil: int) -> int:
    """A guest-virtual address; one time in sixteen one that no table has."""
    base = GUEST_DATA if scene.bare[0] else VIRTUAL if page % 2 else HIGH
    address = base + page * PAGE + offset
    bits = 9 * MODES[scene.g if scene.bare[0] else scene.vs][1] + (14 if scene.bare[0] else 12)
    return address ^ 1 << bits if spoil == 0 else address


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@settings(max_examples=150, deadline=None)
@given(scene=SCENES, accesses=st.lists(ACCESSES, min_size=4, max_size=12))
def test_guests_walk_as_the_manual_says(engine: str, scene: Scene, accesses: list[tuple[int, int, str, int]]) -> None:
    """Every access ends as the oracle says: the fault with all that it tells, or data, and A and D at both stages."""
    guest = build(engine, scene)
    for page, offset, what, spoil in accesses:
        address = address_of(scene, page, offset, spoil)
        ram = bytearray(guest.rig.read(RAM_BASE, RAM_END - RAM_BASE))
        oracle = Oracle(
            ram,
            guest.hart.get("vsatp"),
            guest.hart.get("hgatp"),
            scene.menvcfg,
            scene.henvcfg,
            scene.priv,
            scene.mstatus,
            scene.vsstatus,
            what,
            address,
        )
        wanted, loaded = None, 0
        try:
            physical = oracle.physical()
            loaded = oracle.word(physical)
            if what in ("store", "hsv"):
                oracle.put(physical, STORED)
        except Wrong as wrong:
            wanted = wrong.fault
        if what == "fetch" and wanted is None and physical >> 16 != DATA >> 16:
            continue  # what was fetched is no instruction of ours: it may do anything
        fault = guest.access(what, address, priv=scene.priv, status=scene.mstatus)
        assert fault == wanted
        assert guest.rig.read(RAM_BASE, len(ram)) == ram
        if fault is None and what in ("load", "lr", "amo", "hlv"):
            assert guest.hart.get("x", 5) == loaded
