"""Rules of the hart about floating point: who may use it, how it rounds, what it leaves in `fflags` and `mstatus.FS`.

Manual volume I, chapter 20; volume II, "Extension Context Status in mstatus Register".
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MASK64, MSTATUS_FS
from emulator.hart.refusal import is_guest, refuse
from emulator.isa.domain import routine

if TYPE_CHECKING:
    from emulator.isa.domain import Bool, Domain, Value

FLAGS: Final = 0x1F
INEXACT: Final = 1
UNDERFLOW: Final = 2
OVERFLOW: Final = 4
DIVIDE_BY_ZERO: Final = 8
INVALID: Final = 0x10
MODES: Final = 7


class Rounding(IntEnum):
    """Rounding modes as `frm` and the `rm` field encode them; 5 and 6 are reserved."""

    RNE = 0
    RTZ = 1
    RDN = 2
    RUP = 3
    RMM = 4


DYNAMIC: Final = 7
"""In the `rm` field: round as `frm` says."""

LAST_OF_HOST: Final = Rounding.RUP
"""The modes up to it are those of the host."""


def _guest_status(d: Domain) -> Value:
    """`vsstatus` at V=1, all ones otherwise: what limits FS besides `mstatus`."""
    return d.select(is_guest(d), d.get("vsstatus"), MASK64)


def float_off(d: Domain) -> Bool:
    """Whether FS is off: in `mstatus` or, at V=1, in `vsstatus`; what needs it is then illegal, never virtual."""
    own = d.eq(d.and_(d.get("mstatus"), MSTATUS_FS), 0)
    return d.either(own, d.eq(d.and_(_guest_status(d), MSTATUS_FS), 0))


def float_dirty(d: Domain) -> Bool:
    """Whether FS already says that f registers and `fcsr` were written, at V=1 in both registers."""
    return d.eq(d.and_(d.and_(d.get("mstatus"), _guest_status(d)), MSTATUS_FS), MSTATUS_FS)


@routine(params=0, traps=True)
def require_float(d: Domain) -> None:
    """Raise the exception of a floating-point instruction where FS is off."""
    refuse(d, denied=float_off(d))


@routine(params=0)
def mark_dirty(d: Domain) -> None:
    """An f register or `fcsr` is written."""
    for _ in d.unless(float_dirty(d)):
        d.put("mstatus", d.or_(d.get("mstatus"), MSTATUS_FS))
        for _ in d.when(is_guest(d)):
            d.put("vsstatus", d.or_(d.get("vsstatus"), MSTATUS_FS))
        d.attend()


@routine(params=1, traps=True)
def rounding_mode(d: Domain, field: Value) -> None:
    """Return the mode that an instruction with this `rm` field rounds in; a reserved one is illegal."""
    mode = d.select(d.eq(field, DYNAMIC), d.get("frm"), field)
    for _ in d.unless(d.ult(mode, Rounding.RMM + 1)):
        d.illegal()
    d.ret(mode)


@routine(params=1)
def accrue(d: Domain, flags: Value) -> None:
    """Raise flags; that is a write of `fcsr` if there are any."""
    for _ in d.when(d.ne(flags, 0)):
        d.put("fflags", d.or_(d.get("fflags"), flags))
        d.call(mark_dirty)
