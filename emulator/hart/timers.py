"""Time and the timer interrupts of S- and VS-mode (Sstc): `stimecmp`, `vstimecmp`, and what of `mip` they drive.

Time is steps (`emulator.clock`), so a comparison becomes true at a step that is known beforehand. `update_pending`
brings `mip` up to date and leaves that step in `timer_due`; the machine lets no slice pass it, and calls the routine
again when it is reached. Whatever else a comparison depends on is a CSR, whose write calls the routine at once. So
between two calls nothing changes, and `mip` is exact without being asked for the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import ENVCFG_STCE, MASK64, VS_INTERRUPTS, Interrupt
from emulator.hart.state import NEVER
from emulator.isa.domain import routine

if TYPE_CHECKING:
    from emulator.isa.domain import Bool, Domain, Value

STIP: Final = 1 << Interrupt.STI
VSTIP: Final = 1 << Interrupt.VSTI

FARTHEST: Final = 1 << 56
"""Ticks ahead (200 years) that need no waiting for; what is nearer fits into 64 bits as steps."""


def ticks(d: Domain) -> Value:
    """The machine's ticks now, as no write of `mtime` changes them."""
    elapsed = d.add(d.get("time_base"), d.sub(d.now(), d.get("steps")))
    return d.udiv(d.mul(elapsed, d.shared("ticks_mul")), d.shared("ticks_div"))


@routine(params=0)
def read_time(d: Domain) -> None:
    """Return `time` as M- and HS-mode see it: `mtime`."""
    d.ret(d.add(ticks(d), d.shared("ticks_offset")))


def guest_time(d: Domain) -> Value:
    """`time` as VS- and VU-mode see it."""
    return d.add(d.call(read_time), d.get("htimedelta"))


def supervisor_timer_on(d: Domain) -> Bool:
    """Whether `stimecmp` drives STIP."""
    return d.ne(d.and_(d.get("menvcfg"), ENVCFG_STCE), 0)


def guest_timer_on(d: Domain) -> Bool:
    """Whether `vstimecmp` drives VSTIP; `henvcfg.STCE` counts as clear where `menvcfg.STCE` is."""
    return d.ne(d.and_(d.and_(d.get("menvcfg"), d.get("henvcfg")), ENVCFG_STCE), 0)


def _left(d: Domain, time: Value, compare: Value) -> Value:
    """Ticks until `time >= compare` changes: it becomes true, or time wraps and it becomes false; 0 for never."""
    return d.select(d.uge(time, compare), d.sub(0, time), d.sub(compare, time))


def _nearer(d: Domain, a: Value, b: Value) -> Value:
    """The smaller number of ticks, where 0 is none."""
    return d.select(d.ult(d.sub(a, 1), d.sub(b, 1)), a, b)


@routine(params=0)
def update_pending(d: Domain) -> None:
    """Bring STIP, VSTIP and what `hvip` injects up to date in `mip`, and say when time will change that."""
    time = d.call(read_time)
    guest = d.add(time, d.get("htimedelta"))
    own_on, guest_on = supervisor_timer_on(d), guest_timer_on(d)
    own_due, guest_due = d.uge(time, d.get("stimecmp")), d.uge(guest, d.get("vstimecmp"))
    driven = d.or_(VS_INTERRUPTS, d.select(own_on, STIP, 0))
    signals = d.or_(d.select(d.both(own_on, own_due), STIP, 0), d.select(d.both(guest_on, guest_due), VSTIP, 0))
    others = d.and_(d.get("mip"), d.xor(driven, MASK64))
    d.put("mip", d.or_(d.or_(others, d.get("hvip")), signals))
    own_left = d.select(own_on, _left(d, time, d.get("stimecmp")), 0)
    guest_left = d.select(guest_on, _left(d, guest, d.get("vstimecmp")), 0)
    left = _nearer(d, own_left, guest_left)
    d.put("timer_due", NEVER)
    for _ in d.when(d.ult(d.sub(left, 1), FARTHEST)):
        scaled = d.mul(d.add(ticks(d), left), d.shared("ticks_div"))
        step = d.udiv(d.add(scaled, d.sub(d.shared("ticks_mul"), 1)), d.shared("ticks_mul"))
        d.put("timer_due", step)
        for _ in d.when(d.ult(step, d.add(d.get("time_base"), d.get("budget0")))):
            d.end_slice()
    d.attend()
