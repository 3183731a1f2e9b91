"""Every CSR as one row: number, name, who may touch it, what a read gives and what a write leaves (WARL).

`read` has no side effect and asks no permission; `write` legalises; `guard` tells what the manual refuses beyond the
number's own privilege bits. Instructions check permission first, and at V=1 reach the row that `guest` names; a
debugger uses `read` and `write` alone, so that `sstatus` is HS-mode's and `vsstatus` the guest's, whatever the mode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.hart.csrs import (
    configuration,
    counters,
    entropy,
    floating,
    hypervisor,
    interrupts,
    protection,
    stateen,
    status,
    timing,
    translating,
    trapping,
    triggers,
)
from emulator.hart.csrs.row import Csr
from emulator.hart.fields import Privilege
from emulator.hart.refusal import below_machine, is_guest, is_user, refuse
from emulator.hart.translation import has
from emulator.isa.extensions import ALWAYS

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value

__all__ = ("BY_NAME", "BY_NUMBER", "ROWS", "Csr", "base_instruction", "read_instruction", "write_instruction")

ROWS: Final = tuple(
    sorted(
        (
            *floating.ROWS,
            *entropy.ROWS,
            *counters.ROWS,
            *status.ROWS,
            *interrupts.ROWS,
            *configuration.ROWS,
            *trapping.ROWS,
            *translating.ROWS,
            *protection.ROWS,
            *hypervisor.ROWS,
            *stateen.ROWS,
            *timing.ROWS,
            *triggers.ROWS,
        ),
        key=lambda row: row.number,
    )
)
"""Every CSR of the machine, in order of number."""

HYPERVISOR: Final = 2
"""Bits 9:8 of the number of a register of HS-mode that guests cannot reach, whatever their privilege."""

BY_NUMBER: Final = {row.number: row for row in ROWS}
BY_NAME: Final = {row.name: row for row in ROWS}


def _check(d: Domain, row: Csr, *, writes: bool) -> None:
    """Raise the exception of an access that the number's bits or the guard refuse (`emulator.hart.refusal`)."""
    lowest = row.number >> 8 & 3
    denied, barred = row.guard(d) if row.guard is not None else (False, False)
    if writes and row.read_only:
        denied = True
    if row.extension not in ALWAYS:
        denied = d.either(denied, d.negate(has(d, row.extension)))
    if lowest == Privilege.M:
        denied = d.either(denied, below_machine(d))
    elif lowest:
        barred = d.either(barred, is_user(d))
    if lowest == HYPERVISOR:
        barred = d.either(barred, is_guest(d))
    refuse(d, denied=denied, barred=barred)


def _reached(d: Domain, row: Csr, access: Callable[[Csr], Value]) -> None:
    """Access what an instruction that names `row` reaches, by V, and return the result."""
    if row.guest is not None:
        for _ in d.when(is_guest(d)):
            d.ret(access(row.guest))
    d.ret(access(row))


def read_instruction(row: Csr) -> Callable[[Domain, Value], None]:
    """The meaning of an instruction's read of `row`, permission included; returns the value.

    Its argument is not zero where the instruction writes, too.
    """

    def body(d: Domain, writes: Value) -> None:
        _check(d, row, writes=False)
        if row.must_write:
            for _ in d.when(d.eq(writes, 0)):
                d.illegal()
        _reached(d, row, lambda reached: reached.read(d))

    return body


def base_instruction(row: Csr) -> Callable[[Domain, Value], None]:
    """The meaning of the read half of a read-modify-write of `row`; its argument means nothing."""

    def body(d: Domain, _writes: Value) -> None:
        _reached(d, row, lambda reached: (reached.base or reached.read)(d))

    return body


def write_instruction(row: Csr) -> Callable[[Domain, Value], None]:
    """The meaning of an instruction's write to `row`, permission included."""

    def body(d: Domain, value: Value) -> None:
        def write(reached: Csr) -> Value:
            if reached.write is not None:
                reached.write(d, value)
            return 0

        _check(d, row, writes=True)
        _reached(d, row, write)

    return body
