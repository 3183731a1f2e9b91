"""Sv39, Sv48 and Sv57: from a virtual to a physical address (manual volume II, "Virtual Address Translation Process").

A walk leaves in the field `leaf` what may be cached about the page: the kinds of access that its PTE allows as it now
stands. A page whose D bit is clear is not writable in that sense, so that its first store walks again and sets the bit
or faults.

A debugger translates by the same walk, but asks for no permission and changes nothing: it answers `leaf_permissions`,
`touch_leaf` and `pmp_permissions` itself (`emulator.debug.Inspector`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MSTATUS_MXR, MSTATUS_SUM, PMP_R, PMP_W, PMP_X, Cause, Privilege
from emulator.hart.pmp import pmp_permissions
from emulator.isa.domain import routine
from emulator.isa.extensions import EXTENSION_BITS

if TYPE_CHECKING:
    from emulator.isa.domain import Bool, Domain, Value

LOAD: Final = PMP_R
STORE: Final = PMP_W
FETCH: Final = PMP_X
"""Kinds of access, as the permission that each needs."""

EVERYTHING: Final = LOAD | STORE | FETCH

SATP_MODE: Final = 60
SATP_PPN: Final = (1 << 44) - 1
SATP_ASID: Final = 0xFFFF << 44
SV39: Final = 8
SV57: Final = 10

PTE_V: Final = 1 << 0
PTE_R: Final = 1 << 1
PTE_W: Final = 1 << 2
PTE_X: Final = 1 << 3
PTE_U: Final = 1 << 4
PTE_A: Final = 1 << 6
PTE_D: Final = 1 << 7
PTE_RESERVED: Final = 0x7F << 54
PTE_PBMT: Final = 3 << 61
PTE_N: Final = 1 << 63
PTE_SIZE: Final = 8

ENVCFG_ADUE: Final = 1 << 61
ENVCFG_PBMTE: Final = 1 << 62

NAPOT_64K: Final = 8
"""The low four bits of the PPN of the one NAPOT size that there is."""


def has(d: Domain, extension: str) -> Bool:
    """Whether the hart has an extension."""
    return d.ne(d.and_(d.shared("extensions"), 1 << EXTENSION_BITS[extension]), 0)


def _cause(d: Domain, kind: Value, fetch: Cause, load: Cause, store: Cause) -> Value:
    return d.select(d.eq(kind, FETCH), fetch, d.select(d.eq(kind, LOAD), load, store))


@routine(params=2, traps=True)
def page_fault(d: Domain, address: Value, kind: Value) -> None:
    """Raise the page fault of an access."""
    d.trap(_cause(d, kind, Cause.FETCH_PAGE, Cause.LOAD_PAGE, Cause.STORE_PAGE), address)


@routine(params=2, traps=True)
def access_fault(d: Domain, address: Value, kind: Value) -> None:
    """Raise the access fault of an access."""
    d.trap(_cause(d, kind, Cause.FETCH_ACCESS, Cause.LOAD_ACCESS, Cause.STORE_ACCESS), address)


@routine(params=4, traps=True)
def check_table(d: Domain, entry: Value, needed: Value, address: Value, kind: Value) -> None:
    """Raise the access fault of the original access if a PTE cannot be read (or written): it is made as S-mode's."""
    allowed = d.call(pmp_permissions, entry, d.add(entry, PTE_SIZE - 1), Privilege.S)
    forbidden = d.ne(d.and_(allowed, needed), needed)
    for _ in d.when(d.either(forbidden, d.negate(d.holds_memory(entry)))):
        d.call(access_fault, address, kind)


@routine(params=2)
def leaf_permissions(d: Domain, pte: Value, priv: Value) -> None:
    """The kinds of access that a leaf allows to a privilege, A and D aside."""
    status = d.get("mstatus")
    executable = d.ne(d.and_(pte, PTE_X), 0)
    through_mxr = d.both(executable, d.ne(d.and_(status, MSTATUS_MXR), 0))
    readable = d.either(d.ne(d.and_(pte, PTE_R), 0), through_mxr)
    data = d.or_(d.select(readable, LOAD, 0), d.select(d.ne(d.and_(pte, PTE_W), 0), STORE, 0))
    fetch = d.select(executable, FETCH, 0)
    for_user = d.ne(d.and_(pte, PTE_U), 0)
    as_user = d.eq(priv, Privilege.U)
    summed = d.ne(d.and_(status, MSTATUS_SUM), 0)
    supervisor = d.select(for_user, d.select(summed, data, 0), d.or_(data, fetch))
    d.ret(d.select(as_user, d.select(for_user, d.or_(data, fetch), 0), supervisor))


