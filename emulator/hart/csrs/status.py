"""`mstatus`, `sstatus` and `vsstatus`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr, Write, merge
from emulator.hart.fields import (
    MSTATUS_FS,
    MSTATUS_GVA,
    MSTATUS_MPP,
    MSTATUS_MPV,
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


def _with_dirt(d: Domain, status: Value, fixed: int) -> Value:
    """A status register as it is read: the widths, and SD where FS is dirty."""
    dirty = d.eq(d.and_(status, MSTATUS_FS), MSTATUS_FS)
    return d.or_(status, d.select(dirty, fixed | MSTATUS_SD, fixed))


def _read_mstatus(d: Domain) -> Value:
    return _with_dirt(d, d.get("mstatus"), MSTATUS_UXL64 | MSTATUS_SXL64)


def _float_status(d: Domain) -> Value:
    """The bits of FS where there are f registers."""
    return d.select(has(d, "f"), MSTATUS_FS, 0)


def _put_status(d: Domain, name: str, value: Value) -> None:
    """Cached translations hold what MXR allows; SUM, MPRV and the mode choose among sets of them."""
    changed = d.xor(d.get(name), value)
    d.put(name, value)
    for _ in d.when(d.ne(d.and_(changed, MSTATUS_MXR), 0)):
        d.flush()
    d.attend()


def _write_mstatus(d: Domain, value: Value) -> None:
    reserved = d.eq(d.and_(value, MSTATUS_MPP), 2 << 11)
    writable = d.select(reserved, MSTATUS_WRITABLE & ~MSTATUS_MPP, MSTATUS_WRITABLE)
    of_h = d.select(has(d, "h"), MSTATUS_MPV | MSTATUS_GVA, 0)
    _put_status(d, "mstatus", merge(d, d.get("mstatus"), value, d.or_(d.or_(writable, of_h), _float_status(d))))


def _supervised(name: str) -> Write:
    """A write of the fields of S- or VS-mode."""

    def write(d: Domain, value: Value) -> None:
        _put_status(d, name, merge(d, d.get(name), value, d.or_(SSTATUS_WRITABLE, _float_status(d))))

    return write


VSSTATUS: Final = Csr(
    0x200,
    "vsstatus",
    lambda d: _with_dirt(d, d.get("vsstatus"), MSTATUS_UXL64),
    _supervised("vsstatus"),
    extension="h",
)

ROWS: Final = (
    Csr(
        0x100,
        "sstatus",
        lambda d: d.and_(_read_mstatus(d), SSTATUS_VISIBLE),
        _supervised("mstatus"),
        guest=VSSTATUS,
    ),
    Csr(0x300, "mstatus", _read_mstatus, _write_mstatus),
    VSSTATUS,
)
