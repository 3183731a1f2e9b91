"""Physical memory protection: `pmpcfg` and `pmpaddr`, and `mseccfg`, which says what they mean to M-mode (Smepmp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.configuration import without_reserved
from emulator.hart.csrs.row import Csr
from emulator.hart.fields import (
    ENVCFG_PMM,
    MASK64,
    MSECCFG_MML,
    MSECCFG_MMWP,
    MSECCFG_RLB,
    MSECCFG_SSEED,
    MSECCFG_USEED,
    PMP_A,
    PMP_L,
    PMP_R,
    PMP_W,
    PMP_X,
)
from emulator.hart.pmp import MACHINE_CODE
from emulator.hart.state import PMP_ENTRIES
from emulator.hart.translation import has
from emulator.isa.extensions import WITHOUT

if TYPE_CHECKING:
    from emulator.hart.refusal import Refusal
    from emulator.isa.domain import Bool, Domain, Value

MSECCFG_FIELDS: Final = (
    ("smepmp", MSECCFG_MML | MSECCFG_MMWP | MSECCFG_RLB),
    ("zkr", MSECCFG_USEED | MSECCFG_SSEED),
    ("smmpm", ENVCFG_PMM),
)
"""Fields that `mseccfg` has where a hart has an extension."""


def _set(d: Domain, bit: int) -> Bool:
    """Whether a bit of `mseccfg` is set."""
    return d.ne(d.and_(d.get("mseccfg"), bit), 0)


def _locked(d: Domain, index: int) -> Bool:
    """Whether entry `index` has its L bit set and Rule Locking Bypass does not lift it."""
    return d.both(d.ne(d.and_(d.get("pmpcfg", index), PMP_L), 0), d.negate(_set(d, MSECCFG_RLB)))


def _write_mseccfg(d: Domain, value: Value) -> None:
    """MML and MMWP stay set until reset; RLB stays clear as long as an entry is locked (Smepmp, rules 1 to 3)."""
    writable: Value = 0
    for extension, bits in MSECCFG_FIELDS:
        writable = d.or_(writable, d.select(has(d, extension), bits, 0))
    old = d.get("mseccfg")
    locks: Value = 0
    for index in range(PMP_ENTRIES):
        locks = d.or_(locks, d.get("pmpcfg", index))
    frozen = d.both(d.ne(d.and_(locks, PMP_L), 0), d.negate(_set(d, MSECCFG_RLB)))
    legal = without_reserved(d, value, ((ENVCFG_PMM, 1 << 32),))
    new = d.and_(d.and_(legal, writable), d.select(frozen, MASK64 ^ MSECCFG_RLB, MASK64))
    d.put("mseccfg", d.or_(new, d.and_(old, MSECCFG_MML | MSECCFG_MMWP)))
    d.flush()


def _guard(d: Domain) -> Refusal:
    return has(d, WITHOUT + "pmp"), False


def _legal(d: Domain, value: Value, old: Value) -> Value:
    """What a write of `value` leaves in the byte `old` of an entry that is not locked.

    W without R is reserved but under MML. Under MML no entry may be added that lets M-mode execute, unless RLB is set:
    "such pmpcfg writes are ignored, leaving pmpcfg unchanged" (Smepmp, rule 4 c).
    """
    lockdown = _set(d, MSECCFG_MML)
    byte = d.and_(value, PMP_L | PMP_A | PMP_R | PMP_W | PMP_X)
    kept = d.select(d.either(lockdown, d.ne(d.and_(byte, PMP_R), 0)), byte, d.and_(byte, 0xFF ^ PMP_W))
    row = d.or_(d.lshr(d.and_(byte, PMP_L), 4), d.and_(byte, PMP_R | PMP_W | PMP_X))
    code = d.ne(d.and_(d.lshr(MACHINE_CODE, row), 1), 0)
    refused = d.both(d.both(lockdown, code), d.negate(_set(d, MSECCFG_RLB)))
    return d.select(refused, old, kept)


def _pmpcfg(group: int) -> Csr:
    """`pmpcfg0` and `pmpcfg2`: eight entries each; a locked entry keeps its byte."""
    first = group * 4

    def read(d: Domain) -> Value:
        value = d.get("pmpcfg", first)
        for byte in range(1, 8):
            value = d.or_(value, d.shl(d.get("pmpcfg", first + byte), 8 * byte))
        return value

    def write(d: Domain, value: Value) -> None:
        for byte in range(8):
            index = first + byte
            old = d.get("pmpcfg", index)
            new = _legal(d, d.lshr(value, 8 * byte), old)
            d.put("pmpcfg", d.select(_locked(d, index), old, new), index)
        d.flush()

    return Csr(0x3A0 + group, f"pmpcfg{group}", read, write, _guard)


def _pmpaddr(index: int) -> Csr:
    """`pmpaddrN`: 54 bits; locked by its own entry, or by the next one when that is a locked TOR."""

    def write(d: Domain, value: Value) -> None:
        locked = _locked(d, index)
        if index + 1 < PMP_ENTRIES:
            top = d.eq(d.and_(d.get("pmpcfg", index + 1), PMP_A), 1 << 3)
            locked = d.either(locked, d.both(_locked(d, index + 1), top))
        old = d.get("pmpaddr", index)
        d.put("pmpaddr", d.select(locked, old, d.and_(value, (1 << 54) - 1)), index)
        d.flush()

    return Csr(0x3B0 + index, f"pmpaddr{index}", lambda d: d.get("pmpaddr", index), write, _guard)


ROWS: Final = (
    Csr(0x747, "mseccfg", lambda d: d.get("mseccfg"), _write_mseccfg, extension="smepmp|zkr|smmpm"),
    _pmpcfg(0),
    _pmpcfg(2),
    *(_pmpaddr(index) for index in range(PMP_ENTRIES)),
)
