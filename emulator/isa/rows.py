"""What an instruction row is, and the formats that say where operands lie in an encoding.

A row is name, encoding pattern, format, meaning. Decoding, encoding, disassembly and the compiled decoder all derive
from the pattern and the format.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from emulator.isa.domain import Execution

SINK: Final = 32
"""Register slot that instructions with rd = x0 write to, so that x0 stays zero."""


class Lift(Enum):
    """How compiled code treats a row."""

    INLINE = "inline"
    """What usually happens is emitted in place; only a miss of the TLB or a trap leaves it."""
    CALL = "call"
    """Runs through routines of the hart, and may change what is pending."""
    ENDS_BLOCK = "ends block"
    """Goes elsewhere: nothing behind it in memory belongs to the same block."""


@dataclass(frozen=True, slots=True)
class Slice:
    """`width` bits of an encoding at `source`, which are bits `target` and up of an operand."""

    source: int
    target: int
    width: int


@dataclass(frozen=True, slots=True)
class Operand:
    """An operand's place in an encoding.

    Attributes:
        role: `rd`, `rs1`, `rs2`, `rs3`, `imm`, `rm` or `aqrl`.
        slices: Where its bits lie.
        signed: Whether its highest bit is a sign.
        bias: Added after extraction: 8 for the three-bit registers of compressed formats.
        nonzero: Whether zero makes the encoding a reserved or another one.
    """

    role: str
    slices: tuple[Slice, ...]
    signed: bool = False
    bias: int = 0
    nonzero: bool = False

    @property
    def bits(self) -> int:
        """Width of the value, the always-zero low bits included."""
        return max(part.target + part.width for part in self.slices)

    def extract(self, word: int) -> int:
        """The operand's value in an encoding; negative where it is signed."""
        value = 0
        for part in self.slices:
            value |= (word >> part.source & (1 << part.width) - 1) << part.target
        if self.signed and value >> (self.bits - 1):
            value -= 1 << self.bits
        return value + self.bias

    def insert(self, value: int) -> int:
        """The bits of an encoding that hold `value`.

        Raises:
            ValueError: The value does not fit this operand.
        """
        raw = (value - self.bias) & ((1 << self.bits) - 1)
        word = 0
        for part in self.slices:
            word |= (raw >> part.target & (1 << part.width) - 1) << part.source
        if self.extract(word) != value or (self.nonzero and raw == 0):
            raise ValueError(f"{self.role} cannot be {value}")
        return word


_OPERAND = re.compile(r"(?P<sign>[+]?)(?P<role>\w+?)(?P<bias>'?)(?P<nonzero>!?)(?P<parts>(\[[\d:|]+\]@\d+)+)")


@cache
def operand(text: str) -> Operand:
    """Read an operand in the manual's notation, `imm[12|10:5]@31[4:1|11]@11`: bit lists and where each list begins.

    A leading `+` means signed, an apostrophe a three-bit register number (x8 to x15), `!` that zero is excluded.
    """
    match = _OPERAND.fullmatch(text)
    if match is None:
        raise ValueError(f"not an operand: {text}")
    slices = []
    for bits, at in re.findall(r"\[([\d:|]+)\]@(\d+)", match["parts"]):
        top = int(at)
        for part in bits.split("|"):
            high, _, low = part.partition(":")
            width = int(high) - int(low or high) + 1
            top -= width
            slices.append(Slice(top + 1, int(low or high), width))
    bias = 8 if match["bias"] else 0
    return Operand(match["role"], tuple(slices), bool(match["sign"]), bias, bool(match["nonzero"]))


@dataclass(frozen=True, slots=True)
class Format:
    """A named set of operands and the order in which assembly language writes them.

    Attributes:
        name: The manual's letter where it has one.
        syntax: Operand text with `{...}` fields, as objdump prints it (see `emulator.isa.text`).
        operands: Where each operand lies.
    """

    name: str
    syntax: str
    operands: tuple[Operand, ...]


def make_format(name: str, syntax: str, *operands: str) -> Format:
    """A format from operands in the notation of `operand`."""
    return Format(name, syntax, tuple(operand(text) for text in operands))


RD: Final = "rd[4:0]@11"
RS1: Final = "rs1[4:0]@19"
RS2: Final = "rs2[4:0]@24"
RS3: Final = "rs3[4:0]@31"
RM: Final = "rm[2:0]@14"
RM_SHIFT: Final = 12
RESERVED_MODES: Final = (5, 6)
"""Values of `rm` that make an encoding a reserved one."""

