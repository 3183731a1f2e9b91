"""Zbc: carry-less multiplication, the product of polynomials over GF(2) (manual volume I, chapter "B")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.isa.rows import R, RowSet

if TYPE_CHECKING:
    from emulator.isa.domain import Execution, Ops, Value

ROWS: Final = RowSet("zbc")

LANES: Final = 4
LANE: Final = 0x1111_1111_1111_1111
"""Every fourth bit."""


def carryless_product(d: Ops, a: Value, b: Value) -> Value:
    """The low 64 bits of the product, by ordinary multiplication of numbers with gaps.

    With one bit in four set, at most 15 ones meet in a column of an ordinary product, so that their carries stay in the
    gap above it; in the topmost column there may be 16, whose carry leaves the 64 bits. The column's lowest bit is
    the sum without carries.
    """
    parts_a = [d.and_(a, LANE << lane) for lane in range(LANES)]
    parts_b = [d.and_(b, LANE << lane) for lane in range(LANES)]
    product: Value = 0
    for lane in range(LANES):
        sums: Value = 0
        for part, one in enumerate(parts_a):
            sums = d.xor(sums, d.mul(one, parts_b[(lane - part) % LANES]))
        product = d.or_(product, d.and_(sums, LANE << lane))
    return product


def _reversed(x: Execution) -> Value:
    """Bits 126:63 of the product: without carries, the product of mirrored factors is the mirrored product."""
    return x.reverse_bits(carryless_product(x, x.reverse_bits(x.rs1), x.reverse_bits(x.rs2)))


ROWS.row("clmul", "0000101 ..... ..... 001 ..... 0110011", R, lambda x: x.write_rd(carryless_product(x, x.rs1, x.rs2)))
ROWS.row("clmulr", "0000101 ..... ..... 010 ..... 0110011", R, lambda x: x.write_rd(_reversed(x)))
# Bits 127:64, of which the highest is always zero.
ROWS.row("clmulh", "0000101 ..... ..... 011 ..... 0110011", R, lambda x: x.write_rd(x.lshr(_reversed(x), 1)))
