"""Physical memory protection (manual volume II, "Physical Memory Protection")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.hart.fields import MASK64, PMP_A, PMP_L, Privilege
from emulator.hart.state import PMP_ENTRIES
from emulator.isa.domain import routine

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value

MATCH_ALL = 1 << 8
"""Set in the result of `pmp_permissions` when one rule covers the whole range."""


@routine(params=4)
def pmp_range(d: Domain, index: Value, kind: Value, first: Value, last: Value) -> None:
    """How entry `index` in address mode `kind` (TOR 1, NA4 2, NAPOT 3) lies to the bytes first .. last.

    Returns 0 if it matches none of them, 1 if some, 2 if all.
    """
    word = d.get("pmpaddr", index)
    previous = d.select(d.eq(index, 0), 0, d.get("pmpaddr", d.select(d.eq(index, 0), 0, d.sub(index, 1))))
    ones = d.and_(word, d.xor(d.add(word, 1), MASK64))  # the trailing ones of a NAPOT address
    span = d.select(d.eq(kind, 3), d.or_(d.shl(ones, 3), 7), 3)
    napot_low = d.shl(d.and_(word, d.xor(d.select(d.eq(kind, 3), ones, 0), MASK64)), 2)
    low = d.select(d.eq(kind, 1), d.shl(previous, 2), napot_low)
    high = d.select(d.eq(kind, 1), d.sub(d.shl(word, 2), 1), d.add(napot_low, span))
    empty = d.both(d.eq(kind, 1), d.uge(previous, word))
    for _ in d.when(d.either(empty, d.either(d.ult(last, low), d.ult(high, first)))):
        d.ret(0)
    whole = d.both(d.uge(first, low), d.uge(high, last))
    d.ret(d.add(1, d.flag(whole)))


@routine(params=3)
def pmp_permissions(d: Domain, first: Value, last: Value, priv: Value) -> None:
    """R, W and X (bits 0, 1, 2) that the PMP leaves to `priv` for the physical bytes first .. last.

    The entry with the lowest number that matches any byte decides; if it does not match all of them, nothing is
    allowed, and bit 8 (`MATCH_ALL`) is clear.
    """
    index = d.var(0)
    for _ in d.loop(lambda: d.ult(index.get(), PMP_ENTRIES)):
        at = index.get()
        config = d.get("pmpcfg", at)
        kind = d.lshr(d.and_(config, PMP_A), 3)
        for _ in d.when(d.ne(kind, 0)):
            overlap = d.call(pmp_range, at, kind, first, last)
            for _ in d.when(d.eq(overlap, 1)):
                d.ret(0)
            for _ in d.when(d.eq(overlap, 2)):
                exempt = d.both(d.eq(priv, Privilege.M), d.eq(d.and_(config, PMP_L), 0))
                d.ret(d.or_(MATCH_ALL, d.select(exempt, 7, d.and_(config, 7))))
        index.set(d.add(at, 1))
    d.ret(d.or_(MATCH_ALL, d.select(d.eq(priv, Privilege.M), 7, 0)))
