"""Zicbom, Zicboz, Zicbop: cache-block management, zero and prefetch (manual volume I, chapter "CMO").

There are no caches: management instructions have an effect only where they are not allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.cacheblock import manage_block, zero_block
from emulator.hart.fields import ENVCFG_CBCFE, ENVCFG_CBIE, ENVCFG_CBZE
from emulator.isa.rows import BLOCK, PREFETCH, Lift, RowSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.isa.domain import Execution, Routine

ZICBOM: Final = RowSet("zicbom")
ZICBOZ: Final = RowSet("zicboz")
PREFETCHES: Final = RowSet("i")


def _block(target: Routine, enable: int) -> Callable[[Execution], None]:
    def meaning(x: Execution) -> None:
        x.call(target, x.rs1, enable)

    return meaning


ZICBOM.row("cbo.inval", "000000000000 ..... 010 00000 0001111", BLOCK, _block(manage_block, ENVCFG_CBIE), Lift.CALL)
ZICBOM.row("cbo.clean", "000000000001 ..... 010 00000 0001111", BLOCK, _block(manage_block, ENVCFG_CBCFE), Lift.CALL)
ZICBOM.row("cbo.flush", "000000000010 ..... 010 00000 0001111", BLOCK, _block(manage_block, ENVCFG_CBCFE), Lift.CALL)
ZICBOZ.row("cbo.zero", "000000000100 ..... 010 00000 0001111", BLOCK, _block(zero_block, ENVCFG_CBZE), Lift.CALL)

# Hints: encodings of `ori` with rd = x0, there whatever a hart has.
PREFETCHES.row("prefetch.i", "....... 00000 ..... 110 00000 0010011", PREFETCH, lambda _x: None)
PREFETCHES.row("prefetch.r", "....... 00001 ..... 110 00000 0010011", PREFETCH, lambda _x: None)
PREFETCHES.row("prefetch.w", "....... 00011 ..... 110 00000 0010011", PREFETCH, lambda _x: None)
