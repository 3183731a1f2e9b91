"""The hypervisor's own control: `hstatus` and `hedeleg` (interrupts, counters and the like are with their subjects)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.configuration import without_reserved
from emulator.hart.csrs.row import Csr, stored
from emulator.hart.fields import (
    HSTATUS_GVA,
    HSTATUS_HU,
    HSTATUS_HUPMM,
    HSTATUS_SPV,
    HSTATUS_SPVP,
    HSTATUS_VSXL64,
    HSTATUS_VTSR,
    HSTATUS_VTVM,
    HSTATUS_VTW,
    Cause,
)
from emulator.hart.translation import has

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value

HSTATUS_WRITABLE: Final = (
    HSTATUS_GVA | HSTATUS_SPV | HSTATUS_SPVP | HSTATUS_HU | HSTATUS_VTVM | HSTATUS_VTW | HSTATUS_VTSR
)
"""VSBE, VGEIN and VSXL are fixed: guests are little-endian, GEILEN is 0, VSXLEN is 64."""

NOT_FOR_GUESTS: Final = frozenset(
    {
        Cause.ECALL_S,
        Cause.ECALL_VS,
        Cause.ECALL_M,
        Cause.DOUBLE_TRAP,
        Cause.FETCH_GUEST_PAGE,
        Cause.LOAD_GUEST_PAGE,
        Cause.VIRTUAL_INSTRUCTION,
        Cause.STORE_GUEST_PAGE,
    }
)
HEDELEG: Final = sum(1 << cause for cause in Cause if cause not in NOT_FOR_GUESTS)
"""Exceptions that a hypervisor may pass on."""


def _write_hstatus(d: Domain, value: Value) -> None:
    """HUPMM = 1 is reserved and becomes 0. It is about HLV and HSV, of which nothing is cached."""
    writable = d.or_(HSTATUS_WRITABLE, d.select(has(d, "ssnpm"), HSTATUS_HUPMM, 0))
    d.put("hstatus", d.and_(without_reserved(d, value, ((HSTATUS_HUPMM, 1 << 48),)), writable))


ROWS: Final = (
    Csr(0x600, "hstatus", lambda d: d.or_(d.get("hstatus"), HSTATUS_VSXL64), _write_hstatus, extension="h"),
    stored(0x602, "hedeleg", writable=HEDELEG, extension="h"),
    stored(0x643, "htval", extension="h"),
    stored(0x64A, "htinst", extension="h"),
    stored(0x34A, "mtinst", extension="h"),
    stored(0x34B, "mtval2", extension="h"),
)
