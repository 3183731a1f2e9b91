"""The A extension (Zalrsc, Zaamo): load-reserved, store-conditional and atomic memory operations (manual volume I, chapter 13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.hart.access import LOAD_RESERVED, STORE_CONDITIONAL
from emulator.isa.rows import AMO, LR, Lift, RowSet

if TYPE_CHECKING:
    from emulator.isa.domain import Bool, Execution, Value

ZALRSC: Final = RowSet("zalrsc")
ZAAMO: Final = RowSet("zaamo")

Binary = Callable[["Execution", "Value", "Value"], "Value"]

WORD: Final = 4
DOUBLE: Final = 8
WIDTHS: Final = ((".w", "010", WORD), (".d", "011", DOUBLE))


def _picked(compare: Callable[[Execution, Value, Value], Bool]) -> Binary:
    return lambda x, old, operand: x.select(compare(x, old, operand), old, operand)


OPERATIONS: Final[tuple[tuple[str, str, bool, Binary], ...]] = (
    ("amoswap", "00001", False, lambda _x, _old, operand: operand),
    ("amoadd", "00000", False, lambda x, old, operand: x.add(old, operand)),
    ("amoxor", "00100", False, lambda x, old, operand: x.xor(old, operand)),
    ("amoand", "01100", False, lambda x, old, operand: x.and_(old, operand)),
    ("amoor", "01000", False, lambda x, old, operand: x.or_(old, operand)),
    ("amomin", "10000", True, _picked(lambda x, a, b: x.slt(a, b))),
    ("amomax", "10100", True, _picked(lambda x, a, b: x.sge(a, b))),
    ("amominu", "11000", False, _picked(lambda x, a, b: x.ult(a, b))),
    ("amomaxu", "11100", False, _picked(lambda x, a, b: x.uge(a, b))),
)
"""Name, bits 31:27, whether operands compare as signed, and the new value from the old one and rs2."""


def _amo(size: int, compute: Binary, *, signed: bool) -> Callable[[Execution], None]:
    def meaning(x: Execution) -> None:
        extend = x.sext if signed else x.zext
        operand = extend(x.rs2, 8 * size)
        old = x.amo(x.rs1, size, lambda value: compute(x, extend(value, 8 * size), operand))
        x.write_rd(x.sext(old, 8 * size))

    return meaning


def _load_reserved(size: int) -> Callable[[Execution], None]:
    return lambda x: x.write_rd(x.sext(x.call(LOAD_RESERVED[size], x.rs1), 8 * size))


def _store_conditional(size: int) -> Callable[[Execution], None]:
    return lambda x: x.write_rd(x.call(STORE_CONDITIONAL[size], x.rs1, x.rs2))


for suffix, width, size in WIDTHS:
    ZALRSC.row(f"lr{suffix}", f"00010 .. 00000 ..... {width} ..... 0101111", LR, _load_reserved(size), Lift.CALL)
    ZALRSC.row(f"sc{suffix}", f"00011 .. ..... ..... {width} ..... 0101111", AMO, _store_conditional(size), Lift.CALL)
    for name, function, signed, compute in OPERATIONS:
        ZAAMO.row(
            f"{name}{suffix}",
            f"{function} .. ..... ..... {width} ..... 0101111",
            AMO,
            _amo(size, compute, signed=signed),
        )
