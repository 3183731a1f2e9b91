"""From an address as the program formed it to a physical one: effective mode, masking, translation, protection.

An access begins with `begin_access` (or, for HLV, HLVX and HSV, `begin_guest_access`), which leaves in the hart's state
the mode that it is made in and how its addresses are masked. From then on everything sees the masked address:
alignment, watchpoints, translation, protection, reservations and trap values. Only the soft TLB knows the other one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MASK64, Cause, Privilege
from emulator.hart.masking import UNMASKED, masked, pointer_mask
from emulator.hart.modes import PRIVILEGE, current_mode, data_mode, guest_mode
from emulator.hart.pmp import pmp_permissions
from emulator.hart.state import NO_TAG
from emulator.hart.translation import EXECUTE, FETCH, LOAD, STORE, access_cause, has, translate
from emulator.hart.triggers import consider_triggers
from emulator.isa.domain import Routine, routine
from emulator.isa.extensions import WITHOUT

if TYPE_CHECKING:
    from emulator.isa.domain import Bool, Domain, Value

PAGE: Final = 0xFFF


@routine(params=0)
def begin_access(d: Domain) -> None:
    """Begin a load or store of the running instruction."""
    mode = d.call(data_mode)
    d.put("access_mode", mode)
    d.put("access_mask", d.call(pointer_mask, mode, 0))


@routine(params=0)
def begin_guest_access(d: Domain) -> None:
    """Begin an HLV or HSV: a guest's access, whatever the hart's own mode and MPRV."""
    mode = guest_mode(d)
    d.put("access_mode", mode)
    d.put("access_mask", d.call(pointer_mask, mode, d.flag(d.eq(d.get("priv"), Privilege.U))))


@routine(params=0)
def begin_guest_execution(d: Domain) -> None:
    """Begin an HLVX, which stands in for a fetch and is not masked."""
    d.put("access_mode", guest_mode(d))
    d.put("access_mask", UNMASKED)


def start_access(d: Domain, formed: Value, begin: Routine = begin_access) -> Value:
    """Begin an access at an address as the program formed it; returns the masked one."""
    d.call(begin)
    address = masked(d, formed)
    d.put("access_start", address)
    d.put("access_formed", formed)
    return address


def _reach(d: Domain, address: Value, kind: Value) -> Value:
    """Physical address of a byte of the access that has begun."""
    return d.call(translate, address, kind, d.get("access_mode"))


@routine(params=2, traps=True)
def translate_data(d: Domain, formed: Value, kind: Value) -> None:
    """Physical address of a byte that is loaded or stored (`kind`). One page's bytes translate alike.

    With `LOAD | STORE` either permission is enough, and a fault is a store's.
    """
    d.ret(_reach(d, start_access(d, formed), kind))


@routine(params=1, traps=True)
def translate_fetch(d: Domain, address: Value) -> None:
    """Physical address of an instruction parcel."""
    d.ret(d.call(translate, address, FETCH, current_mode(d)))


@routine(params=2)
def page_permissions(d: Domain, page: Value, priv: Value) -> None:
    """What may be cached about a whole physical page: R, W and X for `priv`, 0 if its bytes differ."""
    d.ret(d.call(pmp_permissions, page, d.or_(page, PAGE), priv))


def _refused(d: Domain, allowed: Value, kind: Value) -> Bool:
    """Whether permissions do not suffice for a kind of access."""
    wanted = d.select(d.eq(kind, EXECUTE), LOAD | FETCH, kind)
    granted = d.and_(allowed, wanted)
    both = d.both(d.eq(kind, EXECUTE), d.ne(granted, wanted))
    return d.either(d.eq(granted, 0), both)


@routine(params=3, traps=True)
def check_data(d: Domain, physical: Value, size: Value, kind: Value) -> None:
    """Raise the access fault if the PMP forbids the access that has begun, `size` bytes at `physical`.

    With `LOAD | STORE` either permission is enough, and the fault is a store's. `EXECUTE` needs R and X.

    The trap value is left to the caller, who knows the virtual address: `trap_tval` is set before the call. Leaves in
    `allowed` what holds for the whole page.
    """
    priv = d.and_(d.get("access_mode"), PRIVILEGE)
    of_page = d.call(page_permissions, d.and_(physical, MASK64 ^ PAGE), priv)
    d.put("allowed", of_page)
    for _ in d.when(_refused(d, of_page, kind)):
        of_bytes = d.call(pmp_permissions, physical, d.add(physical, d.sub(size, 1)), priv)
        for _ in d.when(_refused(d, of_bytes, kind)):
            d.trap(access_cause(d, kind), d.get("trap_tval"))


@routine(params=2, traps=True)
def check_fetch(d: Domain, physical: Value, address: Value) -> None:
    """Raise an instruction access fault if the PMP forbids executing the parcel at `physical`."""
    allowed = d.call(pmp_permissions, physical, d.add(physical, 1), d.get("priv"))
    for _ in d.when(d.eq(d.and_(allowed, FETCH), 0)):
        d.trap(Cause.FETCH_ACCESS, address)


@routine(params=3, traps=True)
def locate(d: Domain, address: Value, size: Value, kind: Value) -> None:
    """Translate and check a part in one page of the access that has begun; returns its physical address."""
    physical = _reach(d, address, kind)
    d.put("trap_tval", address)
    d.put("fault_cause", access_cause(d, kind))
    d.call(check_data, physical, size, kind)
    d.ret(physical)


def _crosses(d: Domain, address: Value, size: int) -> Value:
    return d.ult(0x1000 - size, d.and_(address, PAGE))


def _locate_both(d: Domain, address: Value, size: int, kind: int) -> None:
    """Check the parts of an access in two pages, both before a byte is read or written.

    Each part is one memory operation: a PMP entry that matches some of its bytes must match all of them, "or the
    operation fails, irrespective of the L, R, W, and X bits" ("Physical Memory Protection", priority and matching).
    And each is masked by itself, so the second may be far from the first.
    """
    first = d.sub(PAGE + 1, d.and_(address, PAGE))
    second = masked(d, d.add(address, first))
    watched = kind & (LOAD | STORE) or LOAD
    d.watch(second, d.sub(size, first), watched)
    d.watch_place(d.call(locate, address, first, kind), first, watched)
    d.watch_place(d.call(locate, second, d.sub(size, first), kind), d.sub(size, first), watched)


def _stop_before(d: Domain, address: Value, size: int, kind: int) -> None:
    """What comes before an access is tried: the debugger's watchpoints, then the guest's own triggers."""
    d.watch(address, size, kind)
    consider_triggers(d, address, kind)


def _refuse_misaligned(d: Domain, address: Value, size: int, cause: Cause) -> None:
    """Raise the exception of a misaligned load or store where the hart does not do them (`-cpu misaligned=trap`)."""
    if size > 1:
        misaligned = d.ne(d.and_(address, size - 1), 0)
        for _ in d.when(d.both(misaligned, has(d, WITHOUT + "misaligned"))):
            d.trap(cause, address)


@routine(params=2, traps=True)
def read_byte(d: Domain, address: Value, kind: Value) -> None:
    """A byte of the access that has begun, by itself."""
    d.ret(d.load_physical(d.call(locate, masked(d, address), 1, kind), 1))


@routine(params=2, traps=True)
def write_byte(d: Domain, address: Value, value: Value) -> None:
    """Store a byte of the access that has begun, by itself."""
    d.store_physical(d.call(locate, masked(d, address), 1, STORE), 1, value)


def _reader(name: str, size: int, begin: Routine = begin_access, kind: int = LOAD) -> Routine:
    """The slow path of a load; only what the hart's own mode loads is cached."""

    def body(d: Domain, formed: Value) -> None:
        address = start_access(d, formed, begin)
        _stop_before(d, address, size, LOAD)
        _refuse_misaligned(d, address, size, Cause.LOAD_MISALIGNED)
        for _ in d.when(_crosses(d, address, size)) if size > 1 else ():
            _locate_both(d, address, size, kind)
            value: Value = 0
            for at in range(size):
                value = d.or_(value, d.shl(d.call(read_byte, d.add(address, at), kind), 8 * at))
            d.ret(value)
        physical = d.call(locate, address, size, kind)
        d.watch_place(physical, size, LOAD)
        if begin is begin_access:
            d.cache(formed, address, physical)
        d.ret(d.load_physical(physical, size))

    return Routine(f"{name}_{size}", 1, body, traps=True)


