"""Sstc: `stimecmp`, `vstimecmp`; and H's `htimedelta`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.counters import counter_refused
from emulator.hart.csrs.row import Csr, Guard
from emulator.hart.refusal import below_machine, is_guest
from emulator.hart.timers import guest_timer_on, supervisor_timer_on, update_pending

if TYPE_CHECKING:
    from emulator.hart.refusal import Refusal
    from emulator.isa.domain import Domain, Value

TIME: Final = 1
"""Bit TM of the counter-enable registers."""


def _guard(d: Domain) -> Refusal:
    """Below M-mode it takes `menvcfg.STCE` and `mcounteren.TM`, at V=1 `henvcfg.STCE` and `hcounteren.TM` as well."""
    by_counter, _ = counter_refused(d, TIME)
    by_machine = d.both(below_machine(d), d.negate(supervisor_timer_on(d)))
    no_time = d.eq(d.and_(d.get("hcounteren"), 1 << TIME), 0)
    by_hypervisor = d.both(is_guest(d), d.either(d.negate(guest_timer_on(d)), no_time))
    return d.either(by_counter, by_machine), by_hypervisor


def _compared(number: int, name: str, extension: str, guard: Guard | None = None, guest: Csr | None = None) -> Csr:
    """A register that a timer's comparison depends on."""

    def write(d: Domain, value: Value) -> None:
        d.put(name, value)
        d.call(update_pending)

    return Csr(number, name, lambda d: d.get(name), write, guard, extension=extension, guest=guest)


VSTIMECMP: Final = _compared(0x24D, "vstimecmp", "h&sstc", _guard)

ROWS: Final = (
    _compared(0x14D, "stimecmp", "sstc", _guard, VSTIMECMP),
    VSTIMECMP,
    _compared(0x605, "htimedelta", "h"),
)
