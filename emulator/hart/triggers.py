"""Triggers for the guest's own use: when an armed one matches (RISC-V Debug Specification, "Sdtrig").

What a trigger matches is worked out when it is written (`emulator.hart.csrs.triggers`), as a range of addresses. A page
that such a range touches is not cached for the accesses in question, so that each of them asks here; nothing else does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MSTATUS_MIE, MSTATUS_SIE, Cause, Privilege
from emulator.hart.modes import GUEST
from emulator.hart.state import TRIGGERS
from emulator.hart.translation import FETCH
from emulator.isa.domain import routine

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value

MCONTROL: Final = 2
MCONTROL6: Final = 6
DISABLED: Final = 15
"""Values of `tdata1.type` that a trigger takes."""

TYPE_SHIFT: Final = 60

FOR_U: Final = 1 << 3
FOR_S: Final = 1 << 4
FOR_M: Final = 1 << 6
FOR_VU: Final = 1 << 23
FOR_VS: Final = 1 << 24
"""Bits of `tdata1` that say in which modes a trigger fires; the last two are mcontrol6's."""

MCONTROL_HIT: Final = 1 << 20
MCONTROL6_HIT: Final = 1 << 22
"""hit = 1: it fired before the instruction did anything."""

PAGE: Final = 0xFFF


def _mode_bit(d: Domain) -> Value:
    """The bit of `tdata1` that is for the current mode."""
    user = d.eq(d.get("priv"), Privilege.U)
    host = d.select(user, FOR_U, d.select(d.eq(d.get("priv"), Privilege.S), FOR_S, FOR_M))
    return d.select(d.ne(d.get("virt"), 0), d.select(user, FOR_VU, FOR_VS), host)


def _may_fire(d: Domain) -> Value:
    """Whether the handler of a breakpoint could take it: not where it would lose what it is just saving.

    "Native Triggers", solution 1: not in a mode to which breakpoints go while its interrupts are off.
    """
    priv, status, bit = d.get("priv"), d.get("mstatus"), 1 << Cause.BREAKPOINT
    virtual = d.ne(d.get("virt"), 0)
    supervisor = d.eq(priv, Privilege.S)
    to_s = d.ne(d.and_(d.get("medeleg"), bit), 0)
    to_vs = d.both(to_s, d.ne(d.and_(d.get("hedeleg"), bit), 0))
    off_m = d.both(d.eq(priv, Privilege.M), d.eq(d.and_(status, MSTATUS_MIE), 0))
    off_s = d.both(d.both(supervisor, to_s), d.eq(d.and_(status, MSTATUS_SIE), 0))
    off_vs = d.both(d.both(supervisor, to_vs), d.eq(d.and_(d.get("vsstatus"), MSTATUS_SIE), 0))
    off_below = d.either(d.both(virtual, off_vs), d.both(d.negate(virtual), off_s))
    return d.negate(d.either(off_m, off_below))


@routine(params=3, traps=True)
def check_triggers(d: Domain, first: Value, last: Value, kind: Value) -> None:
    """Raise the breakpoint exception if a trigger matches an access of a kind (`LOAD`, `STORE`, `FETCH`).

    `first` .. `last` are the addresses that are compared, for data those of the access that has begun. `tval` is the
    lowest of them that the trigger matches, a guest virtual address ("hstatus", GVA) if the access is a guest's.
    """
    index = d.var(0)
    for _ in d.loop(lambda: d.ult(index.get(), TRIGGERS)):
        at = index.get()
        low = d.get("trigger_first", at)
        inside = d.both(d.uge(last, low), d.uge(d.get("trigger_last", at), first))
        wanted = d.ne(d.and_(d.get("trigger_kinds", at), kind), 0)
        control = d.get("tdata1", at)
        here = d.both(d.ne(d.and_(control, _mode_bit(d)), 0), _may_fire(d))
        for _ in d.when(d.both(d.both(inside, wanted), here)):
            new = d.eq(d.lshr(control, TYPE_SHIFT), MCONTROL6)
            d.put("tdata1", d.or_(control, d.select(new, MCONTROL6_HIT, MCONTROL_HIT)), at)
            guests = d.both(d.ne(kind, FETCH), d.ne(d.and_(d.get("access_mode"), GUEST), 0))
            d.trap(Cause.BREAKPOINT, d.select(d.ult(first, low), low, first), gva=d.flag(guests))
        index.set(d.add(at, 1))


@routine(params=2)
def near_trigger(d: Domain, page: Value, kind: Value) -> None:
    """Whether (1 or 0) an armed trigger for accesses of `kind` matches an address of a page."""
    index = d.var(0)
    for _ in d.loop(lambda: d.ult(index.get(), TRIGGERS)):
        at = index.get()
        first, last = d.get("trigger_first", at), d.get("trigger_last", at)
        overlaps = d.both(d.uge(d.or_(page, PAGE), first), d.uge(last, page))
        for _ in d.when(d.both(overlaps, d.ne(d.and_(d.get("trigger_kinds", at), kind), 0))):
            d.ret(1)
        index.set(d.add(at, 1))
    d.ret(0)


def consider_triggers(d: Domain, address: Value, kind: int, size: int = 1) -> None:
    """The check of an access that goes the slow way; of an access to memory only the lowest address is compared."""
    for _ in d.when(d.ne(d.and_(d.get("armed"), kind), 0)):
        d.call(check_triggers, address, d.add(address, size - 1), kind)