def _misshapen(d: Domain, pte: Value, level: Value) -> Bool:
    """Whether a leaf's reserved bits, memory type or alignment make it invalid at its level."""
    ppn = d.and_(d.lshr(pte, 10), SATP_PPN)
    misaligned = d.ne(d.and_(ppn, d.sub(d.shl(1, d.mul(level, 9)), 1)), 0)
    napot = d.ne(d.and_(pte, PTE_N), 0)
    legal_napot = d.both(d.both(has(d, "svnapot"), d.eq(level, 0)), d.eq(d.and_(ppn, 15), NAPOT_64K))
    memory_type = d.and_(pte, PTE_PBMT)
    typed = d.ne(d.and_(d.get("menvcfg"), ENVCFG_PBMTE), 0)
    bad_type = d.either(d.eq(memory_type, PTE_PBMT), d.both(d.ne(memory_type, 0), d.negate(typed)))
    return d.either(d.either(misaligned, bad_type), d.both(napot, d.negate(legal_napot)))


@routine(params=4, traps=True)
def touch_leaf(d: Domain, pte: Value, entry: Value, address: Value, kind: Value) -> None:
    """Set A, for a store D too, in a leaf and in memory, or raise the page fault; returns the leaf as it now is."""
    needed = d.select(d.eq(kind, STORE), PTE_A | PTE_D, PTE_A)
    current = d.or_(pte, needed)
    for _ in d.when(d.ne(pte, current)):
        for _ in d.when(d.eq(d.and_(d.get("menvcfg"), ENVCFG_ADUE), 0)):
            d.call(page_fault, address, kind)
        d.call(check_table, entry, LOAD | STORE, address, kind)
        d.put("trap_tval", address)
        d.put("fault_cause", _cause(d, kind, Cause.FETCH_ACCESS, Cause.LOAD_ACCESS, Cause.STORE_ACCESS))
        d.store_physical(entry, PTE_SIZE, current)
    d.ret(current)


@routine(params=6, traps=True)
def use_leaf(d: Domain, pte: Value, entry: Value, level: Value, address: Value, kind: Value, priv: Value) -> None:
    """Steps 5 to 9 of the manual's algorithm: check a leaf, bring A and D up to date, form the physical address."""
    allowed = d.call(leaf_permissions, pte, priv)
    refused = d.eq(d.and_(allowed, kind), 0)
    for _ in d.when(d.either(refused, _misshapen(d, pte, level))):
        d.call(page_fault, address, kind)
    current = d.call(touch_leaf, pte, entry, address, kind)
    dirty = d.ne(d.and_(current, PTE_D), 0)
    d.put("leaf", d.select(dirty, allowed, d.and_(allowed, EVERYTHING ^ STORE)))
    napot = d.select(d.ne(d.and_(pte, PTE_N), 0), 0xF000, 0)
    span = d.or_(d.sub(d.shl(1, d.add(d.mul(level, 9), 12)), 1), napot)
    base = d.shl(d.and_(d.lshr(pte, 10), SATP_PPN), 12)
    d.ret(d.or_(d.and_(base, d.xor(span, (1 << 64) - 1)), d.and_(address, span)))


@routine(params=3, traps=True)
def walk(d: Domain, address: Value, kind: Value, priv: Value) -> None:
    """Translate through the tables at `satp`, whose mode is not Bare; returns the physical address."""
    satp = d.get("satp")
    levels = d.sub(d.lshr(satp, SATP_MODE), SV39 - 3)
    unused = d.sub(52, d.mul(levels, 9))
    for _ in d.when(d.ne(d.ashr(d.shl(address, unused), unused), address)):
        d.call(page_fault, address, kind)
    table = d.var(d.shl(d.and_(satp, SATP_PPN), 12))
    level = d.var(levels)
    for _ in d.loop(lambda: d.ne(level.get(), 0)):
        level.set(d.sub(level.get(), 1))
        index = d.and_(d.lshr(address, d.add(d.mul(level.get(), 9), 12)), 511)
        entry = d.add(table.get(), d.shl(index, 3))
        d.call(check_table, entry, LOAD, address, kind)
        pte = d.load_physical(entry, PTE_SIZE)
        shape = d.and_(pte, PTE_R | PTE_W | PTE_X)
        writable_only = d.eq(d.and_(pte, PTE_R | PTE_W), PTE_W)
        absent = d.eq(d.and_(pte, PTE_V), 0)
        reserved = d.ne(d.and_(pte, PTE_RESERVED), 0)
        for _ in d.when(d.either(d.either(absent, writable_only), reserved)):
            d.call(page_fault, address, kind)
        for _ in d.when(d.ne(shape, 0)):
            d.ret(d.call(use_leaf, pte, entry, level.get(), address, kind, priv))
        for _ in d.when(d.ne(d.and_(pte, PTE_A | PTE_D | PTE_U | PTE_PBMT | PTE_N), 0)):
            d.call(page_fault, address, kind)
        table.set(d.shl(d.and_(d.lshr(pte, 10), SATP_PPN), 12))
    d.call(page_fault, address, kind)


@routine(params=3, traps=True)
def translate(d: Domain, address: Value, kind: Value, priv: Value) -> None:
    """Physical address of an access with an effective privilege; one page's bytes translate alike."""
    bare = d.eq(d.lshr(d.get("satp"), SATP_MODE), 0)
    for _ in d.when(d.either(bare, d.eq(priv, Privilege.M))):
        d.put("leaf", EVERYTHING)
        d.ret(address)
    d.ret(d.call(walk, address, kind, priv))
