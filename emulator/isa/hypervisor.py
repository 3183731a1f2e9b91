"""The H extension's instructions: a guest's memory as the guest sees it, and its fences (manual volume II, "H")."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.hart.access import GUEST_EXECUTE, GUEST_READ, GUEST_WRITE
from emulator.hart.fields import HSTATUS_HU, MSTATUS_TVM
from emulator.hart.refusal import controlled, is_guest, is_user, refuse
from emulator.isa.fences import drop_translations
from emulator.isa.rows import GUEST_LOAD, GUEST_STORE, RS1_RS2, Lift, RowSet

if TYPE_CHECKING:
    from emulator.isa.domain import Execution, Routine, Value

ROWS: Final = RowSet("h")
INVALIDATIONS: Final = RowSet("h&svinval")

LOADS: Final = (
    ("b", "00", 1, True),
    ("h", "01", 2, True),
    ("w", "10", 4, True),
    ("d", "11", 8, False),
)
"""Suffix, the two bits of funct7 that are the width, bytes, and whether there is an unsigned form."""


def _check_access(x: Execution) -> None:
    """M and HS may, U where `hstatus.HU` says so; a guest may not."""
    unwanted = x.eq(x.and_(x.get("hstatus"), HSTATUS_HU), 0)
    denied = x.both(x.both(is_user(x), unwanted), x.negate(is_guest(x)))
    refuse(x, denied=denied, barred=is_guest(x))


def _load(target: Routine, extend: Callable[[Execution, Value], Value]) -> Callable[[Execution], None]:
    def meaning(x: Execution) -> None:
        _check_access(x)
        x.write_rd(extend(x, x.call(target, x.rs1)))

    return meaning


def _signed(size: int) -> Callable[[Execution, Value], Value]:
    return lambda x, value: x.sext(value, 8 * size)


def _unsigned(_x: Execution, value: Value) -> Value:
    return value


def _store(target: Routine) -> Callable[[Execution], None]:
    def meaning(x: Execution) -> None:
        _check_access(x)
        x.call(target, x.rs1, x.rs2)

    return meaning


for suffix, width, size, widened in LOADS:
    read, execute = f"0110{width}0", GUEST_EXECUTE.get(size)
    tail = "..... 100 ..... 1110011"
    ROWS.row(f"hlv.{suffix}", f"{read} 00000 {tail}", GUEST_LOAD, _load(GUEST_READ[size], _signed(size)), Lift.CALL)
    if widened:
        ROWS.row(f"hlv.{suffix}u", f"{read} 00001 {tail}", GUEST_LOAD, _load(GUEST_READ[size], _unsigned), Lift.CALL)
    if execute is not None:
        ROWS.row(f"hlvx.{suffix}u", f"{read} 00011 {tail}", GUEST_LOAD, _load(execute, _unsigned), Lift.CALL)
    ROWS.row(
        f"hsv.{suffix}",
        f"0110{width}1 ..... ..... 100 00000 1110011",
        GUEST_STORE,
        _store(GUEST_WRITE[size]),
        Lift.CALL,
    )


def _fence_guest_virtual(x: Execution) -> None:
    """HFENCE.VVMA, HINVAL.VVMA: SFENCE.VMA of the guest, executed for it."""
    refuse(x, barred=x.either(is_guest(x), is_user(x)))
    drop_translations(x, 1)


def _fence_guest_physical(x: Execution) -> None:
    """HFENCE.GVMA, HINVAL.GVMA: TVM keeps HS-mode from them. All is dropped, whatever the operands."""
    refuse(x, barred=x.either(x.either(is_guest(x), is_user(x)), controlled(x, MSTATUS_TVM, 0)))
    x.flush()


for rows, name, bits in ((ROWS, "hfence", "01"), (INVALIDATIONS, "hinval", "11")):
    rest = "..... ..... 000 00000 1110011"
    rows.row(f"{name}.vvma", f"00100{bits} {rest}", RS1_RS2, _fence_guest_virtual, Lift.CALL)
    rows.row(f"{name}.gvma", f"01100{bits} {rest}", RS1_RS2, _fence_guest_physical, Lift.CALL)