IMM_I: Final = "+imm[11:0]@31"
IMM_S: Final = "+imm[11:5]@31[4:0]@11"

R: Final = make_format("R", "{rd},{rs1},{rs2}", RD, RS1, RS2)
I: Final = make_format("I", "{rd},{rs1},{imm}", RD, RS1, IMM_I)  # noqa: E741 -- the manual's name
JALR: Final = make_format("I jump", "{rd},{imm}({rs1})", RD, RS1, IMM_I)
LOAD: Final = make_format("I load", "{rd},{imm}({rs1})", RD, RS1, IMM_I)
SHIFT: Final = make_format("I shift", "{rd},{rs1},{shamt}", RD, RS1, "imm[5:0]@25")
SHIFTW: Final = make_format("I shift word", "{rd},{rs1},{shamt}", RD, RS1, "imm[4:0]@24")
UNARY: Final = make_format("R unary", "{rd},{rs1}", RD, RS1)
S: Final = make_format("S", "{rs2},{imm}({rs1})", RS1, RS2, IMM_S)
B: Final = make_format("B", "{rs1},{rs2},{target}", RS1, RS2, "+imm[12|10:5]@31[4:1|11]@11")
U: Final = make_format("U", "{rd},{upper}", RD, "+imm[31:12]@31")
J: Final = make_format("J", "{rd},{target}", RD, "+imm[20|10:1|11|19:12]@31")
CSR: Final = make_format("I csr", "{rd},{csr},{rs1}", RD, RS1, "imm[11:0]@31")
CSRI: Final = make_format("I csr immediate", "{rd},{csr},{zimm}", RD, RS1, "imm[11:0]@31")
FENCE: Final = make_format("I fence", "{order}", RD, RS1, "imm[11:0]@31")
AMO: Final = make_format("R amo", "{rd},{rs2},({rs1})", RD, RS1, RS2, "aqrl[1:0]@26")
LR: Final = make_format("R lr", "{rd},({rs1})", RD, RS1, "aqrl[1:0]@26")
AMO_PAIR: Final = make_format("R amo pair", "{rd},{rs2},({rs1})", "rd[4:1]@11", RS1, "rs2[4:1]@24", "aqrl[1:0]@26")
BLOCK: Final = make_format("I block", "({rs1})", RS1)
PREFETCH: Final = make_format("S prefetch", "{imm}({rs1})", RS1, "+imm[11:5]@31")
FLOAT_LOAD: Final = make_format("I float load", "{fd},{imm}({rs1})", RD, RS1, IMM_I)
FLOAT_STORE: Final = make_format("S float", "{fs2},{imm}({rs1})", RS1, RS2, IMM_S)
FLOAT_R: Final = make_format("R float", "{fd},{fs1},{fs2}{rm}", RD, RS1, RS2, RM)
FLOAT_R4: Final = make_format("R4 float", "{fd},{fs1},{fs2},{fs3}{rm}", RD, RS1, RS2, RS3, RM)
FLOAT_UNARY: Final = make_format("R float unary", "{fd},{fs1}{rm}", RD, RS1, RM)
FLOAT_WIDEN: Final = make_format("R float widen", "{fd},{fs1}{rm_exact}", RD, RS1, RM)
FLOAT_TO_X: Final = make_format("R float to x", "{rd},{fs1}{rm}", RD, RS1, RM)
FLOAT_FROM_X: Final = make_format("R float from x", "{fd},{rs1}{rm}", RD, RS1, RM)
FLOAT_EXACT_FROM_X: Final = make_format("R float exact from x", "{fd},{rs1}{rm_exact}", RD, RS1, RM)
FLOAT_PICK: Final = make_format("R float pick", "{fd},{fs1},{fs2}", RD, RS1, RS2)
FLOAT_COMPARE: Final = make_format("R float compare", "{rd},{fs1},{fs2}", RD, RS1, RS2)
FLOAT_MOVE_TO_X: Final = make_format("R float move to x", "{rd},{fs1}", RD, RS1)
FLOAT_MOVE_FROM_X: Final = make_format("R float move from x", "{fd},{rs1}", RD, RS1)
GUEST_LOAD: Final = make_format("R guest load", "{rd},({rs1})", RD, RS1)
GUEST_STORE: Final = make_format("R guest store", "{rs2},({rs1})", RS1, RS2)
FLOAT_CONSTANT: Final = make_format("R float constant", "{fd},{constant}", RD, RS1)
FLOAT_MODULAR: Final = make_format("R float modular", "{rd},{fs1},rtz", RD, RS1)
RS1_RS2: Final = make_format("R no rd", "{rs1},{rs2}", RS1, RS2)
BARE: Final = make_format("bare", "")

