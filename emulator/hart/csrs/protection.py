"""Physical memory protection: `pmpcfg` and `pmpaddr`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr
from emulator.hart.fields import PMP_A, PMP_L, PMP_R, PMP_W
from emulator.hart.state import PMP_ENTRIES

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value


def _pmpcfg(group: int) -> Csr:
    """`pmpcfg0` and `pmpcfg2`: eight entries each; a locked entry keeps its byte, and W without R is not kept."""
    first = group * 4

    def read(d: Domain) -> Value:
        value = d.get("pmpcfg", first)
        for byte in range(1, 8):
            value = d.or_(value, d.shl(d.get("pmpcfg", first + byte), 8 * byte))
        return value

    def write(d: Domain, value: Value) -> None:
        for byte in range(8):
            new = d.and_(d.lshr(value, 8 * byte), PMP_L | PMP_A | 7)
            readable = d.ne(d.and_(new, PMP_R), 0)
            legal = d.and_(new, d.select(readable, 0xFF, 0xFF ^ PMP_W))
            old = d.get("pmpcfg", first + byte)
            locked = d.ne(d.and_(old, PMP_L), 0)
            d.put("pmpcfg", d.select(locked, old, legal), first + byte)
        d.flush()

    return Csr(0x3A0 + group, f"pmpcfg{group}", read, write)


def _pmpaddr(index: int) -> Csr:
    """`pmpaddrN`: 54 bits; locked by its own entry, or by the next one when that is a locked TOR."""

    def write(d: Domain, value: Value) -> None:
        locked = d.ne(d.and_(d.get("pmpcfg", index), PMP_L), 0)
        if index + 1 < PMP_ENTRIES:
            above = d.and_(d.get("pmpcfg", index + 1), PMP_L | PMP_A)
            locked = d.either(locked, d.eq(above, PMP_L | 1 << 3))
        old = d.get("pmpaddr", index)
        d.put("pmpaddr", d.select(locked, old, d.and_(value, (1 << 54) - 1)), index)
        d.flush()

    return Csr(0x3B0 + index, f"pmpaddr{index}", lambda d: d.get("pmpaddr", index), write)


ROWS: Final = (
    _pmpcfg(0),
    _pmpcfg(2),
    *(_pmpaddr(index) for index in range(PMP_ENTRIES)),
)
