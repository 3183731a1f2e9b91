"""Sv39, Sv48, Sv57 and their G-stage forms: from a virtual to a physical address.

(Manual volume II, "Virtual Address Translation Process"; for V=1 "Two-Stage Address Translation".)

One walk serves both stages. What a G-stage does otherwise is asked where it matters, by the walk's `stage`: its root
has 2,048 entries, addresses above its width must be zero, every access is a user's, and a fault is a guest-page fault.
The walk of a VS-stage finds its own tables through the G-stage.

A walk leaves in the field `walked`, and a whole translation in `leaf`, what may be cached about the page: the kinds of
access that its PTE allows as it now stands. A page whose D bit is clear is not writable in that sense, so that its
first store walks again and sets the bit or faults.

A debugger translates by the same walk, but asks for no permission and changes nothing: it answers `leaf_permissions`,
`touch_leaf` and `pmp_permissions` itself (`emulator.hart.inspection`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MASK64, MSTATUS_MXR, MSTATUS_SUM, PMP_R, PMP_W, PMP_X, Cause, Privilege
from emulator.hart.modes import PRIVILEGE, is_guest, status_of
from emulator.hart.pmp import pmp_permissions
from emulator.isa.domain import routine
from emulator.isa.extensions import EXTENSION_BITS

if TYPE_CHECKING:
    from emulator.isa.domain import Bool, Domain, Value

LOAD: Final = PMP_R
STORE: Final = PMP_W
FETCH: Final = PMP_X
EXECUTE: Final = 8
"""Kinds of access: the first three as the permission that each needs; `EXECUTE` is HLVX, a load of what is code."""

EVERYTHING: Final = LOAD | STORE | FETCH | EXECUTE

FIRST: Final = 0
"""The only stage at V=0, the VS-stage at V=1."""
SECOND: Final = 1
"""The G-stage, for the access itself."""
IMPLICIT: Final = 2
"""The G-stage, for a page-table access of the VS-stage."""

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

PSEUDO_READ: Final = 0x3000
PSEUDO_WRITE: Final = 0x3020
"""Pseudo-instructions in mtinst and htinst: the VS-stage read a PTE, or updated its A and D bits."""


def has(d: Domain, extension: str) -> Bool:
    """Whether the hart has an extension."""
    return d.ne(d.and_(d.shared("extensions"), 1 << EXTENSION_BITS[extension]), 0)


def _cause(d: Domain, kind: Value, fetch: Cause, load: Cause, store: Cause) -> Value:
    """The cause for a kind of access; with `LOAD | STORE` a store's."""
    stores = d.ne(d.and_(kind, STORE), 0)
    return d.select(stores, store, d.select(d.eq(kind, FETCH), fetch, load))


def access_cause(d: Domain, kind: Value) -> Value:
    """The access fault of a kind of access."""
    return _cause(d, kind, Cause.FETCH_ACCESS, Cause.LOAD_ACCESS, Cause.STORE_ACCESS)


@routine(params=3, traps=True)
def walk_fault(d: Domain, address: Value, kind: Value, stage: Value) -> None:
    """Raise the page fault of the access that is being translated, at `address` of a stage.

    A guest-page fault tells the guest-physical address too, and whether a page-table access met it; `kind` is then
    that access's.
    """
    kind_of_access, tval = d.get("access_kind"), d.get("access_address")
    for _ in d.when(d.eq(stage, FIRST)):
        d.trap(_cause(d, kind_of_access, Cause.FETCH_PAGE, Cause.LOAD_PAGE, Cause.STORE_PAGE), tval)
    cause = _cause(d, kind_of_access, Cause.FETCH_GUEST_PAGE, Cause.LOAD_GUEST_PAGE, Cause.STORE_GUEST_PAGE)
    pseudo = d.select(d.eq(kind, STORE), PSEUDO_WRITE, PSEUDO_READ)
    d.trap(cause, tval, tval2=d.lshr(address, 2), tinst=d.select(d.eq(stage, IMPLICIT), pseudo, 0))


@routine(params=2, traps=True)
def check_table(d: Domain, entry: Value, needed: Value) -> None:
    """Raise the access fault of the original access if the PTE at a physical address cannot be read (or written).

    Page-table accesses are made as S-mode's, whoever they are for.
    """
    allowed = d.call(pmp_permissions, entry, d.add(entry, PTE_SIZE - 1), Privilege.S)
    forbidden = d.ne(d.and_(allowed, needed), needed)
    for _ in d.when(d.either(forbidden, d.negate(d.holds_memory(entry)))):
        d.trap(access_cause(d, d.get("access_kind")), d.get("access_address"))


@routine(params=3, traps=True)
def find_table(d: Domain, entry: Value, kind: Value, nested: Value) -> None:
    """Physical address of a PTE that is loaded or stored: at `entry`, or where that guest-physical address is.

    Pages whose PTEs may be loaded are remembered, the guest-physical ones (`nested`) apart from the others.
    """
    place = d.var(entry)
    for _ in d.when(d.ne(nested, 0)):
        place.set(d.call(walk, entry, kind, d.get("hgatp"), IMPLICIT))
    d.call(check_table, place.get(), kind)
    for _ in d.when(d.eq(kind, LOAD)):
        d.know_table(d.or_(entry, nested), place.get())
    d.ret(place.get())


