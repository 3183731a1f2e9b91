"""Agent expressions: the bytecode of conditions and commands at breakpoints, to steps and back.

(GDB manual, appendix "The GDB Agent Expression Mechanism".) Operands are big-endian and lie behind the opcode. A jump's
operand is the offset of an instruction; a step names the index of a step instead.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from construct import (
    Adapter,
    Bytes,
    Construct,
    ConstructError,
    Int8ub,
    Int16ub,
    Int32ub,
    Int64ub,
    Pass,
    Rebuild,
    Struct,
    Switch,
    len_,
    this,
)

from protocol.errors import MalformedPacketError


@dataclass(frozen=True, slots=True)
class AgentStep:
    """One instruction.

    Attributes:
        name: Its name in the manual.
        operand: Its operand: a constant, a register's number, a number of bits, the index of the step that a jump
            leads to; of `printf`, the number of arguments.
        text: The text of `printf`, without the byte that ends it.
    """

    name: str
    operand: int = 0
    text: bytes = b""


@dataclass(frozen=True, slots=True)
class Opcode:
    """A row of the table.

    Attributes:
        code: The byte.
        name: The manual's name.
        operand: The form of what follows.
    """

    code: int
    name: str
    operand: Construct = Pass


PRINTF: Final = Struct(
    "arguments" / Int8ub, "_length" / Rebuild(Int16ub, len_(this.text)), "text" / Bytes(this["_length"])
)

OPCODES: Final = (
    Opcode(0x01, "float"),
    Opcode(0x02, "add"),
    Opcode(0x03, "sub"),
    Opcode(0x04, "mul"),
    Opcode(0x05, "div_signed"),
    Opcode(0x06, "div_unsigned"),
    Opcode(0x07, "rem_signed"),
    Opcode(0x08, "rem_unsigned"),
    Opcode(0x09, "lsh"),
    Opcode(0x0A, "rsh_signed"),
    Opcode(0x0B, "rsh_unsigned"),
    Opcode(0x0C, "trace"),
    Opcode(0x0D, "trace_quick", Int8ub),
    Opcode(0x0E, "log_not"),
    Opcode(0x0F, "bit_and"),
    Opcode(0x10, "bit_or"),
    Opcode(0x11, "bit_xor"),
    Opcode(0x12, "bit_not"),
    Opcode(0x13, "equal"),
    Opcode(0x14, "less_signed"),
    Opcode(0x15, "less_unsigned"),
    Opcode(0x16, "ext", Int8ub),
    Opcode(0x17, "ref8"),
    Opcode(0x18, "ref16"),
    Opcode(0x19, "ref32"),
    Opcode(0x1A, "ref64"),
    Opcode(0x1B, "ref_float"),
    Opcode(0x1C, "ref_double"),
    Opcode(0x1D, "ref_long_double"),
    Opcode(0x1E, "l_to_d"),
    Opcode(0x1F, "d_to_l"),
    Opcode(0x20, "if_goto", Int16ub),
    Opcode(0x21, "goto", Int16ub),
    Opcode(0x22, "const8", Int8ub),
    Opcode(0x23, "const16", Int16ub),
    Opcode(0x24, "const32", Int32ub),
    Opcode(0x25, "const64", Int64ub),
    Opcode(0x26, "reg", Int16ub),
    Opcode(0x27, "end"),
    Opcode(0x28, "dup"),
    Opcode(0x29, "pop"),
    Opcode(0x2A, "zero_ext", Int8ub),
    Opcode(0x2B, "swap"),
    Opcode(0x2C, "getv", Int16ub),
    Opcode(0x2D, "setv", Int16ub),
    Opcode(0x2E, "tracev", Int16ub),
    Opcode(0x2F, "tracenz"),
    Opcode(0x30, "trace16", Int16ub),
    Opcode(0x32, "pick", Int8ub),
    Opcode(0x33, "rot"),
    Opcode(0x34, "printf", PRINTF),
)
"""Every opcode of the manual, those that only tracepoints and floating point need among them."""

_BY_CODE: Final = {row.code: row for row in OPCODES}
_BY_NAME: Final = {row.name: row for row in OPCODES}
JUMPS: Final = frozenset({"goto", "if_goto"})


class _Name(Adapter):  # type: ignore[misc]
    """An opcode as its name."""

    def _decode(self, obj: int, context: object, path: str) -> str:
        if obj not in _BY_CODE:
            raise ConstructError(f"{obj:#04x} is no opcode", path)
        return _BY_CODE[obj].name

    def _encode(self, obj: str, context: object, path: str) -> int:
        return _BY_NAME[obj].code


INSTRUCTION: Final = Struct(
    "name" / _Name(Int8ub), "operand" / Switch(this.name, {row.name: row.operand for row in OPCODES})
)
"""One instruction of the bytecode."""


def parse_expression(code: bytes) -> tuple[AgentStep, ...]:
    """The steps of an agent expression.

    Raises:
        MalformedPacketError: It is not one: an unknown opcode, a missing operand, a jump to no instruction.
    """
    stream = io.BytesIO(code)
    steps: list[AgentStep] = []
    indices: dict[int, int] = {}
    while stream.tell() < len(code):
        offset = stream.tell()
        indices[offset] = len(steps)
        try:
            found = INSTRUCTION.parse_stream(stream)
        except ConstructError as error:
            reason = str(error).splitlines()[-1]
            raise MalformedPacketError(f"malformed agent expression: {reason}, at offset {offset}") from error
        if found.name == "printf":
            steps.append(AgentStep(found.name, found.operand.arguments, found.operand.text.partition(b"\0")[0]))
        else:
            steps.append(AgentStep(found.name, found.operand or 0))
    return tuple(_landed(step, indices) for step in steps)


def _landed(step: AgentStep, indices: dict[int, int]) -> AgentStep:
    if step.name not in JUMPS:
        return step
    if step.operand not in indices:
        raise MalformedPacketError(f"malformed agent expression: no instruction is at offset {step.operand}")
    return AgentStep(step.name, indices[step.operand])


def build_expression(steps: Iterable[AgentStep]) -> bytes:
    """The bytecode of steps: the debugger's side, for tests and tools."""
    listed = tuple(steps)
    offsets, at = [], 0
    for step in listed:
        offsets.append(at)
        at += len(_build(step, step.operand if step.name not in JUMPS else 0))
    return b"".join(_build(step, offsets[step.operand] if step.name in JUMPS else step.operand) for step in listed)


def _build(step: AgentStep, operand: int) -> bytes:
    form: object = operand
    if step.name == "printf":
        form = {"arguments": operand, "text": step.text + b"\0"}
    return bytes(INSTRUCTION.build({"name": step.name, "operand": form}))