def _writer(name: str, size: int, begin: Routine = begin_access) -> Routine:
    """The slow path of a store."""

    def body(d: Domain, formed: Value, value: Value) -> None:
        address = start_access(d, formed, begin)
        _stop_before(d, address, size, STORE)
        _refuse_misaligned(d, address, size, Cause.STORE_MISALIGNED)
        for _ in d.when(_crosses(d, address, size)) if size > 1 else ():
            _locate_both(d, address, size, STORE)
            for at in range(size):
                d.call(write_byte, d.add(address, at), d.lshr(value, 8 * at))
            d.ret(0)
        physical = d.call(locate, address, size, STORE)
        d.watch_place(physical, size, STORE)
        if begin is begin_access:
            d.cache(formed, address, physical)
        d.store_physical(physical, size, value)
        d.ret(0)

    return Routine(f"{name}_{size}", 2, body, traps=True)


SIZES: Final = (1, 2, 4, 8)

READ: Final = {size: _reader("read", size) for size in SIZES}
"""By size: load at an address as the program formed it, aligned or not; the slow path of every load."""

WRITE: Final = {size: _writer("write", size) for size in SIZES}
"""By size: store, the slow path of every store."""

GUEST_READ: Final = {size: _reader("guest_read", size, begin_guest_access) for size in SIZES}
"""By size: HLV. Returns the value, zero-extended."""

