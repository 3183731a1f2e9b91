"""RV64I, Zifencei: integer computation, loads and stores, control transfer (manual volume I, chapters 2, 4, 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.hart.fields import Cause
from emulator.hart.traps import environment_call
from emulator.isa.rows import BARE, FENCE, JALR, LOAD, SHIFT, SHIFTW, B, I, J, Lift, R, RowSet, S, U

if TYPE_CHECKING:
    from emulator.isa.domain import Bool, Execution, Value

ROWS: Final = RowSet("i")
ZIFENCEI: Final = RowSet("zifencei")

Binary = Callable[["Execution", "Value", "Value"], "Value"]


def _rr(pattern: str, name: str, compute: Binary) -> None:
    ROWS.row(name, pattern, R, lambda x: x.write_rd(compute(x, x.rs1, x.rs2)))


def _ri(pattern: str, name: str, compute: Binary) -> None:
    ROWS.row(name, pattern, I, lambda x: x.write_rd(compute(x, x.rs1, x.imm)))


def _shift(pattern: str, name: str, compute: Binary) -> None:
    ROWS.row(name, pattern, SHIFT, lambda x: x.write_rd(compute(x, x.rs1, x.imm)))


def _shiftw(pattern: str, name: str, compute: Binary) -> None:
    ROWS.row(name, pattern, SHIFTW, lambda x: x.write_rd(compute(x, x.rs1, x.imm)))


def _branch(pattern: str, name: str, condition: Callable[[Execution, Value, Value], Bool]) -> None:
    ROWS.row(name, pattern, B, lambda x: x.branch(condition(x, x.rs1, x.rs2)), Lift.ENDS_BLOCK)


def _load(pattern: str, name: str, size: int, *, signed: bool) -> None:
    def meaning(x: Execution) -> None:
        value = x.load(x.add(x.rs1, x.imm), size)
        x.write_rd(x.sext(value, 8 * size) if signed else value)

    ROWS.row(name, pattern, LOAD, meaning)


def _store(pattern: str, name: str, size: int) -> None:
    ROWS.row(name, pattern, S, lambda x: x.store(x.add(x.rs1, x.imm), size, x.rs2))


def _sll(x: Execution, a: Value, b: Value) -> Value:
    return x.shl(a, x.and_(b, 63))


def _srl(x: Execution, a: Value, b: Value) -> Value:
    return x.lshr(a, x.and_(b, 63))


def _sra(x: Execution, a: Value, b: Value) -> Value:
    return x.ashr(a, x.and_(b, 63))


def _addw(x: Execution, a: Value, b: Value) -> Value:
    return x.sext(x.add(a, b), 32)


def _sllw(x: Execution, a: Value, b: Value) -> Value:
    return x.sext(x.shl(a, x.and_(b, 31)), 32)


def _srlw(x: Execution, a: Value, b: Value) -> Value:
    return x.sext(x.lshr(x.zext(a, 32), x.and_(b, 31)), 32)


def _sraw(x: Execution, a: Value, b: Value) -> Value:
    return x.ashr(x.sext(a, 32), x.and_(b, 31))


def _slt(x: Execution, a: Value, b: Value) -> Value:
    return x.flag(x.slt(a, b))


def _sltu(x: Execution, a: Value, b: Value) -> Value:
    return x.flag(x.ult(a, b))


ROWS.row("lui", ".................... ..... 0110111", U, lambda x: x.write_rd(x.imm))
ROWS.row("auipc", ".................... ..... 0010111", U, lambda x: x.write_rd(x.add(x.pc, x.imm)))
ROWS.row("jal", ".................... ..... 1101111", J, lambda x: x.jump_by_imm(), Lift.ENDS_BLOCK)
ROWS.row(
    "jalr",
    "............ ..... 000 ..... 1100111",
    JALR,
    lambda x: x.jump(x.and_(x.add(x.rs1, x.imm), (1 << 64) - 2)),
    Lift.ENDS_BLOCK,
)

_branch("....... ..... ..... 000 ..... 1100011", "beq", lambda x, a, b: x.eq(a, b))
_branch("....... ..... ..... 001 ..... 1100011", "bne", lambda x, a, b: x.ne(a, b))
_branch("....... ..... ..... 100 ..... 1100011", "blt", lambda x, a, b: x.slt(a, b))
_branch("....... ..... ..... 101 ..... 1100011", "bge", lambda x, a, b: x.sge(a, b))
_branch("....... ..... ..... 110 ..... 1100011", "bltu", lambda x, a, b: x.ult(a, b))
_branch("....... ..... ..... 111 ..... 1100011", "bgeu", lambda x, a, b: x.uge(a, b))

_load("............ ..... 000 ..... 0000011", "lb", 1, signed=True)
_load("............ ..... 001 ..... 0000011", "lh", 2, signed=True)
_load("............ ..... 010 ..... 0000011", "lw", 4, signed=True)
_load("............ ..... 011 ..... 0000011", "ld", 8, signed=False)
_load("............ ..... 100 ..... 0000011", "lbu", 1, signed=False)
_load("............ ..... 101 ..... 0000011", "lhu", 2, signed=False)
_load("............ ..... 110 ..... 0000011", "lwu", 4, signed=False)

_store("....... ..... ..... 000 ..... 0100011", "sb", 1)
_store("....... ..... ..... 001 ..... 0100011", "sh", 2)
_store("....... ..... ..... 010 ..... 0100011", "sw", 4)
_store("....... ..... ..... 011 ..... 0100011", "sd", 8)

_ri("............ ..... 000 ..... 0010011", "addi", lambda x, a, b: x.add(a, b))
_ri("............ ..... 010 ..... 0010011", "slti", _slt)
_ri("............ ..... 011 ..... 0010011", "sltiu", _sltu)
_ri("............ ..... 100 ..... 0010011", "xori", lambda x, a, b: x.xor(a, b))
_ri("............ ..... 110 ..... 0010011", "ori", lambda x, a, b: x.or_(a, b))
_ri("............ ..... 111 ..... 0010011", "andi", lambda x, a, b: x.and_(a, b))
_shift("000000 ...... ..... 001 ..... 0010011", "slli", _sll)
_shift("000000 ...... ..... 101 ..... 0010011", "srli", _srl)
_shift("010000 ...... ..... 101 ..... 0010011", "srai", _sra)
_ri("............ ..... 000 ..... 0011011", "addiw", _addw)
_shiftw("0000000 ..... ..... 001 ..... 0011011", "slliw", _sllw)
_shiftw("0000000 ..... ..... 101 ..... 0011011", "srliw", _srlw)
_shiftw("0100000 ..... ..... 101 ..... 0011011", "sraiw", _sraw)

_rr("0000000 ..... ..... 000 ..... 0110011", "add", lambda x, a, b: x.add(a, b))
_rr("0100000 ..... ..... 000 ..... 0110011", "sub", lambda x, a, b: x.sub(a, b))
_rr("0000000 ..... ..... 001 ..... 0110011", "sll", _sll)
_rr("0000000 ..... ..... 010 ..... 0110011", "slt", _slt)
_rr("0000000 ..... ..... 011 ..... 0110011", "sltu", _sltu)
_rr("0000000 ..... ..... 100 ..... 0110011", "xor", lambda x, a, b: x.xor(a, b))
_rr("0000000 ..... ..... 101 ..... 0110011", "srl", _srl)
_rr("0100000 ..... ..... 101 ..... 0110011", "sra", _sra)
_rr("0000000 ..... ..... 110 ..... 0110011", "or", lambda x, a, b: x.or_(a, b))
_rr("0000000 ..... ..... 111 ..... 0110011", "and", lambda x, a, b: x.and_(a, b))
_rr("0000000 ..... ..... 000 ..... 0111011", "addw", _addw)
_rr("0100000 ..... ..... 000 ..... 0111011", "subw", lambda x, a, b: x.sext(x.sub(a, b), 32))
_rr("0000000 ..... ..... 001 ..... 0111011", "sllw", _sllw)
_rr("0000000 ..... ..... 101 ..... 0111011", "srlw", _srlw)
_rr("0100000 ..... ..... 101 ..... 0111011", "sraw", _sraw)

# Harts take turns and see each other's stores in order, so a fence has nothing to do.
ROWS.row("fence", "............ ..... 000 ..... 0001111", FENCE, lambda _x: None)
ROWS.row("ecall", "000000000000 00000 000 00000 1110011", BARE, environment_call, Lift.ENDS_BLOCK)
ROWS.row(
    "ebreak", "000000000001 00000 000 00000 1110011", BARE, lambda x: x.trap(Cause.BREAKPOINT, x.pc), Lift.ENDS_BLOCK
)

# A store to an instruction is seen by the next fetch in any case (records are dropped when it happens).
ZIFENCEI.row("fence.i", "............ ..... 001 ..... 0001111", BARE, lambda _x: None)
