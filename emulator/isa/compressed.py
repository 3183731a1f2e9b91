"""The C extension and Zcb: every row is another encoding of a 4-byte one (manual volume I, chapters 26 and 27).

A more specific pattern wins over a more general one (`c.addi16sp` over `c.lui`, `c.jr` over `c.mv`), so the reserved
encodings are what is left when no row matches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.isa import base, bitmanip, floating, muldiv
from emulator.isa.rows import RowSet

if TYPE_CHECKING:
    from emulator.isa.rows import Row

ROWS: Final = RowSet("zca")
DOUBLE_ROWS: Final = RowSet("zca&d")

ZCB: Final = RowSet("zcb")
ZCB_ZBA: Final = RowSet("zcb&zba")
ZCB_ZBB: Final = RowSet("zcb&zbb")
ZCB_ZMMUL: Final = RowSet("zcb&zmmul")

_BASE: Final[dict[str, Row]] = {
    row.name: row
    for rows in (base.ROWS, muldiv.ZMMUL, bitmanip.ZBA, bitmanip.ZBB, bitmanip.SHARED)
    for row in rows.rows
}

SP: Final = 2
RA: Final = 1

# Where registers lie: full five bits at 11:7 and 6:2, or three bits (x8 to x15) at 9:7 and 4:2.
RD: Final = "rd[4:0]@11"
RD_NONZERO: Final = "rd![4:0]@11"
RS1: Final = "rs1[4:0]@11"
RS1_NONZERO: Final = "rs1![4:0]@11"
RS2: Final = "rs2[4:0]@6"
RS2_NONZERO: Final = "rs2![4:0]@6"
RD_LOW: Final = "rd'[2:0]@4"
RS2_LOW: Final = "rs2'[2:0]@4"
RD_HIGH: Final = "rd'[2:0]@9"
RS1_HIGH: Final = "rs1'[2:0]@9"
IMM6: Final = "+imm[5]@12[4:0]@6"
SHAMT: Final = "imm[5]@12[4:0]@6"
WORD: Final = "imm[5:3]@12[2|6]@6"
DOUBLE: Final = "imm[5:3]@12[7:6]@6"
NEAR: Final = "+imm[8|4:3]@12[7:6|2:1|5]@6"
BYTE_OFFSET: Final = "imm[0|1]@6"
HALF_OFFSET: Final = "imm[1]@5"
FAR: Final = "+imm[11|4|9:8|10|6|7|3:1|5]@12"


def _short(
    name: str, pattern: str, expands: str, syntax: str, *operands: str, rows: RowSet = ROWS, **fixed: int
) -> None:
    rows.short(name, pattern, _BASE[expands], syntax, *operands, **fixed)


def _unary(name: str, function: str, expands: str, rows: RowSet, **fixed: int) -> None:
    """A Zcb row that changes one register."""
    _short(name, f"100 1 11 ... 11 {function} 01", expands, "{rd}", RD_HIGH, RS1_HIGH, rows=rows, **fixed)


_short("c.addi4spn", "000 ........ ... 00", "addi", "{rd},{sp},{imm}", RD_LOW, "imm![5:4|9:6|2|3]@12", rs1=SP)
_short("c.lw", "010 ... ... .. ... 00", "lw", "{rd},{imm}({rs1})", RD_LOW, RS1_HIGH, WORD)
_short("c.ld", "011 ... ... .. ... 00", "ld", "{rd},{imm}({rs1})", RD_LOW, RS1_HIGH, DOUBLE)
_short("c.sw", "110 ... ... .. ... 00", "sw", "{rs2},{imm}({rs1})", RS2_LOW, RS1_HIGH, WORD)
_short("c.sd", "111 ... ... .. ... 00", "sd", "{rs2},{imm}({rs1})", RS2_LOW, RS1_HIGH, DOUBLE)

# With rd = x0 this is C.NOP and its hints; binutils prints it as an addition too.
_short("c.addi", "000 . ..... ..... 01", "addi", "{rd},{imm}", RD, RS1, IMM6)
_short("c.addiw", "001 . ..... ..... 01", "addiw", "{rd},{imm}", RD_NONZERO, RS1, IMM6)
_short("c.li", "010 . ..... ..... 01", "addi", "{rd},{imm}", RD, IMM6, rs1=0)
_short("c.addi16sp", "011 . 00010 ..... 01", "addi", "{sp},{imm}", "+imm![9]@12[4|6|8:7|5]@6", rd=SP, rs1=SP)
_short("c.lui", "011 . ..... ..... 01", "lui", "{rd},{upper}", RD, "+imm![17]@12[16:12]@6")
_short("c.srli", "100 . 00 ... ..... 01", "srli", "{rd},{shamt}", RD_HIGH, RS1_HIGH, SHAMT)
_short("c.srai", "100 . 01 ... ..... 01", "srai", "{rd},{shamt}", RD_HIGH, RS1_HIGH, SHAMT)
_short("c.andi", "100 . 10 ... ..... 01", "andi", "{rd},{imm}", RD_HIGH, RS1_HIGH, IMM6)
_short("c.sub", "100 0 11 ... 00 ... 01", "sub", "{rd},{rs2}", RD_HIGH, RS1_HIGH, RS2_LOW)
_short("c.xor", "100 0 11 ... 01 ... 01", "xor", "{rd},{rs2}", RD_HIGH, RS1_HIGH, RS2_LOW)
_short("c.or", "100 0 11 ... 10 ... 01", "or", "{rd},{rs2}", RD_HIGH, RS1_HIGH, RS2_LOW)
_short("c.and", "100 0 11 ... 11 ... 01", "and", "{rd},{rs2}", RD_HIGH, RS1_HIGH, RS2_LOW)
_short("c.subw", "100 1 11 ... 00 ... 01", "subw", "{rd},{rs2}", RD_HIGH, RS1_HIGH, RS2_LOW)
_short("c.addw", "100 1 11 ... 01 ... 01", "addw", "{rd},{rs2}", RD_HIGH, RS1_HIGH, RS2_LOW)
_short("c.j", "101 ........... 01", "jal", "{target}", FAR, rd=0)
_short("c.beqz", "110 ... ... ..... 01", "beq", "{rs1},{target}", RS1_HIGH, NEAR, rs2=0)
_short("c.bnez", "111 ... ... ..... 01", "bne", "{rs1},{target}", RS1_HIGH, NEAR, rs2=0)

_short("c.slli", "000 . ..... ..... 10", "slli", "{rd},{shamt}", RD, RS1, SHAMT)
_short("c.lwsp", "010 . ..... ..... 10", "lw", "{rd},{imm}({sp})", RD_NONZERO, "imm[5]@12[4:2|7:6]@6", rs1=SP)
_short("c.ldsp", "011 . ..... ..... 10", "ld", "{rd},{imm}({sp})", RD_NONZERO, "imm[5]@12[4:3|8:6]@6", rs1=SP)
_short("c.jr", "100 0 ..... 00000 10", "jalr", "{rs1}", RS1_NONZERO, rd=0, imm=0)
_short("c.mv", "100 0 ..... ..... 10", "add", "{rd},{rs2}", RD, RS2_NONZERO, rs1=0)
_short("c.ebreak", "100 1 00000 00000 10", "ebreak", "")
_short("c.jalr", "100 1 ..... 00000 10", "jalr", "{rs1}", RS1_NONZERO, rd=RA, imm=0)
_short("c.add", "100 1 ..... ..... 10", "add", "{rd},{rs2}", RD, RS1, RS2_NONZERO)
_short("c.swsp", "110 ...... ..... 10", "sw", "{rs2},{imm}({sp})", RS2, "imm[5:2|7:6]@12", rs1=SP)
_short("c.sdsp", "111 ...... ..... 10", "sd", "{rs2},{imm}({sp})", RS2, "imm[5:3|8:6]@12", rs1=SP)

# Zcb. What expands to an instruction of another extension needs that one too.
_short("c.lbu", "100 000 ... .. ... 00", "lbu", "{rd},{imm}({rs1})", RD_LOW, RS1_HIGH, BYTE_OFFSET, rows=ZCB)
_short("c.lhu", "100 001 ... 0. ... 00", "lhu", "{rd},{imm}({rs1})", RD_LOW, RS1_HIGH, HALF_OFFSET, rows=ZCB)
_short("c.lh", "100 001 ... 1. ... 00", "lh", "{rd},{imm}({rs1})", RD_LOW, RS1_HIGH, HALF_OFFSET, rows=ZCB)
_short("c.sb", "100 010 ... .. ... 00", "sb", "{rs2},{imm}({rs1})", RS2_LOW, RS1_HIGH, BYTE_OFFSET, rows=ZCB)
_short("c.sh", "100 011 ... 0. ... 00", "sh", "{rs2},{imm}({rs1})", RS2_LOW, RS1_HIGH, HALF_OFFSET, rows=ZCB)
_unary("c.zext.b", "000", "andi", ZCB, imm=0xFF)
_unary("c.sext.b", "001", "sext.b", ZCB_ZBB)
_unary("c.zext.h", "010", "zext.h", ZCB_ZBB)
_unary("c.sext.h", "011", "sext.h", ZCB_ZBB)
_unary("c.zext.w", "100", "add.uw", ZCB_ZBA, rs2=0)
_unary("c.not", "101", "xori", ZCB, imm=-1)
_short("c.mul", "100 1 11 ... 10 ... 01", "mul", "{rd},{rs2}", RD_HIGH, RS1_HIGH, RS2_LOW, rows=ZCB_ZMMUL)


def _double(name: str, pattern: str, expands: str, syntax: str, *operands: str, **fixed: int) -> None:
    row = next(row for row in floating.DOUBLE.rows if row.name == expands)
    DOUBLE_ROWS.short(name, pattern, row, syntax, *operands, **fixed)


_double("c.fld", "001 ... ... .. ... 00", "fld", "{fd},{imm}({rs1})", RD_LOW, RS1_HIGH, DOUBLE)
_double("c.fsd", "101 ... ... .. ... 00", "fsd", "{fs2},{imm}({rs1})", RS2_LOW, RS1_HIGH, DOUBLE)
_double("c.fldsp", "001 . ..... ..... 10", "fld", "{fd},{imm}({sp})", RD, "imm[5]@12[4:3|8:6]@6", rs1=SP)
_double("c.fsdsp", "101 ...... ..... 10", "fsd", "{fs2},{imm}({sp})", RS2, "imm[5:3|8:6]@12", rs1=SP)
