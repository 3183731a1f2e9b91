"""`fflags`, `frm` and `fcsr`. A write makes FS dirty, also when nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr
from emulator.hart.floating import FLAGS, MODES, float_off, mark_dirty
from emulator.hart.translation import has

if TYPE_CHECKING:
    from emulator.hart.refusal import Refusal
    from emulator.isa.domain import Domain, Value


def _read_flags(d: Domain) -> Value:
    d.collect_flags()
    return d.get("fflags")


def _write_flags(d: Domain, value: Value) -> None:
    d.collect_flags()
    d.put("fflags", d.and_(value, FLAGS))
    d.call(mark_dirty)


def _write_mode(d: Domain, value: Value) -> None:
    d.put("frm", d.and_(value, MODES))
    d.call(mark_dirty)
    d.attend()


def _read_fcsr(d: Domain) -> Value:
    return d.or_(_read_flags(d), d.shl(d.get("frm"), 5))


def _write_fcsr(d: Domain, value: Value) -> None:
    _write_flags(d, value)
    _write_mode(d, d.lshr(value, 5))


def _float_guard(d: Domain) -> Refusal:
    return d.either(d.negate(has(d, "f")), float_off(d)), False


ROWS: Final = (
    Csr(0x001, "fflags", _read_flags, _write_flags, _float_guard),
    Csr(0x002, "frm", lambda d: d.get("frm"), _write_mode, _float_guard),
    Csr(0x003, "fcsr", _read_fcsr, _write_fcsr, _float_guard),
)
