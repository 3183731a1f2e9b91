"""From an address as the program formed it to a physical one: effective privilege, translation, protection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MSTATUS_MPRV, MSTATUS_SUM, Cause, Privilege
from emulator.hart.pmp import pmp_permissions
from emulator.hart.state import NO_TAG
from emulator.hart.translation import FETCH, LOAD, STORE, translate
from emulator.isa.domain import Routine, routine

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value

PAGE: Final = 0xFFF
SUM_CONTEXT: Final = 2


@routine(params=0)
def data_privilege(d: Domain) -> None:
    """The privilege that loads and stores are made with: the current one, or `mstatus.MPP` under MPRV."""
    status = d.get("mstatus")
    borrowed = d.both(d.eq(d.get("priv"), Privilege.M), d.ne(d.and_(status, MSTATUS_MPRV), 0))
    d.ret(d.select(borrowed, d.and_(d.lshr(status, 11), 3), d.get("priv")))


@routine(params=2, traps=True)
def translate_data(d: Domain, address: Value, kind: Value) -> None:
    """Physical address of a byte that is loaded or stored (`kind`). One page's bytes translate alike.

    With `LOAD | STORE` either permission is enough, and a fault is a store's.
    """
    d.ret(d.call(translate, address, kind, d.call(data_privilege)))


@routine(params=1, traps=True)
def translate_fetch(d: Domain, address: Value) -> None:
    """Physical address of an instruction parcel."""
    d.ret(d.call(translate, address, FETCH, d.get("priv")))


@routine(params=0)
def data_context(d: Domain) -> None:
    """Which TLB set loads and stores use: one a privilege, and one more (2) for S-mode under SUM.

    A change of MXR or of `satp` flushes instead.
    """
    priv = d.call(data_privilege)
    summed = d.ne(d.and_(d.get("mstatus"), MSTATUS_SUM), 0)
    d.ret(d.select(d.both(d.eq(priv, Privilege.S), summed), SUM_CONTEXT, priv))


@routine(params=2)
def page_permissions(d: Domain, page: Value, priv: Value) -> None:
    """What may be cached about a whole physical page: R, W and X for `priv`, 0 if its bytes differ."""
    d.ret(d.call(pmp_permissions, page, d.or_(page, PAGE), priv))


@routine(params=3, traps=True)
def check_data(d: Domain, physical: Value, size: Value, kind: Value) -> None:
    """Raise the access fault if the PMP forbids this load or store of `size` bytes at `physical`.

    With `LOAD | STORE` either permission is enough, and the fault is a store's.

    The trap value is left to the caller, who knows the virtual address: `trap_tval` is set before the call.
    """
    priv = d.call(data_privilege)
    allowed = d.call(pmp_permissions, physical, d.add(physical, d.sub(size, 1)), priv)
    for _ in d.when(d.eq(d.and_(allowed, kind), 0)):
        d.trap(d.select(d.eq(kind, LOAD), Cause.LOAD_ACCESS, Cause.STORE_ACCESS), d.get("trap_tval"))


@routine(params=2, traps=True)
def check_fetch(d: Domain, physical: Value, address: Value) -> None:
    """Raise an instruction access fault if the PMP forbids executing the parcel at `physical`."""
    allowed = d.call(pmp_permissions, physical, d.add(physical, 1), d.get("priv"))
    for _ in d.when(d.eq(d.and_(allowed, FETCH), 0)):
        d.trap(Cause.FETCH_ACCESS, address)


def _locate(d: Domain, address: Value, size: Value, kind: int) -> Value:
    """Translate and check an access that lies in one page; returns its physical address."""
    physical = d.call(translate_data, address, kind)
    d.put("trap_tval", address)
    d.put("fault_cause", Cause.LOAD_ACCESS if kind == LOAD else Cause.STORE_ACCESS)
    d.call(check_data, physical, size, kind)
    return physical


def _crosses(d: Domain, address: Value, size: int) -> Value:
    return d.ult(0x1000 - size, d.and_(address, PAGE))


def _locate_both(d: Domain, address: Value, size: int, kind: int) -> None:
    """Check the parts of an access in two pages, both before a byte is read or written.

    Each part is one memory operation: a PMP entry that matches some of its bytes must match all of them, "or the
    operation fails, irrespective of the L, R, W, and X bits" ("Physical Memory Protection", priority and matching).
    """
    first = d.sub(PAGE + 1, d.and_(address, PAGE))
    _locate(d, address, first, kind)
    _locate(d, d.add(address, first), d.sub(size, first), kind)


def _reader(size: int) -> Routine:
    def body(d: Domain, address: Value) -> None:
        d.watch(address, size, LOAD)
        for _ in d.when(_crosses(d, address, size)) if size > 1 else ():
            _locate_both(d, address, size, LOAD)
            value = d.call(READ[1], address)
            for at in range(1, size):
                value = d.or_(value, d.shl(d.call(READ[1], d.add(address, at)), 8 * at))
            d.ret(value)
        physical = _locate(d, address, size, LOAD)
        d.cache(address, physical)
        d.ret(d.load_physical(physical, size))

    return Routine(f"read_{size}", 1, body, traps=True)


def _writer(size: int) -> Routine:
    def body(d: Domain, address: Value, value: Value) -> None:
        d.watch(address, size, STORE)
        for _ in d.when(_crosses(d, address, size)) if size > 1 else ():
            _locate_both(d, address, size, STORE)
            for at in range(size):
                d.call(WRITE[1], d.add(address, at), d.lshr(value, 8 * at))
            d.ret(0)
        physical = _locate(d, address, size, STORE)
        d.cache(address, physical)
        d.store_physical(physical, size, value)
        d.ret(0)

    return Routine(f"write_{size}", 2, body, traps=True)


READ: Final = {size: _reader(size) for size in (1, 2, 4, 8)}
"""By size: load at an address as the program formed it, aligned or not; the slow path of every load."""

WRITE: Final = {size: _writer(size) for size in (1, 2, 4, 8)}
"""By size: store, the slow path of every store."""


def _aligned(d: Domain, address: Value, size: int, cause: Cause) -> None:
    for _ in d.when(d.ne(d.and_(address, size - 1), 0)):
        d.trap(cause, address)


def _atomic_read(size: int) -> Routine:
    def body(d: Domain, address: Value) -> None:
        _aligned(d, address, size, Cause.STORE_MISALIGNED)
        d.watch(address, size, LOAD | STORE)
        physical = _locate(d, address, size, STORE)
        d.cache(address, physical)
        d.ret(d.load_physical(physical, size))

    return Routine(f"atomic_read_{size}", 1, body, traps=True)


@routine(params=1, traps=True)
def atomic_pair(d: Domain, address: Value) -> None:
    """Everything that can stop an AMO of 16 bytes, before any of them is touched."""
    _aligned(d, address, 16, Cause.STORE_MISALIGNED)
    d.watch(address, 16, LOAD | STORE)
    _locate(d, address, 16, STORE)
    d.ret(0)


def _load_reserved(size: int) -> Routine:
    def body(d: Domain, address: Value) -> None:
        _aligned(d, address, size, Cause.LOAD_MISALIGNED)
        value = d.call(READ[size], address)
        d.put("reservation", d.call(translate_data, address, LOAD))
        d.ret(value)

    return Routine(f"load_reserved_{size}", 1, body, traps=True)


def _store_conditional(size: int) -> Routine:
    def body(d: Domain, address: Value, value: Value) -> None:
        _aligned(d, address, size, Cause.STORE_MISALIGNED)
        physical = _locate(d, address, size, STORE)
        held = d.eq(d.get("reservation"), physical)
        for _ in d.when(held):
            d.call(WRITE[size], address, value)
        d.put("reservation", NO_TAG)
        d.ret(d.flag(d.negate(held)))

    return Routine(f"store_conditional_{size}", 2, body, traps=True)


ATOMIC_READ: Final = {size: _atomic_read(size) for size in (1, 2, 4, 8)}
"""By size: the load of an AMO, whose every exception is a store's; what it may read, it may write."""

LOAD_RESERVED: Final = {size: _load_reserved(size) for size in (4, 8)}
"""By size: LR. Returns the value, zero-extended."""

STORE_CONDITIONAL: Final = {size: _store_conditional(size) for size in (4, 8)}
"""By size: SC. Returns 0 if it stored, 1 if the reservation was gone."""
