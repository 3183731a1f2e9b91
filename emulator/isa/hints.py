"""Zihintpause: the pause hint (manual volume I, chapter "Zihintpause").

A hint is an encoding that the base already has and that changes no register, so it is there whatever a hart has. Those
of Zihintntl are `add x0, x0, x2` to `x5`, for which there is nothing to add.
"""

from __future__ import annotations

from typing import Final

from emulator.isa.rows import BARE, RowSet

ROWS: Final = RowSet("i")

ROWS.row("pause", "0000 0001 0000 00000 000 00000 0001111", BARE, lambda _x: None)
