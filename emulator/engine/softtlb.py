"""The soft TLBs in compiled code: where an entry is, and what a fence or a change of the context drops.

A set of entries is for a mode (`emulator.hart.modes.data_context`), not for an address space: whoever writes `satp`
begins anew. What a fence for one address drops has to be exact, because systems fence each page that they map.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.engine.layout import PAGE_BITS, PAGE_SHIFT
from emulator.hart.fields import MASK64
from emulator.hart.modes import GUEST
from emulator.hart.state import (
    CONTEXTS,
    DATA_ENTRY,
    FETCH_ENTRY,
    MODES,
    NO_TAG,
    STALE_GUEST,
    STALE_SPACE,
    TABLE_ENTRIES,
    TABLE_ENTRY,
    TLB_ENTRIES,
)

if TYPE_CHECKING:
    from emulator.engine.ir import Emitter
    from emulator.engine.runtime import RuntimeEmitter
    from emulator.isa.domain import Value

DATA_SETS: Final = 3
FETCH_SETS: Final = 2
"""Sets that a value of V has: those of U, of S and (for data) of S under SUM."""


def data_entry(e: Emitter, table: str, address: Value) -> str:
    """Pointer to the data TLB entry for an address: page number, folded with the bits that a tag may occupy."""
    # Both shifts bring their bits to where an index times the entry's size has them.
    scaled = PAGE_SHIFT - (DATA_ENTRY.bit_length() - 1)
    folded = e.xor(e.lshr(address, scaled), e.lshr(address, 56 - PAGE_SHIFT + scaled))
    return e.at(table, e.and_(folded, (TLB_ENTRIES - 1) * DATA_ENTRY))


def fetch_entry(e: Emitter, table: str, address: Value) -> str:
    """Pointer to the fetch TLB entry for an address."""
    index = e.and_(e.lshr(address, PAGE_SHIFT), TLB_ENTRIES - 1)
    return e.at(table, e.mul(index, FETCH_ENTRY))


def _flush_table(e: RuntimeEmitter, first: str, entries: int, size: int, tags: tuple[int, ...]) -> None:
    """Clear the tags of `entries` entries, the first of them at a pointer."""
    at = e.var(0)
    for _ in e.loop(lambda: e.ult(at.get(), entries * size)):
        for tag in tags:
            e.store_raw("i64", NO_TAG, e.at(first, e.add(at.get(), tag)))
        at.set(e.add(at.get(), size))


def _nothing_special(e: RuntimeEmitter, space: Value) -> None:
    """Neither large leaves nor tagged addresses are cached for a value of V."""
    for field, value in (("large_first", NO_TAG), ("large_end", NO_TAG), ("tagged", 0)):
        e.put(field, value, space)


def flush_tlbs(e: RuntimeEmitter) -> None:
    """Forget every cached translation of this hart."""
    _flush_table(e, e.field("data_tlb"), CONTEXTS * TLB_ENTRIES, DATA_ENTRY, (0, 8))
    _flush_table(e, e.field("fetch_tlb"), MODES * TLB_ENTRIES, FETCH_ENTRY, (0,))
    _flush_table(e, e.field("table_tlb"), TABLE_ENTRIES, TABLE_ENTRY, (0,))
    for space in range(2):
        _nothing_special(e, space)
    e.ret()


def _sets(e: RuntimeEmitter, space: Value) -> tuple[str, str]:
    """The first data and the first fetch set of a value of V; those of S and of S under SUM follow that of U."""
    first = e.shl(space, GUEST.bit_length() - 1)
    data = e.at(e.field("data_tlb"), e.mul(first, TLB_ENTRIES * DATA_ENTRY))
    return data, e.at(e.field("fetch_tlb"), e.mul(first, TLB_ENTRIES * FETCH_ENTRY))


def flush_space(e: RuntimeEmitter) -> None:
    """Forget the translations of the modes with V = %a0 but M."""
    data, fetch = _sets(e, "%a0")
    _flush_table(e, data, DATA_SETS * TLB_ENTRIES, DATA_ENTRY, (0, 8))
    _flush_table(e, fetch, FETCH_SETS * TLB_ENTRIES, FETCH_ENTRY, (0,))
    _nothing_special(e, "%a0")
    e.ret()


def drop_stale(e: RuntimeEmitter) -> None:
    """Forget what %a0, a value of the field `stale`, names.

    A page is one entry of each set, unless its leaf may be a large one or some of it is cached under tagged addresses.
    """
    space, page = e.and_("%a0", STALE_GUEST), e.and_("%a0", PAGE_BITS)
    above = e.uge(page, e.get("large_first", space))
    large = e.both(above, e.uge(e.xor(page, MASK64), e.get("large_end", space)))
    whole = e.ne(e.or_(e.and_("%a0", STALE_SPACE), e.get("tagged", space)), 0)
    for _ in e.when(e.either(whole, large)):
        e.call_plain("flush_space", f"i64 {space}")
        e.ret()
    data, fetch = _sets(e, space)
    entry = data_entry(e, data, page)
    places = [e.at(entry, number * TLB_ENTRIES * DATA_ENTRY + tag) for number in range(DATA_SETS) for tag in (0, 8)]
    entry = fetch_entry(e, fetch, page)
    places += [e.at(entry, number * TLB_ENTRIES * FETCH_ENTRY) for number in range(FETCH_SETS)]
    for place in places:
        tag = e.load_word(place)
        e.store_raw("i64", e.select(e.eq(tag, page), NO_TAG, tag), place)
    e.ret()