def _nested(d: Domain, stage: Value) -> Value:
    """1 if the tables of a walk are at guest-physical addresses that have to be translated, else 0."""
    guest = d.both(d.eq(stage, FIRST), is_guest(d, d.get("access_mode")))
    return d.flag(d.both(guest, d.ne(d.lshr(d.get("hgatp"), SATP_MODE), 0)))


@routine(params=2)
def leaf_permissions(d: Domain, pte: Value, stage: Value) -> None:
    """The kinds of access that a leaf allows, A and D aside.

    The G-stage takes every access for a user's, and heeds MXR of `mstatus` alone, for what is not a page-table access.
    """
    mode = d.get("access_mode")
    first = d.eq(stage, FIRST)
    status = status_of(d, mode)
    both = d.or_(d.get("mstatus"), status)
    mxr = d.and_(d.select(first, both, d.select(d.eq(stage, SECOND), d.get("mstatus"), 0)), MSTATUS_MXR)
    executable = d.ne(d.and_(pte, PTE_X), 0)
    readable = d.either(d.ne(d.and_(pte, PTE_R), 0), d.both(executable, d.ne(mxr, 0)))
    data = d.or_(d.select(readable, LOAD, 0), d.select(d.ne(d.and_(pte, PTE_W), 0), STORE, 0))
    data = d.or_(data, d.select(executable, EXECUTE, 0))
    everything = d.or_(data, d.select(executable, FETCH, 0))
    for_user = d.ne(d.and_(pte, PTE_U), 0)
    as_user = d.either(d.negate(first), d.eq(d.and_(mode, PRIVILEGE), Privilege.U))
    summed = d.ne(d.and_(status, MSTATUS_SUM), 0)
    supervisor = d.select(for_user, d.select(summed, data, 0), everything)
    d.ret(d.select(as_user, d.select(for_user, everything, 0), supervisor))


def _configuration(d: Domain, stage: Value) -> Value:
    """The bits ADUE and PBMTE of the register that controls a stage; `henvcfg` has only what `menvcfg` allows."""
    of_guest = d.both(d.eq(stage, FIRST), is_guest(d, d.get("access_mode")))
    return d.and_(d.get("menvcfg"), d.select(of_guest, d.get("henvcfg"), ENVCFG_ADUE | ENVCFG_PBMTE))


def _misshapen(d: Domain, pte: Value, level: Value, stage: Value) -> Bool:
    """Whether a leaf's reserved bits, memory type or alignment make it invalid at its level."""
    ppn = d.and_(d.lshr(pte, 10), SATP_PPN)
    misaligned = d.ne(d.and_(ppn, d.sub(d.shl(1, d.mul(level, 9)), 1)), 0)
    napot = d.ne(d.and_(pte, PTE_N), 0)
    legal_napot = d.both(d.both(has(d, "svnapot"), d.eq(level, 0)), d.eq(d.and_(ppn, 15), NAPOT_64K))
    memory_type = d.and_(pte, PTE_PBMT)
    typed = d.ne(d.and_(_configuration(d, stage), ENVCFG_PBMTE), 0)
    bad_type = d.either(d.eq(memory_type, PTE_PBMT), d.both(d.ne(memory_type, 0), d.negate(typed)))
    return d.either(d.either(misaligned, bad_type), d.both(napot, d.negate(legal_napot)))


@routine(params=5, traps=True)
def touch_leaf(d: Domain, pte: Value, entry: Value, address: Value, kind: Value, stage: Value) -> None:
    """Set A, for a store D too, in a leaf and in memory, or raise the page fault; returns the leaf as it now is."""
    needed = d.select(d.eq(kind, STORE), PTE_A | PTE_D, PTE_A)
    current = d.or_(pte, needed)
    for _ in d.when(d.ne(pte, current)):
        for _ in d.when(d.eq(d.and_(_configuration(d, stage), ENVCFG_ADUE), 0)):
            d.call(walk_fault, address, kind, stage)
        place = d.call(find_table, entry, STORE, _nested(d, stage))
        d.call(check_table, place, LOAD | STORE)
        d.put("trap_tval", d.get("access_address"))
        d.put("fault_cause", access_cause(d, d.get("access_kind")))
        d.store_physical(place, PTE_SIZE, current)
    d.ret(current)


def _widen(d: Domain, address: Value, span: Value) -> None:
    """A fence for any address of a large leaf is about all of it: note which addresses such leaves translate."""
    space = d.flag(is_guest(d, d.get("access_mode")))
    low, end = d.and_(address, d.xor(span, MASK64)), d.xor(d.or_(address, span), MASK64)
    for field, bound in (("large_first", low), ("large_end", end)):
        known = d.get(field, space)
        d.put(field, d.select(d.ult(bound, known), bound, known), space)


