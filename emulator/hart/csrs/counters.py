"""Counters: Zicntr, Zihpm and their machine-mode sides. A write names the value that the next instruction reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr, Guard, constant, stored
from emulator.hart.fields import Privilege

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value


def _counter_guard(index: int) -> Guard:
    def guard(d: Domain) -> None:
        priv = d.get("priv")
        by_m = d.eq(d.and_(d.get("mcounteren"), 1 << index), 0)
        by_s = d.eq(d.and_(d.get("scounteren"), 1 << index), 0)
        below_m = d.both(d.ne(priv, Privilege.M), by_m)
        below_s = d.both(d.eq(priv, Privilege.U), by_s)
        for _ in d.when(d.either(below_m, below_s)):
            d.illegal()

    return guard


def _read_cycle(d: Domain) -> Value:
    return d.add(d.now(), d.get("mcycle_offset"))


def _write_cycle(d: Domain, value: Value) -> None:
    d.put("mcycle_offset", d.sub(value, d.add(d.now(), 1)))


def _read_instret(d: Domain) -> Value:
    return d.add(d.sub(d.now(), d.get("trapped")), d.get("minstret_offset"))


def _write_instret(d: Domain, value: Value) -> None:
    d.put("minstret_offset", d.sub(value, d.sub(d.add(d.now(), 1), d.get("trapped"))))


def _read_time(d: Domain) -> Value:
    elapsed = d.add(d.get("time_base"), d.sub(d.now(), d.get("steps")))
    ticks = d.udiv(d.mul(elapsed, d.shared("ticks_mul")), d.shared("ticks_div"))
    return d.add(ticks, d.shared("ticks_offset"))


ROWS: Final = (
    Csr(0xC00, "cycle", _read_cycle, guard=_counter_guard(0), extension="zicntr"),
    Csr(0xC01, "time", _read_time, guard=_counter_guard(1), extension="zicntr"),
    Csr(0xC02, "instret", _read_instret, guard=_counter_guard(2), extension="zicntr"),
    *(Csr(0xC00 + n, f"hpmcounter{n}", lambda _d: 0, guard=_counter_guard(n), extension="zihpm") for n in range(3, 32)),
    stored(0x106, "scounteren", writable=(1 << 32) - 1),
    stored(0x306, "mcounteren", writable=(1 << 32) - 1),
    constant(0x320, "mcountinhibit"),
    *(constant(0x320 + n, f"mhpmevent{n}") for n in range(3, 32)),
    Csr(0xB00, "mcycle", _read_cycle, _write_cycle),
    Csr(0xB02, "minstret", _read_instret, _write_instret),
    *(constant(0xB00 + n, f"mhpmcounter{n}") for n in range(3, 32)),
)
