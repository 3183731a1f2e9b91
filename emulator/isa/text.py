"""Instructions as text: a disassembler and a small assembler, both from the rows' syntax.

The text is binutils' (`objdump -M no-aliases`), except that a jump target is a bare address. The assembler takes a
jump target as a distance from the instruction, so that a line means the same wherever it is placed.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from emulator.hart import csrs
from emulator.isa.floatconstants import constant_text, parse_constant
from emulator.isa.rows import FENCE
from emulator.isa.table import BY_NAME, decode, encode, instruction_length

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.isa.rows import Row
    from emulator.isa.table import Instruction

REGISTERS: Final = (
    "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split()
)
"""ABI names of the integer registers."""

FLOAT_REGISTERS: Final = (
    "ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 "
    "fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11"
).split()
"""ABI names of the f registers."""

ROUNDING_MODES: Final = {"rne": 0, "rtz": 1, "rdn": 2, "rup": 3, "rmm": 4, "dyn": 7}

_FLOAT_NUMBERS: Final = {name: number for number, name in enumerate(FLOAT_REGISTERS)} | {
    f"f{number}": number for number in range(32)
}
_REGISTER_NUMBERS: Final = {name: number for number, name in enumerate(REGISTERS)} | {
    f"x{number}": number for number in range(32)
}
_ORDERS: Final = {0: "", 1: ".rl", 2: ".aq", 3: ".aqrl"}
_TSO: Final = 0x833
MASK64: Final = (1 << 64) - 1


def _register(number: int) -> str:
    return REGISTERS[number]


def _csr_text(number: int) -> str:
    row = csrs.BY_NUMBER.get(number)
    return row.name if row else f"{number:#x}"


def _fence_set(bits: int) -> str:
    return "".join(letter for letter, bit in (("i", 8), ("o", 4), ("r", 2), ("w", 1)) if bits & bit) or "unknown"


_MODE_NAMES: Final = {number: name for name, number in ROUNDING_MODES.items()}


_UNSAID: Final = {"rm": ROUNDING_MODES["dyn"], "rm_exact": ROUNDING_MODES["rne"]}
"""The rounding mode that each of the fields for one leaves out; a conversion that is always exact has RNE."""


def _mode_text(mode: int, unsaid: int) -> str:
    """A rounding mode behind the operands, but for the one that the format leaves out."""
    return "" if mode == unsaid else f",{_MODE_NAMES[mode]}"


_FIELDS: Final[dict[str, Callable[[Instruction, int], str]]] = {
    "rd": lambda i, _pc: _register(i.rd),
    "rs1": lambda i, _pc: _register(i.rs1),
    "rs2": lambda i, _pc: _register(i.rs2),
    "fd": lambda i, _pc: FLOAT_REGISTERS[i.rd],
    "fs1": lambda i, _pc: FLOAT_REGISTERS[i.rs1],
    "fs2": lambda i, _pc: FLOAT_REGISTERS[i.rs2],
    "fs3": lambda i, _pc: FLOAT_REGISTERS[i.rs3],
    "rm": lambda i, _pc: _mode_text(i.rm, _UNSAID["rm"]),
    "rm_exact": lambda i, _pc: _mode_text(i.rm, _UNSAID["rm_exact"]),
    "constant": lambda i, _pc: constant_text(i.rs1),
    "sp": lambda _i, _pc: "sp",
    "imm": lambda i, _pc: str(i.imm),
    "shamt": lambda i, _pc: hex(i.imm),
    "upper": lambda i, _pc: hex(i.imm >> 12 & 0xFFFFF),
    "target": lambda i, pc: hex(pc + i.imm & MASK64),
    "csr": lambda i, _pc: _csr_text(i.imm),
    "zimm": lambda i, _pc: str(i.rs1),
    "order": lambda i, _pc: f"{_fence_set(i.imm >> 4 & 15)},{_fence_set(i.imm & 15)}",
}


def disassemble(word: int, address: int = 0) -> str:
    """The text of an instruction at an address; `.2byte 0x...` or `.4byte 0x...` for an illegal one."""
    found = decode(word)
    if found is None:
        length = instruction_length(word)
        return f".{length}byte {word & (1 << 8 * length) - 1:#x}"
    if found.row.format is FENCE and found.imm == _TSO:
        return "fence.tso"
    operands = re.sub(r"\{(\w+)\}", lambda field: _FIELDS[field[1]](found, address), found.row.format.syntax)
    return f"{found.row.name}{_ORDERS[found.aqrl]} {operands}".rstrip()


def _number(text: str) -> int:
    return int(text, 0)


def _csr_number(text: str) -> int:
    row = csrs.BY_NAME.get(text)
    return row.number if row else _number(text)


_FENCE_SETS: Final = {_fence_set(bits): bits for bits in range(16)}


def _parse_order(text: str) -> int:
    before, _, after = text.partition(",")
    return _FENCE_SETS[before] << 4 | _FENCE_SETS[after]


def _parse_upper(text: str) -> int:
    value = _number(text) << 12
    return value - (1 << 32) if value >> 31 else value


_PARSERS: Final[dict[str, tuple[str, Callable[[str], int]]]] = {
    "rd": ("rd", _REGISTER_NUMBERS.__getitem__),
    "rs1": ("rs1", _REGISTER_NUMBERS.__getitem__),
    "rs2": ("rs2", _REGISTER_NUMBERS.__getitem__),
    "fd": ("rd", _FLOAT_NUMBERS.__getitem__),
    "fs1": ("rs1", _FLOAT_NUMBERS.__getitem__),
    "fs2": ("rs2", _FLOAT_NUMBERS.__getitem__),
    "fs3": ("rs3", _FLOAT_NUMBERS.__getitem__),
    "rm": ("rm", ROUNDING_MODES.__getitem__),
    "rm_exact": ("rm", ROUNDING_MODES.__getitem__),
    "constant": ("rs1", parse_constant),
    "imm": ("imm", _number),
    "shamt": ("imm", _number),
    "upper": ("imm", _parse_upper),
    "target": ("imm", _number),
    "csr": ("imm", _csr_number),
    "zimm": ("rs1", _number),
    "order": ("imm", _parse_order),
}


@cache
def _syntax(row: Row) -> re.Pattern[str]:
    pattern = re.escape(row.format.syntax).replace(r"\{sp\}", "(?:sp|x2)")
    pattern = re.sub(r"\\\{(rm\w*)\\\}", r"(?:,(?P<\1>\\w+))?", pattern)
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[\\w.,+-]+?)", pattern))


def assemble(line: str) -> int:
    """The encoding of one instruction, for example `addi a0, a1, -1` or `beq x1, x2, 16`.

    Raises:
        ValueError: There is no such instruction, or its operands do not fit.
    """
    mnemonic, _, rest = line.strip().partition(" ")
    name, aqrl = mnemonic, 0
    for bits, suffix in _ORDERS.items():
        if suffix and mnemonic.endswith(suffix) and mnemonic not in BY_NAME:
            name, aqrl = mnemonic.removesuffix(suffix), bits
    if name == "fence.tso":
        return encode(BY_NAME["fence"], {"imm": _TSO})
    if name not in BY_NAME:
        raise ValueError(f"there is no instruction '{mnemonic}'")
    row = BY_NAME[name]
    match = _syntax(row).fullmatch(rest.replace(" ", ""))
    if match is None:
        raise ValueError(f"'{line}' does not fit {name} {row.format.syntax}")
    if aqrl and all(part.role != "aqrl" for part in row.format.operands):
        raise ValueError(f"{name} has no ordering bits")
    values = {"aqrl": aqrl}
    try:
        for field, text in match.groupdict().items():
            role, parse = _PARSERS[field]
            values[role] = _UNSAID[field] if text is None else parse(text)
    except KeyError as error:
        raise ValueError(f"'{line}': there is no operand '{error.args[0]}'") from None
    return encode(row, values)
