"""Environment configuration: `menvcfg`, `henvcfg`, `senvcfg`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr, merge
from emulator.hart.csrs.stateen import guarded
from emulator.hart.fields import (
    ENVCFG_CBCFE,
    ENVCFG_CBIE,
    ENVCFG_CBZE,
    ENVCFG_FIOM,
    ENVCFG_PMM,
    ENVCFG_STCE,
    MASK64,
    STATEEN_ENVCFG,
)
from emulator.hart.timers import update_pending
from emulator.hart.translation import ENVCFG_ADUE, ENVCFG_PBMTE, has

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value

Fields = tuple[tuple[str, int], ...]
"""Extensions, each with the fields that it brings."""

BLOCK_FIELDS: Final[Fields] = (("zicbom", ENVCFG_CBIE | ENVCFG_CBCFE), ("zicboz", ENVCFG_CBZE))
PASSED_DOWN: Final[Fields] = (("svadu", ENVCFG_ADUE), ("svpbmt", ENVCFG_PBMTE), ("sstc", ENVCFG_STCE))
"""Fields of `menvcfg` and `henvcfg`; where `menvcfg` has a zero, the field of `henvcfg` is a read-only zero."""
DEPENDENT: Final = ENVCFG_ADUE | ENVCFG_PBMTE | ENVCFG_STCE

RESERVED: Final = ((ENVCFG_CBIE, 2 << 4), (ENVCFG_PMM, 1 << 32))
"""Fields with a reserved encoding, which becomes 0."""


def without_reserved(d: Domain, value: Value, fields: tuple[tuple[int, int], ...]) -> Value:
    """`value` with 0 in each of the fields that holds its reserved encoding."""
    for field, reserved in fields:
        legal = d.ne(d.and_(value, field), reserved)
        value = d.and_(value, d.select(legal, MASK64, MASK64 ^ field))
    return value


def _legal(d: Domain, value: Value, fields: Fields, always: int) -> Value:
    writable: Value = always
    for extension, bits in fields:
        writable = d.or_(writable, d.select(has(d, extension), bits, 0))
    return d.and_(without_reserved(d, value, RESERVED), writable)


def _put(d: Domain, name: str, value: Value) -> None:
    """Keep a value. What a PTE may hold and how addresses are masked is in what is cached."""
    changed = d.and_(d.xor(d.get(name), value), ENVCFG_PMM | ENVCFG_ADUE | ENVCFG_PBMTE)
    d.put(name, value)
    for _ in d.when(d.ne(changed, 0)):
        d.flush()


def _write_menvcfg(d: Domain, value: Value) -> None:
    """Which timers run can change."""
    _put(d, "menvcfg", _legal(d, value, (*BLOCK_FIELDS, ("smnpm", ENVCFG_PMM), *PASSED_DOWN), ENVCFG_FIOM))
    d.call(update_pending)


def _allowed_by_menvcfg(d: Domain) -> Value:
    """The bits of `henvcfg` that are not read-only zero."""
    return d.or_(d.get("menvcfg"), MASK64 ^ DEPENDENT)


def _read_henvcfg(d: Domain) -> Value:
    return d.and_(d.get("henvcfg"), _allowed_by_menvcfg(d))


def _write_henvcfg(d: Domain, value: Value) -> None:
    """A field that `menvcfg` hides keeps what it holds: whoever uses `henvcfg` looks at both registers."""
    legal = _legal(d, value, (*BLOCK_FIELDS, ("ssnpm", ENVCFG_PMM), *PASSED_DOWN), ENVCFG_FIOM)
    _put(d, "henvcfg", merge(d, d.get("henvcfg"), legal, _allowed_by_menvcfg(d)))
    d.call(update_pending)


def _write_senvcfg(d: Domain, value: Value) -> None:
    _put(d, "senvcfg", _legal(d, value, (*BLOCK_FIELDS, ("ssnpm", ENVCFG_PMM)), ENVCFG_FIOM))


ROWS: Final = (
    Csr(0x10A, "senvcfg", lambda d: d.get("senvcfg"), _write_senvcfg, guarded(STATEEN_ENVCFG)),
    Csr(0x30A, "menvcfg", lambda d: d.get("menvcfg"), _write_menvcfg),
    Csr(0x60A, "henvcfg", _read_henvcfg, _write_henvcfg, guarded(STATEEN_ENVCFG), extension="h"),
)
