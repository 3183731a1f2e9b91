"""Zkr: `seed`, the entropy source (manual volume I, "Entropy Source").

The source is a deterministic generator (splitmix64), so that a run repeats itself; it always has entropy to give
(OPST = ES16), so a guest that polls gets it at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr
from emulator.hart.fields import MSECCFG_SSEED, MSECCFG_USEED
from emulator.hart.refusal import below_machine, is_guest, is_user

if TYPE_CHECKING:
    from emulator.hart.refusal import Refusal
    from emulator.isa.domain import Domain, Value

ES16: Final = 2 << 30
"""OPST: the low 16 bits are fresh entropy. BIST (0), WAIT (1) and DEAD (3) do not happen here."""

STEP: Final = 0x9E37_79B9_7F4A_7C15


def _read(d: Domain) -> Value:
    """What the next access gets; looking changes nothing."""
    mixed = d.get("entropy")
    for shift, factor in ((30, 0xBF58_476D_1CE4_E5B9), (27, 0x94D0_49BB_1331_11EB)):
        mixed = d.mul(d.xor(mixed, d.lshr(mixed, shift)), factor)
    return d.or_(ES16, d.lshr(mixed, 48))


def _write(d: Domain, _value: Value) -> None:
    """An access wipes what it read; the value written means nothing."""
    d.put("entropy", d.add(d.get("entropy"), STEP))


def _guard(d: Domain) -> Refusal:
    """M-mode always, S-mode under `mseccfg.SSEED`, U-mode under USEED; a guest never, told by the same bits."""
    needed = d.select(is_user(d), MSECCFG_USEED, MSECCFG_SSEED)
    return d.both(below_machine(d), d.eq(d.and_(d.get("mseccfg"), needed), 0)), is_guest(d)


ROWS: Final = (Csr(0x015, "seed", _read, _write, _guard, extension="zkr", must_write=True),)
