"""What a trap tells besides cause and trap value (manual volume II, "H": GVA, mtval2 and htval, mtinst and htinst)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import Cause
from emulator.hart.translation import has
from emulator.isa.domain import routine
from emulator.isa.transformed import transformed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.isa.domain import Bool, Domain, Value


def _set_of(causes: Iterable[Cause]) -> int:
    return sum(1 << cause for cause in causes)


GUEST_PAGE_FAULTS: Final = (Cause.FETCH_GUEST_PAGE, Cause.LOAD_GUEST_PAGE, Cause.STORE_GUEST_PAGE)
DATA: Final = _set_of(
    (
        *(Cause.LOAD_MISALIGNED, Cause.LOAD_ACCESS, Cause.STORE_MISALIGNED, Cause.STORE_ACCESS),
        *(Cause.LOAD_PAGE, Cause.STORE_PAGE, Cause.LOAD_GUEST_PAGE, Cause.STORE_GUEST_PAGE),
    )
)
"""Exceptions of loads and stores."""
LOCATED: Final = DATA | _set_of((Cause.FETCH_ACCESS, Cause.FETCH_PAGE, Cause.FETCH_GUEST_PAGE))
"""Exceptions of accesses, whose trap value is an address of the space that they were made in."""


def _is_in(d: Domain, cause: Value, causes: int) -> Bool:
    return d.ne(d.and_(d.lshr(causes, cause), 1), 0)


@routine(params=1)
def describe_fault(d: Domain, cause: Value) -> None:
    """Complete `trap_gva`, `trap_tval2` and `trap_tinst` of the exception that is about to be taken.

    Only a guest-page fault brings values of the last two along; `trap_tinst` is then a pseudo-instruction or zero.
    """
    for _ in d.unless(_is_in(d, cause, _set_of(GUEST_PAGE_FAULTS))):
        d.put("trap_tval2", 0)
        d.put("trap_tinst", 0)
    for _ in d.when(_is_in(d, cause, LOCATED)):
        d.put("trap_gva", d.and_(d.lshr(d.get("access_mode"), 2), 1))
    unexplained = d.both(_is_in(d, cause, DATA), d.eq(d.get("trap_tinst"), 0))
    for _ in d.when(d.both(unexplained, has(d, "h"))):
        offset = d.sub(d.get("trap_tval"), d.get("access_start"))
        d.put("trap_tinst", d.call(transformed, d.instruction(), offset))
