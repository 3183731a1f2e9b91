"""Every CSR as one row: number, name, who may touch it, what a read gives and what a write leaves (WARL).

`read` has no side effect and asks no permission; `write` legalises; `guard` raises what the manual raises beyond the
number's own privilege bits. Instructions check permission first; a debugger uses `read` and `write` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.hart.csrs import (
    configuration,
    counters,
    entropy,
    floating,
    interrupts,
    protection,
    status,
    translating,
    trapping,
    triggers,
)
from emulator.hart.csrs.row import Csr
from emulator.isa.extensions import ALWAYS, EXTENSION_BITS

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
            *triggers.ROWS,
        ),
        key=lambda row: row.number,
    )
)
"""Every CSR of the machine, in order of number."""

BY_NUMBER: Final = {row.number: row for row in ROWS}
BY_NAME: Final = {row.name: row for row in ROWS}


def _check(d: Domain, row: Csr, *, writes: bool) -> None:
    """Raise the illegal-instruction exception where the number's bits or the guard forbid the access."""
    lowest = row.number >> 8 & 3
    if writes and row.read_only:
        d.illegal()
    if row.extension not in ALWAYS:
        for _ in d.when(d.eq(d.and_(d.shared("extensions"), 1 << EXTENSION_BITS[row.extension]), 0)):
            d.illegal()
    if lowest:
        for _ in d.when(d.ult(d.get("priv"), lowest)):
            d.illegal()
    if row.guard is not None:
        row.guard(d)


def read_instruction(row: Csr) -> Callable[[Domain, Value], None]:
    """The meaning of an instruction's read of `row`, permission included; returns the value.

    Its argument is not zero where the instruction writes, too.
    """

    def body(d: Domain, writes: Value) -> None:
        _check(d, row, writes=False)
        if row.must_write:
            for _ in d.when(d.eq(writes, 0)):
                d.illegal()
        d.ret(row.read(d))

    return body


def base_instruction(row: Csr) -> Callable[[Domain, Value], None]:
    """The meaning of the read half of a read-modify-write of `row`; its argument means nothing."""

    def body(d: Domain, _writes: Value) -> None:
        d.ret((row.base or row.read)(d))

    return body


def write_instruction(row: Csr) -> Callable[[Domain, Value], None]:
    """The meaning of an instruction's write to `row`, permission included."""

    def body(d: Domain, value: Value) -> None:
        _check(d, row, writes=True)
        if row.write is not None:
            row.write(d, value)
        d.ret(0)

    return body