@routine(params=6, traps=True)
def use_leaf(d: Domain, pte: Value, entry: Value, level: Value, address: Value, kind: Value, stage: Value) -> None:
    """Steps 5 to 9 of the manual's algorithm: check a leaf, bring A and D up to date, form the address."""
    allowed = d.call(leaf_permissions, pte, stage)
    refused = d.eq(d.and_(allowed, kind), 0)
    for _ in d.when(d.either(refused, _misshapen(d, pte, level, stage))):
        d.call(walk_fault, address, kind, stage)
    current = d.call(touch_leaf, pte, entry, address, kind, stage)
    dirty = d.ne(d.and_(current, PTE_D), 0)
    d.put("walked", d.select(dirty, allowed, d.and_(allowed, EVERYTHING ^ STORE)))
    napot = d.select(d.ne(d.and_(pte, PTE_N), 0), 0xF000, 0)
    span = d.or_(d.sub(d.shl(1, d.add(d.mul(level, 9), 12)), 1), napot)
    base = d.shl(d.and_(d.lshr(pte, 10), SATP_PPN), 12)
    for _ in d.when(d.both(d.eq(stage, FIRST), d.ne(span, 0xFFF))):
        _widen(d, address, span)
    d.ret(d.or_(d.and_(base, d.xor(span, MASK64)), d.and_(address, span)))


def _stray(d: Domain, address: Value, levels: Value, stage: Value) -> Bool:
    """Whether an address is none of the tables': a virtual one is sign-extended, a guest-physical one zero-extended."""
    unused = d.sub(52, d.mul(levels, 9))
    virtual = d.ne(d.ashr(d.shl(address, unused), unused), address)
    physical = d.ne(d.lshr(address, d.sub(66, unused)), 0)
    return d.select(d.eq(stage, FIRST), d.flag(virtual), d.flag(physical))


@routine(params=4, traps=True)
def walk(d: Domain, address: Value, kind: Value, root: Value, stage: Value) -> None:
    """Translate an address through the tables at `root` (`satp`, `vsatp` or `hgatp`, whose mode is not Bare).

    `kind` is the access that the tables must allow; what faults is the access described by the fields `access_*`.
    """
    levels = d.sub(d.lshr(root, SATP_MODE), SV39 - 3)
    for _ in d.when(d.ne(_stray(d, address, levels, stage), 0)):
        d.call(walk_fault, address, kind, stage)
    first = d.eq(stage, FIRST)
    nested = _nested(d, stage)
    table = d.var(d.shl(d.and_(root, d.select(first, SATP_PPN, SATP_PPN ^ 3)), 12))
    indices = d.var(d.select(first, 511, 2047))
    level = d.var(levels)
    for _ in d.loop(lambda: d.ne(level.get(), 0)):
        level.set(d.sub(level.get(), 1))
        index = d.and_(d.lshr(address, d.add(d.mul(level.get(), 9), 12)), indices.get())
        indices.set(511)
        entry = d.add(table.get(), d.shl(index, 3))
        place = d.var(d.known_table(d.or_(entry, nested)))
        for _ in d.when(d.eq(place.get(), 0)):
            place.set(d.call(find_table, entry, LOAD, nested))
        pte = d.load_physical(place.get(), PTE_SIZE)
        shape = d.and_(pte, PTE_R | PTE_W | PTE_X)
        writable_only = d.eq(d.and_(pte, PTE_R | PTE_W), PTE_W)
        absent = d.eq(d.and_(pte, PTE_V), 0)
        reserved = d.ne(d.and_(pte, PTE_RESERVED), 0)
        for _ in d.when(d.either(d.either(absent, writable_only), reserved)):
            d.call(walk_fault, address, kind, stage)
        for _ in d.when(d.ne(shape, 0)):
            d.ret(d.call(use_leaf, pte, entry, level.get(), address, kind, stage))
        for _ in d.when(d.ne(d.and_(pte, PTE_A | PTE_D | PTE_U | PTE_PBMT | PTE_N), 0)):
            d.call(walk_fault, address, kind, stage)
        table.set(d.shl(d.and_(d.lshr(pte, 10), SATP_PPN), 12))
    d.call(walk_fault, address, kind, stage)


@routine(params=3, traps=True)
def translate(d: Domain, address: Value, kind: Value, mode: Value) -> None:
    """Physical address of an access (after masking) that is made in a mode; one page's bytes translate alike."""
    d.put("access_address", address)
    d.put("access_kind", kind)
    d.put("access_mode", mode)
    d.put("leaf", EVERYTHING)
    for _ in d.when(d.eq(mode, Privilege.M)):
        d.ret(address)
    guest = is_guest(d, mode)
    place = d.var(address)
    root = d.select(guest, d.get("vsatp"), d.get("satp"))
    for _ in d.when(d.ne(d.lshr(root, SATP_MODE), 0)):
        place.set(d.call(walk, address, kind, root, FIRST))
        d.put("leaf", d.get("walked"))
    d.put("guest_physical", place.get())
    hgatp = d.get("hgatp")
    for _ in d.when(d.both(guest, d.ne(d.lshr(hgatp, SATP_MODE), 0))):
        place.set(d.call(walk, place.get(), kind, hgatp, SECOND))
        d.put("leaf", d.and_(d.get("leaf"), d.get("walked")))
    d.ret(place.get())
