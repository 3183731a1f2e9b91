"""Interrupts pending, enabled and delegated. `mip` holds what is pending; SEIP is what was written OR the PLIC line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr, merge, stored
from emulator.hart.fields import M_INTERRUPTS, MASK64, S_INTERRUPTS, Interrupt

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value


def _base_mip(d: Domain) -> Value:
    others = d.and_(d.get("mip"), MASK64 ^ (1 << Interrupt.SEI))
    return d.or_(others, d.get("seip_written"))


def _write_mip(d: Domain, value: Value) -> None:
    d.put("seip_written", d.and_(value, 1 << Interrupt.SEI))
    merged = merge(d, d.get("mip"), d.or_(value, d.get("seip_line")), S_INTERRUPTS)
    d.put("mip", merged)
    d.attend()


def _write_sip(d: Domain, value: Value) -> None:
    writable = d.and_(d.get("mideleg"), 1 << Interrupt.SSI)
    d.put("mip", merge(d, d.get("mip"), value, writable))
    d.attend()


def _write_sie(d: Domain, value: Value) -> None:
    d.put("mie", merge(d, d.get("mie"), value, d.get("mideleg")))
    d.attend()


ROWS: Final = (
    Csr(0x104, "sie", lambda d: d.and_(d.get("mie"), d.get("mideleg")), _write_sie),
    Csr(0x144, "sip", lambda d: d.and_(d.get("mip"), d.get("mideleg")), _write_sip),
    stored(0x303, "mideleg", writable=S_INTERRUPTS, notice=True),
    stored(0x304, "mie", writable=S_INTERRUPTS | M_INTERRUPTS, notice=True),
    Csr(0x344, "mip", lambda d: d.get("mip"), _write_mip, base=_base_mip),
)
