"""Pointer masking: Smmpm, Smnpm and Ssnpm (manual volume II, chapter "Pointer Masking Extensions").

An explicit data access ignores the upper bits of its address where its mode says so. Fetches, page-table accesses,
HLVX and the operands of fences are never masked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MSTATUS_MXR, Privilege
from emulator.hart.modes import PRIVILEGE, is_guest
from emulator.hart.translation import SATP_MODE
from emulator.isa.domain import routine

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value

PMM_SHIFT: Final = 32
"""Place of PMM in `mseccfg`, `menvcfg`, `henvcfg` and `senvcfg`."""
HUPMM_SHIFT: Final = 48
"""Its place in `hstatus`."""

PMLEN_7: Final = 2
PMLEN_16: Final = 3

SIGNED: Final = 1 << 6
"""In a mask, beside PMLEN: the address is virtual, so the bits ignored become copies of the highest one kept."""
UNMASKED: Final = 0


@routine(params=2)
def pointer_mask(d: Domain, mode: Value, as_user: Value) -> None:
    """What masking does to the data addresses of a mode: PMLEN (0, 7 or 16) and `SIGNED`.

    `as_user` is 1 for HLV and HSV executed in U-mode, whose accesses to VU-mode's memory `hstatus.HUPMM` governs.
    """
    priv = d.and_(mode, PRIVILEGE)
    guest = is_guest(d, mode)
    machine, user = d.eq(priv, Privilege.M), d.eq(priv, Privilege.U)
    statuses = d.or_(d.get("mstatus"), d.select(guest, d.get("vsstatus"), 0))
    for _ in d.when(d.both(d.negate(machine), d.ne(d.and_(statuses, MSTATUS_MXR), 0))):
        d.ret(UNMASKED)
    supervisors = d.select(guest, d.get("henvcfg"), d.get("menvcfg"))
    register = d.select(machine, d.get("mseccfg"), d.select(user, d.get("senvcfg"), supervisors))
    by_user = d.both(user, d.ne(as_user, 0))
    pmm = d.and_(d.select(by_user, d.lshr(d.get("hstatus"), HUPMM_SHIFT), d.lshr(register, PMM_SHIFT)), 3)
    pmlen = d.select(d.eq(pmm, PMLEN_16), 16, d.select(d.eq(pmm, PMLEN_7), 7, 0))
    satp = d.select(guest, d.get("vsatp"), d.get("satp"))
    virtual = d.both(d.negate(machine), d.ne(d.lshr(satp, SATP_MODE), 0))
    d.ret(d.or_(pmlen, d.select(virtual, SIGNED, 0)))


def masked(d: Domain, address: Value) -> Value:
    """An address as the access that has begun (field `access_mask`) uses it."""
    mask = d.get("access_mask")
    pmlen = d.and_(mask, SIGNED - 1)
    raised = d.shl(address, pmlen)
    signed = d.ne(d.and_(mask, SIGNED), 0)
    return d.select(signed, d.ashr(raised, pmlen), d.lshr(raised, pmlen))
