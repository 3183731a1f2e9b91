"""Zbc: carry-less multiplication, the product of polynomials over GF(2) (manual volume I, chapter "B")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.isa.domain import routine
from emulator.isa.rows import Lift, R, RowSet

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Execution, Value

ROWS: Final = RowSet("zbc")


@routine(params=2)
def carryless_product(d: Domain, a: Value, b: Value) -> None:
    """The low 64 bits of the product: one shifted copy of `a` for each bit that is set in `b`."""
    product, shifted, rest = d.var(0), d.var(a), d.var(b)
    for _ in d.loop(lambda: d.ne(rest.get(), 0)):
        copies = d.sub(0, d.and_(rest.get(), 1))
        product.set(d.xor(product.get(), d.and_(shifted.get(), copies)))
        shifted.set(d.shl(shifted.get(), 1))
        rest.set(d.lshr(rest.get(), 1))
    d.ret(product.get())


def _low(x: Execution) -> Value:
    return x.call(carryless_product, x.rs1, x.rs2)


def _reversed(x: Execution) -> Value:
    """Bits 126:63 of the product: without carries, the product of mirrored factors is the mirrored product."""
    mirrored = x.call(carryless_product, x.reverse_bits(x.rs1), x.reverse_bits(x.rs2))
    return x.reverse_bits(mirrored)


ROWS.row("clmul", "0000101 ..... ..... 001 ..... 0110011", R, lambda x: x.write_rd(_low(x)), Lift.CALL)
ROWS.row("clmulr", "0000101 ..... ..... 010 ..... 0110011", R, lambda x: x.write_rd(_reversed(x)), Lift.CALL)
# Bits 127:64, of which the highest is always zero.
ROWS.row("clmulh", "0000101 ..... ..... 011 ..... 0110011", R, lambda x: x.write_rd(x.lshr(_reversed(x), 1)), Lift.CALL)
