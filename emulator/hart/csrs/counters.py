"""Counters: Zicntr, Zihpm and their machine-mode sides. A write names the value that the next instruction reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr, Guard, constant, stored
from emulator.hart.refusal import below_machine, is_guest, is_user
from emulator.hart.timers import guest_time, read_time

if TYPE_CHECKING:
    from emulator.hart.refusal import Refusal
    from emulator.isa.domain import Bool, Domain, Value


def counter_refused(d: Domain, index: int) -> Refusal:
    """`mcounteren` decides for every mode below M, `hcounteren` for V=1, `scounteren` for U and VU."""

    def off(register: str) -> Bool:
        return d.eq(d.and_(d.get(register), 1 << index), 0)

    by_hypervisor = d.both(is_guest(d), off("hcounteren"))
    by_supervisor = d.both(is_user(d), off("scounteren"))
    return d.both(below_machine(d), off("mcounteren")), d.either(by_hypervisor, by_supervisor)


def _counter_guard(index: int) -> Guard:
    return lambda d: counter_refused(d, index)


def _read_cycle(d: Domain) -> Value:
    return d.add(d.now(), d.get("mcycle_offset"))


def _write_cycle(d: Domain, value: Value) -> None:
    d.put("mcycle_offset", d.sub(value, d.add(d.now(), 1)))


def _read_instret(d: Domain) -> Value:
    return d.add(d.sub(d.now(), d.get("trapped")), d.get("minstret_offset"))


def _write_instret(d: Domain, value: Value) -> None:
    d.put("minstret_offset", d.sub(value, d.sub(d.add(d.now(), 1), d.get("trapped"))))


ROWS: Final = (
    Csr(0xC00, "cycle", _read_cycle, guard=_counter_guard(0), extension="zicntr"),
    Csr(
        0xC01,
        "time",
        lambda d: d.call(read_time),
        guard=_counter_guard(1),
        extension="zicntr",
        guest=Csr(0xC01, "time", guest_time),
    ),
    Csr(0xC02, "instret", _read_instret, guard=_counter_guard(2), extension="zicntr"),
    *(Csr(0xC00 + n, f"hpmcounter{n}", lambda _d: 0, guard=_counter_guard(n), extension="zihpm") for n in range(3, 32)),
    stored(0x106, "scounteren", writable=(1 << 32) - 1),
    stored(0x306, "mcounteren", writable=(1 << 32) - 1),
    stored(0x606, "hcounteren", writable=(1 << 32) - 1, extension="h"),
    constant(0x320, "mcountinhibit"),
    *(constant(0x320 + n, f"mhpmevent{n}") for n in range(3, 32)),
    Csr(0xB00, "mcycle", _read_cycle, _write_cycle),
    Csr(0xB02, "minstret", _read_instret, _write_instret),
    *(constant(0xB00 + n, f"mhpmcounter{n}") for n in range(3, 32)),
)