FORMATS: Final = (
    *(R, I, JALR, LOAD, SHIFT, SHIFTW, UNARY, S, B, U, J),
    *(CSR, CSRI, FENCE, AMO, LR, AMO_PAIR, BLOCK, PREFETCH, GUEST_LOAD, GUEST_STORE, RS1_RS2, BARE),
    *(FLOAT_LOAD, FLOAT_STORE, FLOAT_R, FLOAT_R4, FLOAT_UNARY, FLOAT_WIDEN, FLOAT_TO_X, FLOAT_FROM_X),
    *(FLOAT_CONSTANT, FLOAT_MODULAR, FLOAT_EXACT_FROM_X, FLOAT_PICK, FLOAT_COMPARE, FLOAT_MOVE_TO_X, FLOAT_MOVE_FROM_X),
)
"""The formats of 32-bit encodings."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One instruction.

    Attributes:
        name: The manual's mnemonic.
        extension: What a hart must have for it, in the notation of `emulator.isa.extensions.EXTENSION_BITS`.
        mask: Encoding bits that are fixed.
        match: Their values.
        length: 2 or 4 bytes.
        format: Where operands lie.
        meaning: What it does, over any domain.
        lift: How compiled code treats it.
        base: The row whose meaning a compressed row borrows; None for a row of its own.
        fixed: Operands that a compressed encoding implies, by role.
    """

    name: str
    extension: str
    mask: int
    match: int
    length: int
    format: Format
    meaning: Callable[[Execution], None]
    lift: Lift
    base: Row | None = None
    fixed: tuple[tuple[str, int], ...] = ()

    @property
    def target(self) -> Row:
        """The row that is executed: the expansion of a compressed one, else the row itself."""
        return self.base or self

    @property
    def relative(self) -> bool:
        """Whether its immediate is a jump distance from the pc."""
        return "{target}" in self.target.format.syntax

    @property
    def rounds(self) -> bool:
        """Whether it has a rounding mode, of which two values are reserved."""
        return "{rm" in self.format.syntax

    def matches(self, word: int) -> bool:
        """Whether an encoding (2 or 4 bytes as an integer) is this row's."""
        if word & self.mask != self.match:
            return False
        if self.rounds and word >> RM_SHIFT & 7 in RESERVED_MODES:
            return False
        return all(not part.nonzero or part.extract(word) != part.bias for part in self.format.operands)


def parse_pattern(pattern: str) -> tuple[int, int, int]:
    """Mask, match and length in bytes of a pattern of `0`, `1` and `.` (free), high bit first, blanks ignored."""
    bits = pattern.replace(" ", "")
    if len(bits) not in (16, 32) or set(bits) - set("01."):
        raise ValueError(f"not an encoding pattern: {pattern!r}")
    mask = int("".join("0" if bit == "." else "1" for bit in bits), 2)
    match = int(bits.replace(".", "0"), 2)
    return mask, match, len(bits) // 8


class RowSet:
    """Collects the rows that require the same extensions, in the order of their file."""

    def __init__(self, extension: str) -> None:
        self.extension = extension
        self.rows: list[Row] = []

    def row(
        self, name: str, pattern: str, layout: Format, meaning: Callable[[Execution], None], lift: Lift = Lift.INLINE
    ) -> None:
        """Add an instruction."""
        mask, match, length = parse_pattern(pattern)
        self.rows.append(Row(name, self.extension, mask, match, length, layout, meaning, lift))

    def named(self, name: str) -> Row:
        """The row of a mnemonic."""
        return next(row for row in self.rows if row.name == name)

    def short(self, name: str, pattern: str, base: Row, syntax: str, *operands: str, **fixed: int) -> None:
        """Add a compressed instruction: another encoding of `base`, with some operands implied."""
        mask, match, length = parse_pattern(pattern)
        layout = make_format(name, syntax, *operands)
        row = Row(
            name,
            self.extension,
            mask,
            match,
            length,
            layout,
            base.meaning,
            base.lift,
            base,
            tuple(sorted(fixed.items())),
        )
        self.rows.append(row)
