"""`mstatus` and `sstatus`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr, merge
from emulator.hart.fields import (
    MSTATUS_FS,
    MSTATUS_MPP,
    MSTATUS_MXR,
    MSTATUS_SD,
    MSTATUS_SXL64,
    MSTATUS_UXL64,
    MSTATUS_WRITABLE,
    SSTATUS_VISIBLE,
    SSTATUS_WRITABLE,
)
from emulator.hart.translation import has

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value


def _read_mstatus(d: Domain) -> Value:
    status = d.get("mstatus")
    dirty = d.eq(d.and_(status, MSTATUS_FS), MSTATUS_FS)
    return d.or_(status, d.select(dirty, MSTATUS_UXL64 | MSTATUS_SXL64 | MSTATUS_SD, MSTATUS_UXL64 | MSTATUS_SXL64))


def _float_status(d: Domain) -> Value:
    """The bits of FS where there are f registers."""
    return d.select(has(d, "f"), MSTATUS_FS, 0)


def _put_mstatus(d: Domain, value: Value) -> None:
    """Cached translations hold what MXR allows; SUM, MPRV and the privilege choose among sets of them."""
    changed = d.xor(d.get("mstatus"), value)
    d.put("mstatus", value)
    for _ in d.when(d.ne(d.and_(changed, MSTATUS_MXR), 0)):
        d.flush()
    d.attend()


def _write_mstatus(d: Domain, value: Value) -> None:
    reserved = d.eq(d.and_(value, MSTATUS_MPP), 2 << 11)
    writable = d.select(reserved, MSTATUS_WRITABLE & ~MSTATUS_MPP, MSTATUS_WRITABLE)
    _put_mstatus(d, merge(d, d.get("mstatus"), value, d.or_(writable, _float_status(d))))


def _write_sstatus(d: Domain, value: Value) -> None:
    _put_mstatus(d, merge(d, d.get("mstatus"), value, d.or_(SSTATUS_WRITABLE, _float_status(d))))


ROWS: Final = (
    Csr(0x100, "sstatus", lambda d: d.and_(_read_mstatus(d), SSTATUS_VISIBLE), _write_sstatus),
    Csr(0x300, "mstatus", _read_mstatus, _write_mstatus),
)