GUEST_EXECUTE: Final = {size: _reader("guest_execute", size, begin_guest_execution, EXECUTE) for size in (2, 4)}
"""By size: HLVX."""

GUEST_WRITE: Final = {size: _writer("guest_write", size, begin_guest_access) for size in SIZES}
"""By size: HSV."""


def _aligned(d: Domain, address: Value, size: int, cause: Cause) -> None:
    for _ in d.when(d.ne(d.and_(address, size - 1), 0)):
        d.trap(cause, address)


def _atomic_read(size: int) -> Routine:
    def body(d: Domain, formed: Value) -> None:
        address = start_access(d, formed)
        _stop_before(d, address, size, LOAD | STORE)
        _aligned(d, address, size, Cause.STORE_MISALIGNED)
        physical = d.call(locate, address, size, STORE)
        d.watch_place(physical, size, LOAD | STORE)
        d.cache(formed, address, physical)
        d.ret(d.load_physical(physical, size))

    return Routine(f"atomic_read_{size}", 1, body, traps=True)


@routine(params=1, traps=True)
def atomic_pair(d: Domain, formed: Value) -> None:
    """Everything that can stop an AMO of 16 bytes, before any of them is touched."""
    address = start_access(d, formed)
    _stop_before(d, address, 16, LOAD | STORE)
    _aligned(d, address, 16, Cause.STORE_MISALIGNED)
    d.watch_place(d.call(locate, address, 16, STORE), 16, LOAD | STORE)
    d.ret(0)


def _load_reserved(size: int) -> Routine:
    def body(d: Domain, formed: Value) -> None:
        _aligned(d, start_access(d, formed), size, Cause.LOAD_MISALIGNED)
        value = d.call(READ[size], formed)
        d.put("reservation", d.call(translate_data, formed, LOAD))
        d.ret(value)

    return Routine(f"load_reserved_{size}", 1, body, traps=True)


def _store_conditional(size: int) -> Routine:
    def body(d: Domain, formed: Value, value: Value) -> None:
        address = start_access(d, formed)
        _aligned(d, address, size, Cause.STORE_MISALIGNED)
        physical = d.call(locate, address, size, STORE)
        held = d.eq(d.get("reservation"), physical)
        # "No SC.W instruction shall retire unless it passes memory permission checks" (volume I, "Zalrsc").
        for _ in d.unless(d.either(held, d.holds_memory(physical))):
            d.trap(Cause.STORE_ACCESS, address)
        for _ in d.when(held):
            d.call(WRITE[size], formed, value)
        for _ in d.unless(d.either(held, d.holds_memory(physical))):
            d.trap(Cause.STORE_ACCESS, address)
        d.put("reservation", NO_TAG)
        d.ret(d.flag(d.negate(held)))

    return Routine(f"store_conditional_{size}", 2, body, traps=True)


ATOMIC_READ: Final = {size: _atomic_read(size) for size in SIZES}
"""By size: the load of an AMO, whose every exception is a store's; what it may read, it may write."""

LOAD_RESERVED: Final = {size: _load_reserved(size) for size in (4, 8)}
"""By size: LR. Returns the value, zero-extended."""

STORE_CONDITIONAL: Final = {size: _store_conditional(size) for size in (4, 8)}
"""By size: SC. Returns 0 if it stored, 1 if the reservation was gone.

Where there is no memory that could be reserved, one that fails faults: it "may be treated like a store" for the
purposes of memory protection (manual volume I, "Zalrsc").
"""
