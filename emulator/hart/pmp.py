"""Physical memory protection (manual volume II, "Physical Memory Protection")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MASK64, MSECCFG_MML, MSECCFG_MMWP, PMP_A, PMP_L, PMP_R, PMP_W, PMP_X, Privilege
from emulator.hart.state import PMP_ENTRIES
from emulator.isa.domain import routine
from emulator.isa.extensions import EXTENSION_BITS, WITHOUT

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value

EVERYTHING: Final = PMP_R | PMP_W | PMP_X

LOCKDOWN: Final = (
    # M, others; by L and then X W R as `pmpcfg` has them, so W alone is 2 and X alone 4
    (0, 0),
    (0, PMP_R),
    (PMP_R | PMP_W, PMP_R),
    (0, PMP_R | PMP_W),
    (0, PMP_X),
    (0, PMP_R | PMP_X),
    (PMP_R | PMP_W, PMP_R | PMP_W),
    (0, EVERYTHING),
    (0, 0),
    (PMP_R, 0),
    (PMP_X, PMP_X),
    (PMP_R | PMP_W, 0),
    (PMP_X, 0),
    (PMP_R | PMP_X, 0),
    (PMP_R | PMP_X, PMP_X),
    (PMP_R, PMP_R),
)
"""What an entry allows under `mseccfg.MML` (Smepmp, truth table)."""

MACHINE_LOCKDOWN: Final = sum(machine << 4 * row for row, (machine, _) in enumerate(LOCKDOWN))
OTHERS_LOCKDOWN: Final = sum(others << 4 * row for row, (_, others) in enumerate(LOCKDOWN))
"""The same with four bits a row, for M-mode and for the rest."""

MACHINE_CODE: Final = sum(bool(machine & PMP_X) << row for row, (machine, _) in enumerate(LOCKDOWN))
"""The rows in which M-mode may execute."""

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


def _entry_allows(d: Domain, config: Value, priv: Value) -> Value:
    """R, W and X of an entry that matches: as it says (to M-mode only if it is locked), or under MML by the table."""
    machine = d.eq(priv, Privilege.M)
    exempt = d.both(machine, d.eq(d.and_(config, PMP_L), 0))
    plain = d.select(exempt, EVERYTHING, d.and_(config, EVERYTHING))
    row = d.or_(d.lshr(d.and_(config, PMP_L), 4), d.and_(config, EVERYTHING))
    table = d.select(machine, MACHINE_LOCKDOWN, OTHERS_LOCKDOWN)
    locked_down = d.and_(d.lshr(table, d.shl(row, 2)), EVERYTHING)
    return d.select(d.ne(d.and_(d.get("mseccfg"), MSECCFG_MML), 0), locked_down, plain)


def _nothing_allows(d: Domain, priv: Value) -> Value:
    """R, W and X where no entry matches: everything in M-mode, without X under MML, and nothing under MMWP."""
    security = d.get("mseccfg")
    data = d.select(d.ne(d.and_(security, MSECCFG_MML), 0), PMP_R | PMP_W, EVERYTHING)
    machine = d.select(d.ne(d.and_(security, MSECCFG_MMWP), 0), 0, data)
    return d.select(d.eq(priv, Privilege.M), machine, 0)


@routine(params=3)
def pmp_permissions(d: Domain, first: Value, last: Value, priv: Value) -> None:
    """R, W and X (bits 0, 1, 2) that the PMP leaves to `priv` for the physical bytes first .. last.

    The entry with the lowest number that matches any byte decides; if it does not match all of them, nothing is
    allowed, and bit 8 (`MATCH_ALL`) is clear.
    """
    for _ in d.when(d.ne(d.and_(d.shared("extensions"), 1 << EXTENSION_BITS[WITHOUT + "pmp"]), 0)):
        d.ret(MATCH_ALL | EVERYTHING)
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
                d.ret(d.or_(MATCH_ALL, _entry_allows(d, config, priv)))
        index.set(d.add(at, 1))
    d.ret(d.or_(MATCH_ALL, _nothing_allows(d, priv)))
