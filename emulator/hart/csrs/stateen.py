"""Smstateen and Ssstateen: which state less privileged modes may touch (manual volume II, "Smstateen/Ssstateen").

Of the state that the registers can guard this machine has `henvcfg` and `senvcfg` (ENVCFG), and the registers of the
next level themselves (SE). A bit that is 0 in `mstateen` is read-only 0 in `hstateen`; nothing is left for `sstateen`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr, Guard, constant
from emulator.hart.fields import STATEEN_ENVCFG, STATEEN_SE
from emulator.hart.refusal import below_machine, is_guest
from emulator.hart.state import STATEENS
from emulator.hart.translation import has

if TYPE_CHECKING:
    from emulator.hart.refusal import Refusal
    from emulator.isa.domain import Domain, Value


def _writable(index: int) -> int:
    return STATEEN_SE | STATEEN_ENVCFG if index == 0 else STATEEN_SE


def _read_hstateen(d: Domain, index: int) -> Value:
    return d.and_(d.get("hstateen", index), d.get("mstateen", index))


def guarded(bit: int, index: int = 0) -> Guard:
    """The guard of state behind a bit of `mstateen` for every mode below M, of `hstateen` for V=1."""

    def guard(d: Domain) -> Refusal:
        there = has(d, "smstateen")
        by_machine = d.both(below_machine(d), d.eq(d.and_(d.get("mstateen", index), bit), 0))
        by_hypervisor = d.both(is_guest(d), d.eq(d.and_(_read_hstateen(d, index), bit), 0))
        return d.both(there, by_machine), d.both(there, by_hypervisor)

    return guard


def _mstateen(index: int) -> Csr:
    def write(d: Domain, value: Value) -> None:
        d.put("mstateen", d.and_(value, _writable(index)), index)

    return Csr(0x30C + index, f"mstateen{index}", lambda d: d.get("mstateen", index), write, extension="smstateen")


def _hstateen(index: int) -> Csr:
    def write(d: Domain, value: Value) -> None:
        kept = d.and_(d.get("hstateen", index), d.xor(d.get("mstateen", index), _writable(index)))
        d.put("hstateen", d.or_(kept, d.and_(value, d.get("mstateen", index))), index)

    return Csr(
        0x60C + index,
        f"hstateen{index}",
        lambda d: _read_hstateen(d, index),
        write,
        guarded(STATEEN_SE, index),
        extension="h&smstateen",
    )


ROWS: Final = (
    *(_mstateen(index) for index in range(STATEENS)),
    *(_hstateen(index) for index in range(STATEENS)),
    *(
        constant(0x10C + index, f"sstateen{index}", extension="smstateen", guard=guarded(STATEEN_SE, index))
        for index in range(STATEENS)
    ),
)
