"""Modes, and which of them an access is made in (manual volume II, "Memory Privilege in mstatus Register")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MSTATUS_MPRV, MSTATUS_SUM, Privilege
from emulator.isa.domain import routine

if TYPE_CHECKING:
    from emulator.isa.domain import Bool, Domain, Value

GUEST: Final = 4
"""In a mode, beside the privilege: V=1. So U is 0, S 1, M 3, VU 4 and VS 5."""

MODE_NAMES: Final[Mapping[int, str]] = {
    Privilege.U: "U",
    Privilege.S: "S",
    Privilege.M: "M",
    GUEST | Privilege.U: "VU",
    GUEST | Privilege.S: "VS",
}
"""Every mode, as the manual calls it; HS is S here, as on a hart without H."""

PRIVILEGE: Final = 3
"""The bits of a mode that are its privilege."""

MPV_SHIFT: Final = 39
SPVP_SHIFT: Final = 8


def is_guest(d: Domain, mode: Value) -> Bool:
    """Whether V=1 in a mode."""
    return d.ne(d.and_(mode, GUEST), 0)


def current_mode(d: Domain) -> Value:
    """The mode that the hart is in, and fetches in."""
    return d.or_(d.get("priv"), d.shl(d.get("virt"), 2))


def guest_mode(d: Domain) -> Value:
    """The mode of HLV, HLVX and HSV: VS or VU, as `hstatus.SPVP` says."""
    return d.or_(GUEST, d.and_(d.lshr(d.get("hstatus"), SPVP_SHIFT), 1))


@routine(params=0)
def data_mode(d: Domain) -> None:
    """The mode that loads and stores are made in: the current one, or that of `mstatus.MPV` and MPP under MPRV."""
    status = d.get("mstatus")
    for _ in d.when(d.both(d.eq(d.get("priv"), Privilege.M), d.ne(d.and_(status, MSTATUS_MPRV), 0))):
        priv = d.and_(d.lshr(status, 11), PRIVILEGE)
        virtual = d.and_(d.lshr(status, MPV_SHIFT - 2), GUEST)
        d.ret(d.or_(priv, d.select(d.eq(priv, Privilege.M), 0, virtual)))
    d.ret(current_mode(d))


def status_of(d: Domain, mode: Value) -> Value:
    """The status register whose SUM and MXR govern the first stage of a mode's translation."""
    return d.select(is_guest(d, mode), d.get("vsstatus"), d.get("mstatus"))


@routine(params=0)
def data_context(d: Domain) -> None:
    """Which TLB set loads and stores use: the number of their mode, and the next one for S and VS under SUM.

    A change of MXR, of masking or of what is translated how flushes instead.
    """
    mode = d.call(data_mode)
    summed = d.ne(d.and_(status_of(d, mode), MSTATUS_SUM), 0)
    supervisor = d.eq(d.and_(mode, PRIVILEGE), Privilege.S)
    d.ret(d.add(mode, d.flag(d.both(supervisor, summed))))
