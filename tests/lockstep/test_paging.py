from __future__ import annotations

from random import Random

import pytest

from tests.lockstep.paging import PAGE, Kinds, Tables, leaf, napot, random_entry, random_page

PLACE = 0x8002_0000
SHAPES = [(levels, wide) for levels in (3, 4, 5) for wide in (False, True)]


def walk(tables: Tables, address: int, *, wide: bool) -> tuple[int, int]:
    """The manual's steps 2 to 4 alone: the leaf that a walker finds, and its level."""
    at, bits = tables.place, 11 if wide else 9
    for level in range(tables.levels - 1, -1, -1):
        entry = at - tables.place + 8 * (address >> 12 + 9 * level & (1 << bits) - 1)
        pte = int.from_bytes(tables.data[entry : entry + 8], "little")
        if pte & 0b1110:
            return pte, level
        assert pte & 1
        at, bits = (pte >> 10 & (1 << 44) - 1) << 12, 9
    raise AssertionError("a pointer at level 0")


@pytest.mark.parametrize(("levels", "wide"), SHAPES)
def test_a_walker_finds_what_was_put(levels: int, wide: bool) -> None:
    """Pages of every size at random addresses are found by the manual's algorithm, each where it was put."""
    pick = Random(levels)
    tables = Tables(levels, PLACE, 200 * PAGE, wide=wide)
    put = []
    for _ in range(60):
        level = pick.randrange(levels)
        address = random_page(pick, tables, level, signed=not wide)
        pte = leaf(0x8000_0000 & -tables.span(level), pick.choice((2, 10, 14)))
        if tables.put(address, level, pte):
            put.append((address, level, pte))

    assert {level for _, level, _ in put} == set(range(levels))
    for address, level, pte in put:
        assert walk(tables, address + pick.randrange(tables.span(level)), wide=wide) == (pte, level)
        assert tables.value(address, level) == pte


def test_the_root_says_what_the_tables_are() -> None:
    """The register's mode is the manual's number of the scheme, its page number the root's."""
    assert [Tables(levels, PLACE, 0x4000).root for levels in (3, 4, 5)] == [
        mode << 60 | PLACE >> 12 for mode in (8, 9, 10)
    ]
    assert Tables(3, PLACE, 0x4000, wide=True).bits == 41


def test_nothing_is_overwritten() -> None:
    """An entry is put once, nothing goes below a leaf, and a memory that is full is not outgrown."""
    tables = Tables(3, PLACE, 2 * PAGE)

    assert tables.put(0x4000_0000, 1, leaf(0x8000_0000, 2))
    assert not tables.put(0x4000_0000, 1, leaf(0x8020_0000, 2))
    assert not tables.put(0x4000_1000, 0, leaf(0x8000_1000, 2))
    assert not tables.put(0x8000_0000, 0, leaf(0x8000_1000, 2))
    assert tables.free() == 0


def test_pointers_are_spoilt_where_that_is_allowed() -> None:
    """Bits are set in a pointer to a late table, and in none to an early one or in a leaf."""
    tables = Tables(3, PLACE, 8 * PAGE)
    tables.put(0x1000, 0, leaf(0x8000_0000, 2))
    tables.put(0x8000_0000, 0, leaf(0x8000_0000, 2))

    assert tables.spoil(0x8000_0000, 1, 1 << 60, beyond=3)
    assert not tables.spoil(0x1000, 1, 1 << 60, beyond=3)
    assert not tables.spoil(0x1000, 0, 1 << 60)
    assert tables.value(0x8000_0000, 1) == 1 << 60 | PLACE + 4 * PAGE >> 2 | 1


def test_napot_entries_are_the_manuals() -> None:
    """A NAPOT leaf has N, and 1000 in the low bits of its page number (volume II, "Svnapot")."""
    assert napot(leaf(0x8001_5000, 2)) == 1 << 63 | 0x8001_8 << 10 | 0xC3


def test_random_entries_are_of_every_kind() -> None:
    """Random entries have each bit set and clear, and most of them are leaves that map the page."""
    pick = Random(1)
    kinds = Kinds(napot=True, types=True)
    entries = [random_entry(pick, 0x8000_8000, 0, kinds) for _ in range(2000)]

    for bit in range(64):
        assert len({entry >> bit & 1 for entry in entries}) == 2, f"bit {bit}"
    assert sum(entry >> 10 & (1 << 44) - 1 == 0x8000_8 and entry & 1 for entry in entries) > 1000
