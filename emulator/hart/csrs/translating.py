"""`satp`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr
from emulator.hart.fields import MSTATUS_TVM, Privilege
from emulator.hart.translation import SATP_MODE

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value


def _satp_guard(d: Domain) -> None:
    virtual = d.both(d.eq(d.get("priv"), Privilege.S), d.ne(d.and_(d.get("mstatus"), MSTATUS_TVM), 0))
    for _ in d.when(virtual):
        d.illegal()


def _write_satp(d: Domain, value: Value) -> None:
    """An unsupported mode leaves the register as it was; a supported one keeps a 16-bit ASID and a 44-bit PPN."""
    mode = d.lshr(value, SATP_MODE)
    supported = d.ne(d.and_(d.lshr(d.shared("satp_modes"), mode), 1), 0)
    for _ in d.when(supported):
        d.put("satp", d.select(d.eq(mode, 0), 0, value))
        d.flush()


ROWS: Final = (Csr(0x180, "satp", lambda d: d.get("satp"), _write_satp, _satp_guard),)
