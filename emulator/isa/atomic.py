"""The A extension (Zalrsc, Zaamo), Zabha and Zacas: atomic memory operations (manual volume I, chapter "A")."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.hart.access import ATOMIC_READ, LOAD_RESERVED, STORE_CONDITIONAL, WRITE, atomic_pair
from emulator.isa.rows import AMO, AMO_PAIR, LR, SINK, Lift, RowSet

if TYPE_CHECKING:
    from emulator.isa.domain import Bool, Execution, Value

ZALRSC: Final = RowSet("zalrsc")
ZAAMO: Final = RowSet("zaamo")
ZABHA: Final = RowSet("zabha")
ZACAS: Final = RowSet("zacas")
ZABHA_ZACAS: Final = RowSet("zabha&zacas")

Binary = Callable[["Execution", "Value", "Value"], "Value"]

WORD: Final = 4
DOUBLE: Final = 8
RESERVING: Final = ((".w", "010", WORD), (".d", "011", DOUBLE))
WIDTHS: Final = (
    (".b", "000", 1, ZABHA, ZABHA_ZACAS),
    (".h", "001", 2, ZABHA, ZABHA_ZACAS),
    (".w", "010", WORD, ZAAMO, ZACAS),
    (".d", "011", DOUBLE, ZAAMO, ZACAS),
)
"""Suffix, bits 14:12, bytes, and where the operations and where compare-and-swap of this width belong."""


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


def _compare_and_swap(size: int) -> Callable[[Execution], None]:
    """Where memory is not what rd expects it is written back unchanged, which the manual allows."""

    def meaning(x: Execution) -> None:
        expected, operand = x.zext(x.get("x", x.rd_number), 8 * size), x.rs2
        old = x.amo(x.rs1, size, lambda value: x.select(x.eq(value, expected), operand, value))
        x.write_rd(x.sext(old, 8 * size))

    return meaning


def _upper(x: Execution, register: Value) -> Value:
    """The upper half of a register pair; that of x0 is zero too."""
    return x.select(x.eq(register, 0), 0, x.get("x", x.add(register, 1)))


def _compare_and_swap_pair(x: Execution) -> None:
    address, rd, rs2 = x.rs1, x.rd_number, x.rs2_number
    expected_low, expected_high = x.get("x", rd), _upper(x, rd)
    x.call(atomic_pair, address)
    low = x.call(ATOMIC_READ[DOUBLE], address)
    high = x.call(ATOMIC_READ[DOUBLE], x.add(address, DOUBLE))
    for _ in x.when(x.both(x.eq(low, expected_low), x.eq(high, expected_high))):
        upper = _upper(x, rs2)
        x.call(WRITE[DOUBLE], address, x.rs2)
        x.call(WRITE[DOUBLE], x.add(address, DOUBLE), upper)
    x.write_rd(low)
    x.put("x", high, x.select(x.eq(rd, 0), SINK, x.add(rd, 1)))


for suffix, width, size in RESERVING:
    ZALRSC.row(f"lr{suffix}", f"00010 .. 00000 ..... {width} ..... 0101111", LR, _load_reserved(size), Lift.CALL)
    ZALRSC.row(f"sc{suffix}", f"00011 .. ..... ..... {width} ..... 0101111", AMO, _store_conditional(size), Lift.CALL)
for suffix, width, size, rows, swapping in WIDTHS:
    swapping.row(f"amocas{suffix}", f"00101 .. ..... ..... {width} ..... 0101111", AMO, _compare_and_swap(size))
    for name, function, signed, compute in OPERATIONS:
        rows.row(
            f"{name}{suffix}",
            f"{function} .. ..... ..... {width} ..... 0101111",
            AMO,
            _amo(size, compute, signed=signed),
        )
# Registers come in pairs named by the even one; odd ones are reserved.
ZACAS.row("amocas.q", "00101 .. ....0 ..... 100 ....0 0101111", AMO_PAIR, _compare_and_swap_pair, Lift.CALL)
