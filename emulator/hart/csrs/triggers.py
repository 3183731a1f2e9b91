"""Sdtrig: `tselect`, `tdata1` to `tdata3`, `tinfo` (RISC-V Debug Specification, "Trigger Registers").

A trigger is an address match, `mcontrol6` or the older `mcontrol`, with action 0: a breakpoint exception. It compares
the lowest address of an access of any size before it is made: equal, a NAPOT range, at least, or below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr
from emulator.hart.fields import MASK64
from emulator.hart.state import TRIGGERS
from emulator.hart.translation import has
from emulator.hart.triggers import (
    DISABLED,
    FOR_M,
    FOR_S,
    FOR_U,
    FOR_VS,
    FOR_VU,
    MCONTROL,
    MCONTROL6,
    MCONTROL6_HIT,
    MCONTROL_HIT,
    TYPE_SHIFT,
)

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value

KINDS: Final = 7
"""`load`, `store` and `execute`, in the order of R, W and X."""
MATCH_SHIFT: Final = 7
MATCH: Final = 15 << MATCH_SHIFT
NAPOT, AT_LEAST, BELOW = 1, 2, 3
"""Values of `match` besides equal, which is 0."""

MASKMAX: Final = 63 << 53
"""Of mcontrol: a NAPOT range may be as large as the address space."""

LARGEST: Final = (1 << 63) - 1
"""The ones at the end of a NAPOT address for half the address space, the largest range that there is."""

WRITABLE: Final = KINDS | FOR_U | FOR_S | FOR_M | MATCH
INFO: Final = 1 << 24 | 1 << MCONTROL | 1 << MCONTROL6 | 1 << DISABLED
"""`tinfo`: version 1, and the types that there are."""


def _legal(d: Domain, value: Value) -> Value:
    """What is kept of a `tdata1`. A type that there is not disables the trigger; an unknown match becomes equal.

    `vs` and `vu` are mcontrol6's alone, and "hard-wired to 0 if the hart does not support virtualization mode".
    """
    kind = d.lshr(value, TYPE_SHIFT)
    unknown = d.ult(BELOW, d.and_(d.lshr(value, MATCH_SHIFT), 15))
    known = d.select(unknown, d.and_(value, MASK64 ^ MATCH), value)
    old = d.or_(d.and_(known, WRITABLE | MCONTROL_HIT), MCONTROL << TYPE_SHIFT | MASKMAX)
    of_guests = d.select(has(d, "h"), FOR_VS | FOR_VU, 0)
    new = d.or_(d.and_(known, d.or_(WRITABLE | MCONTROL6_HIT, of_guests)), MCONTROL6 << TYPE_SHIFT)
    disabled = DISABLED << TYPE_SHIFT
    return d.select(d.eq(kind, MCONTROL), old, d.select(d.eq(kind, MCONTROL6), new, disabled))


def _arm(d: Domain, index: Value) -> None:
    """Work out what a trigger matches from its registers. What is cached may have to ask now, so that is flushed."""
    control, word = d.get("tdata1", index), d.get("tdata2", index)
    match = d.and_(d.lshr(control, MATCH_SHIFT), 15)
    ones = d.and_(word, d.xor(d.add(word, 1), MASK64))
    span = d.select(d.eq(match, NAPOT), d.or_(d.shl(ones, 1), 1), 0)
    low = d.and_(word, d.xor(span, MASK64))
    below, at_least = d.eq(match, BELOW), d.eq(match, AT_LEAST)
    d.put("trigger_first", d.select(below, 0, low), index)
    d.put("trigger_last", d.select(below, d.sub(word, 1), d.select(at_least, MASK64, d.or_(low, span))), index)
    nothing = d.either(d.eq(d.lshr(control, TYPE_SHIFT), DISABLED), d.both(below, d.eq(word, 0)))
    d.put("trigger_kinds", d.select(nothing, 0, d.and_(control, KINDS)), index)
    armed: Value = 0
    for at in range(TRIGGERS):
        armed = d.or_(armed, d.get("trigger_kinds", at))
    d.put("armed", armed)
    d.flush()


def _write_select(d: Domain, value: Value) -> None:
    for _ in d.when(d.ult(value, TRIGGERS)):
        d.put("tselect", value)


def _write_control(d: Domain, value: Value) -> None:
    index = d.get("tselect")
    d.put("tdata1", _legal(d, value), index)
    _arm(d, index)


def _write_address(d: Domain, value: Value) -> None:
    """A NAPOT range beyond the largest becomes the largest, which is how software learns its size (mcontrol6)."""
    index = d.get("tselect")
    napot = d.eq(d.and_(d.get("tdata1", index), MATCH), NAPOT << MATCH_SHIFT)
    too_large = d.both(napot, d.eq(d.and_(value, LARGEST), LARGEST))
    d.put("tdata2", d.select(too_large, d.and_(value, MASK64 ^ 1 << 62), value), index)
    _arm(d, index)


def _read_control(d: Domain) -> Value:
    """Out of reset a trigger is disabled, which is not what zero would say."""
    value = d.get("tdata1", d.get("tselect"))
    return d.select(d.eq(value, 0), DISABLED << TYPE_SHIFT, value)


ROWS: Final = (
    Csr(0x7A0, "tselect", lambda d: d.get("tselect"), _write_select, extension="sdtrig"),
    Csr(0x7A1, "tdata1", _read_control, _write_control, extension="sdtrig"),
    Csr(0x7A2, "tdata2", lambda d: d.get("tdata2", d.get("tselect")), _write_address, extension="sdtrig"),
    Csr(0x7A3, "tdata3", lambda _d: 0, lambda _d, _v: None, extension="sdtrig"),
    Csr(0x7A4, "tinfo", lambda _d: INFO, lambda _d, _v: None, extension="sdtrig"),
)
