"""Environment configuration: `menvcfg`, `senvcfg`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr
from emulator.hart.fields import ENVCFG_CBCFE, ENVCFG_CBIE, ENVCFG_CBZE, ENVCFG_FIOM, MASK64
from emulator.hart.translation import ENVCFG_ADUE, ENVCFG_PBMTE, has

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value

ENVCFG_FIELDS: Final = (("zicbom", ENVCFG_CBIE | ENVCFG_CBCFE), ("zicboz", ENVCFG_CBZE))
"""Fields that `menvcfg` and `senvcfg` have where a hart has an extension."""


def _envcfg(number: int, name: str, fields: tuple[tuple[str, int], ...] = ENVCFG_FIELDS) -> Csr:
    """`menvcfg`, `senvcfg`: CBIE = 2 is reserved and becomes 0. What a PTE may hold can change: caches are flushed."""

    def write(d: Domain, value: Value) -> None:
        writable: Value = ENVCFG_FIOM
        for extension, bits in fields:
            writable = d.or_(writable, d.select(has(d, extension), bits, 0))
        reserved = d.eq(d.and_(value, ENVCFG_CBIE), 2 << 4)
        d.put(name, d.and_(value, d.and_(writable, d.select(reserved, MASK64 ^ ENVCFG_CBIE, MASK64))))
        d.flush()

    return Csr(number, name, lambda d: d.get(name), write)


ROWS: Final = (
    _envcfg(0x10A, "senvcfg"),
    _envcfg(0x30A, "menvcfg", (*ENVCFG_FIELDS, ("svadu", ENVCFG_ADUE), ("svpbmt", ENVCFG_PBMTE))),
)
