"""Zicond: conditional zero (manual volume I, chapter "Zicond")."""

from __future__ import annotations

from typing import Final

from emulator.isa.rows import R, RowSet

ROWS: Final = RowSet("zicond")

ROWS.row(
    "czero.eqz",
    "0000111 ..... ..... 101 ..... 0110011",
    R,
    lambda x: x.write_rd(x.select(x.eq(x.rs2, 0), 0, x.rs1)),
)
ROWS.row(
    "czero.nez",
    "0000111 ..... ..... 111 ..... 0110011",
    R,
    lambda x: x.write_rd(x.select(x.ne(x.rs2, 0), 0, x.rs1)),
)
