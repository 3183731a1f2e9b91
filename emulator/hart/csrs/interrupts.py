"""Interrupts pending, enabled and delegated.

`mip` holds what is pending at every level; the others are views of it, and of `mie`. SEIP is what was written OR the
PLIC line; the VS bits are what `hvip` injects OR, for VSTIP, Sstc's timer (`emulator.hart.timers.update_pending`). The
bits of H are always delegated to HS-mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr, constant, merge
from emulator.hart.fields import HS_INTERRUPTS, M_INTERRUPTS, MASK64, S_INTERRUPTS, VS_INTERRUPTS, Interrupt
from emulator.hart.timers import STIP, supervisor_timer_on, update_pending
from emulator.hart.translation import has

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value

VSSIP: Final = 1 << Interrupt.VSSI


def _of_h(d: Domain, bits: int) -> Value:
    return d.select(has(d, "h"), bits, 0)


def _base_mip(d: Domain) -> Value:
    others = d.and_(d.get("mip"), MASK64 ^ (1 << Interrupt.SEI))
    return d.or_(others, d.get("seip_written"))


def _inject(d: Domain, value: Value, writable: Value) -> None:
    """Write bits of `hvip`, which `mip` shows."""
    d.put("hvip", merge(d, d.get("hvip"), value, writable))
    d.call(update_pending)


def _write_mip(d: Domain, value: Value) -> None:
    """STIP cannot be written where Sstc drives it; VSSIP is the same bit as in `hvip`."""
    d.put("seip_written", d.and_(value, 1 << Interrupt.SEI))
    writable = d.select(supervisor_timer_on(d), S_INTERRUPTS ^ STIP, S_INTERRUPTS)
    d.put("mip", merge(d, d.get("mip"), d.or_(value, d.get("seip_line")), writable))
    _inject(d, value, _of_h(d, VSSIP))


def _write_sip(d: Domain, value: Value) -> None:
    writable = d.and_(d.get("mideleg"), 1 << Interrupt.SSI)
    d.put("mip", merge(d, d.get("mip"), value, writable))
    d.attend()


def _enable(d: Domain, value: Value, writable: Value) -> None:
    """Write bits of `mie`."""
    d.put("mie", merge(d, d.get("mie"), value, writable))
    d.attend()


def _read_mideleg(d: Domain) -> Value:
    return d.or_(d.get("mideleg"), _of_h(d, HS_INTERRUPTS))


def _write_mideleg(d: Domain, value: Value) -> None:
    d.put("mideleg", d.and_(value, S_INTERRUPTS))
    d.attend()


def _write_hideleg(d: Domain, value: Value) -> None:
    d.put("hideleg", d.and_(value, VS_INTERRUPTS))
    d.attend()


def _guest_view(d: Domain, register: str) -> Value:
    """What of `mip` or `mie` VS-mode sees: what `hideleg` gives it, each interrupt at the place of S-mode's."""
    return d.lshr(d.and_(d.get(register), d.get("hideleg")), 1)


VSIE: Final = Csr(
    0x204,
    "vsie",
    lambda d: _guest_view(d, "mie"),
    lambda d, value: _enable(d, d.shl(value, 1), d.get("hideleg")),
    extension="h",
)
VSIP: Final = Csr(
    0x244,
    "vsip",
    lambda d: _guest_view(d, "mip"),
    lambda d, value: _inject(d, d.shl(value, 1), d.and_(d.get("hideleg"), VSSIP)),
    extension="h",
)

ROWS: Final = (
    Csr(
        0x104,
        "sie",
        lambda d: d.and_(d.get("mie"), d.get("mideleg")),
        lambda d, value: _enable(d, value, d.get("mideleg")),
        guest=VSIE,
    ),
    Csr(0x144, "sip", lambda d: d.and_(d.get("mip"), d.get("mideleg")), _write_sip, guest=VSIP),
    Csr(0x303, "mideleg", _read_mideleg, _write_mideleg),
    Csr(
        0x304,
        "mie",
        lambda d: d.get("mie"),
        lambda d, value: _enable(d, value, d.or_(S_INTERRUPTS | M_INTERRUPTS, _of_h(d, HS_INTERRUPTS))),
    ),
    Csr(0x344, "mip", lambda d: d.get("mip"), _write_mip, base=_base_mip),
    VSIE,
    VSIP,
    Csr(0x603, "hideleg", lambda d: d.get("hideleg"), _write_hideleg, extension="h"),
    Csr(
        0x604,
        "hie",
        lambda d: d.and_(d.get("mie"), HS_INTERRUPTS),
        lambda d, value: _enable(d, value, HS_INTERRUPTS),
        extension="h",
    ),
    constant(0x607, "hgeie", extension="h"),  # GEILEN is 0: no interrupt controller has guest files
    Csr(
        0x644,
        "hip",
        lambda d: d.and_(d.get("mip"), HS_INTERRUPTS),
        lambda d, value: _inject(d, value, VSSIP),
        extension="h",
    ),
    Csr(
        0x645,
        "hvip",
        lambda d: d.get("hvip"),
        lambda d, value: _inject(d, value, VS_INTERRUPTS),
        extension="h",
    ),
    constant(0xE12, "hgeip", extension="h"),
)
