"""Zimop and Zcmop: may-be-operations, encodings that later extensions may give a meaning (manual volume I)."""

from __future__ import annotations

from typing import Final

from emulator.isa import base
from emulator.isa.rows import RD, RS1, RS2, UNARY, RowSet

ZIMOP: Final = RowSet("zimop")
ZCMOP: Final = RowSet("zcmop")


def _mop_r(number: int) -> str:
    """The pattern of `mop.r.N`: the bits of N lie apart."""
    n = f"{number:05b}"
    return f"1{n[0]}00{n[1:3]}0111{n[3:]} ..... 100 ..... 1110011"


def _mop_rr(number: int) -> str:
    n = f"{number:03b}"
    return f"1{n[0]}00{n[1:]}1 ..... ..... 100 ..... 1110011"


# As long as nothing redefines them they all write zero, so they are encodings of one row.
ZIMOP.row("mop.r.0", _mop_r(0), UNARY, lambda x: x.write_rd(0))
_ZERO: Final = ZIMOP.named("mop.r.0")

for number in range(1, 32):
    ZIMOP.short(f"mop.r.{number}", _mop_r(number), _ZERO, "{rd},{rs1}", RD, RS1)
for number in range(8):
    ZIMOP.short(f"mop.rr.{number}", _mop_rr(number), _ZERO, "{rd},{rs1},{rs2}", RD, RS1, RS2)

# The encodings of `c.lui` with an odd register up to x15 and a zero immediate. They write nothing.
_NOTHING: Final = base.ROWS.named("addi")
for number in range(1, 16, 2):
    ZCMOP.short(f"c.mop.{number}", f"011 0 0{number:04b} 00000 01", _NOTHING, "", rd=0, rs1=0, imm=0)
