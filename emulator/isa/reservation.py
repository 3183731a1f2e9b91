"""Zawrs: waiting until another hart stores to a reservation (manual volume I, chapter "Zawrs").

A wait may end for any reason, and these end at once: harts take turns, so nothing changes while one waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.traps import check_stall
from emulator.isa.rows import BARE, Lift, RowSet

if TYPE_CHECKING:
    from emulator.isa.domain import Execution

ROWS: Final = RowSet("zawrs")


def _unlimited(x: Execution) -> None:
    x.call(check_stall)


ROWS.row("wrs.nto", "000000001101 00000 000 00000 1110011", BARE, _unlimited, Lift.CALL)
ROWS.row("wrs.sto", "000000011101 00000 000 00000 1110011", BARE, lambda _x: None)
