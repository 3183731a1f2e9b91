"""Random page tables and random accesses against the manual's algorithm, written down a second time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.engine.layout import RAM_BASE
from tests.helpers.paging import (
    ADUE,
    DATA,
    MODES,
    MXR,
    PAGE,
    PAGES,
    PBMTE,
    STORED,
    SUM,
    SUPERVISOR,
    TABLES,
    USER,
    Fault,
    Guest,
)

CPUS = ("rv64", "rv64,svnapot=on,svpbmt=on")
COUNT = 8
"""Pages that tables may lie in, some of them shared by several parents."""

INDICES = (0, 1, 2, 5, 255, 256, 511)
"""Entries of a table that are filled; the others are zero."""

OFFSETS = (0, 8, 0x800, 0xFF8)
RAM_END = RAM_BASE + PAGES * PAGE
PAGE_CAUSES = {"fetch": 12, "load": 13, "store": 15}
ACCESS_CAUSES = {"fetch": 1, "load": 5, "store": 7}


@dataclass(frozen=True, slots=True)
class Setting:
    """What an access depends on besides memory."""

    mode: str
    napot: bool
    menvcfg: int
    priv: int
    status: int


@dataclass(frozen=True, slots=True)
class Result:
    """What the manual wants: a fault's cause or the physical address, and the PTE that is written if any."""

    cause: int | None
    physical: int = 0
    entry: int = 0
    pte: int = 0


def bit(value: int, number: int) -> bool:
    """One bit."""
    return bool(value >> number & 1)


def oracle(memory: Callable[[int], int], setting: Setting, address: int, what: str) -> Result:
    """The ten steps of "Virtual Address Translation Process".

    Args:
        memory: Eight bytes at a physical address of RAM.
        setting: The context.
        address: The virtual address.
        what: `fetch`, `load` or `store`.
    """
    levels = MODES[setting.mode][1]
    page_fault = Result(PAGE_CAUSES[what])
    top = address >> 11 + 9 * levels
    if top not in (0, (1 << 53 - 9 * levels) - 1):
        return page_fault
    table, level = TABLES, levels - 1
    while True:
        entry = table + (address >> 12 + 9 * level) % 512 * 8
        if not RAM_BASE <= entry < RAM_END:
            return Result(ACCESS_CAUSES[what])
        pte = memory(entry)
        if not bit(pte, 0) or (bit(pte, 2) and not bit(pte, 1)) or pte >> 54 & 0x7F:
            return page_fault
        if bit(pte, 1) or bit(pte, 3):
            break
        if any(bit(pte, reserved) for reserved in (4, 6, 7, 61, 62, 63)) or level == 0:
            return page_fault
        table, level = (pte >> 10) % (1 << 44) * PAGE, level - 1
    if not well_formed(pte, level, setting) or not permitted(pte, what, setting):
        return page_fault
    updated = pte | 1 << 6 | (1 << 7 if what == "store" else 0)
    if updated != pte and not setting.menvcfg & ADUE:
        return page_fault
    size = 16 if bit(pte, 63) else 512**level
    frame = (pte >> 10) % (1 << 44)
    physical = (frame - frame % size + (address >> 12) % size) * PAGE + address % PAGE
    fault = None if RAM_BASE <= physical < RAM_END else ACCESS_CAUSES[what]
    return Result(fault, physical, entry, updated)


def well_formed(pte: int, level: int, setting: Setting) -> bool:
    """Whether a leaf is legal at its level."""
    frame = (pte >> 10) % (1 << 44)
    if bit(pte, 63) and (not setting.napot or level > 0 or frame % 16 != 8):
        return False
    memory_type = pte >> 61 & 3
    if memory_type == 3 or (memory_type and not setting.menvcfg & PBMTE):
        return False
    return bool(frame % 512**level == 0)


def permitted(pte: int, what: str, setting: Setting) -> bool:
    """Whether a leaf's permissions allow an access."""
    if setting.priv == USER and not bit(pte, 4):
        return False
    if setting.priv == SUPERVISOR and bit(pte, 4) and (what == "fetch" or not setting.status & SUM):
        return False
    readable = bit(pte, 1) or (bit(pte, 3) and bool(setting.status & MXR))
    allowed: bool = {"fetch": bit(pte, 3), "load": readable, "store": bit(pte, 2)}[what]
    return allowed


FRAMES = st.one_of(
    st.integers(0, COUNT - 1).map(lambda page: TABLES // PAGE + page),
    st.integers(0, 15).map(lambda page: DATA // PAGE + page),
    st.sampled_from([0, 1 << 18, 1 << 19, 1 << 27, 0x70000, (1 << 44) - 1, RAM_END // PAGE]),
)
LOW = st.one_of(st.just(0x01), st.sampled_from([0xCF, 0xDF, 0x0F, 0x1F]), st.integers(0, 0x3FF))
HIGH = st.one_of(st.just(0), st.just(0), st.sampled_from([1 << 63, 1 << 61, 2 << 61, 3 << 61, 1 << 54, 1 << 60]))
PTES = st.builds(lambda frame, low, high: frame << 10 | low | high, FRAMES, LOW, HIGH)
ENTRIES = st.dictionaries(st.tuples(st.integers(0, COUNT - 1), st.sampled_from(INDICES)), PTES, max_size=24)
SETTINGS = st.builds(
    Setting,
    st.sampled_from(sorted(MODES)),
    st.booleans(),
    st.sampled_from([0, ADUE, PBMTE, ADUE | PBMTE]),
    st.sampled_from([USER, SUPERVISOR]),
    st.sampled_from([0, SUM, MXR, SUM | MXR]),
)
PATHS = st.tuples(*[st.sampled_from(INDICES)] * 5)
ACCESSES = st.tuples(PATHS, st.sampled_from(OFFSETS), st.sampled_from(["fetch", "load", "store"]), st.integers(0, 19))


def address_of(path: tuple[int, ...], offset: int, mode: str, spoil: int) -> int:
    """A virtual address that takes a path, sign-extended as it must be, but for one time in twenty."""
    levels = MODES[mode][1]
    address = offset + sum(index << 12 + 9 * level for level, index in enumerate(path[:levels]))
    bits = 12 + 9 * levels
    if address >> bits - 1:
        address |= (1 << 64) - (1 << bits)
    return address ^ 1 << bits if spoil == 0 else address


def prepare(guest: Guest, entries: dict[tuple[int, int], int]) -> None:
    """Write the tables."""
    guest.rig.write(TABLES, bytes(COUNT * PAGE))
    for (page, index), pte in entries.items():
        guest.put_word(TABLES + page * PAGE + 8 * index, pte)


def access(guest: Guest, setting: Setting, address: int, what: str) -> Fault | None:
    """Make the access: data through M-mode's MPRV, so that no code needs to be mapped."""
    if what == "fetch":
        return guest.access(what, address, priv=setting.priv, status=setting.status)
    return guest.access(what, address, priv=3, status=setting.status | 1 << 17 | setting.priv << 11)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@settings(max_examples=150, deadline=None)
@given(setting=SETTINGS, entries=ENTRIES, accesses=st.lists(ACCESSES, min_size=4, max_size=16))
def test_walks_as_the_manual_says(
    engine: str,
    setting: Setting,
    entries: dict[tuple[int, int], int],
    accesses: list[tuple[tuple[int, ...], int, str, int]],
) -> None:
    """Every access ends as the oracle says: fault or data, and A and D in memory."""
    guest = Guest(engine, setting.mode, CPUS[setting.napot])
    menvcfg = setting.menvcfg if setting.napot else setting.menvcfg & ~PBMTE
    setting = Setting(setting.mode, setting.napot, menvcfg, setting.priv, setting.status)
    prepare(guest, entries)
    guest.change(menvcfg=menvcfg)
    for path, offset, what, spoil in accesses:
        guest.put_code()
        address = address_of(path, offset, setting.mode, spoil)
        wanted = oracle(guest.word, setting, address, what)
        ram = bytearray(guest.rig.read(RAM_BASE, RAM_END - RAM_BASE))
        if wanted.entry:
            put(ram, wanted.entry, wanted.pte)
        if what == "store" and wanted.cause is None:
            put(ram, wanted.physical, STORED)
        loaded = int.from_bytes(ram[wanted.physical - RAM_BASE :][:8], "little")
        fault = access(guest, setting, address, what)
        if what == "fetch" and wanted.cause is None and wanted.physical >> 16 != DATA >> 16:
            continue  # what was fetched is no instruction of ours: it may do anything
        assert fault == (None if wanted.cause is None else Fault(wanted.cause, address))
        assert guest.rig.read(RAM_BASE, len(ram)) == ram
        if what == "load" and fault is None:
            assert guest.hart.get("x", 5) == loaded


def put(ram: bytearray, physical: int, value: int) -> None:
    """Write eight bytes into a copy of RAM."""
    ram[physical - RAM_BASE : physical - RAM_BASE + 8] = value.to_bytes(8, "little")
