"""Agent expressions: bytecode to steps and back."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.agent import JUMPS, OPCODES, AgentStep, build_expression, parse_expression
from protocol.errors import MalformedPacketError

SIZES = {
    "trace_quick": 1,
    "ext": 1,
    "zero_ext": 1,
    "pick": 1,
    "const8": 1,
    "const16": 2,
    "const32": 4,
    "const64": 8,
} | dict.fromkeys(("reg", "getv", "setv", "tracev", "trace16"), 2)
"""Bytes of each opcode's operand (GDB manual, "Bytecode Descriptions")."""


@st.composite
def expressions(draw: st.DrawFn) -> tuple[AgentStep, ...]:
    """Steps in any order, whose jumps lead to steps."""
    names = draw(st.lists(st.sampled_from([row.name for row in OPCODES]), min_size=1, max_size=20))
    steps = []
    for name in names:
        if name in JUMPS:
            steps.append(AgentStep(name, draw(st.integers(0, len(names) - 1))))
        elif name == "printf":
            text = draw(st.binary(max_size=20).filter(lambda text: b"\0" not in text))
            steps.append(AgentStep(name, draw(st.integers(0, 255)), text))
        else:
            steps.append(AgentStep(name, draw(st.integers(0, (1 << 8 * SIZES.get(name, 0)) - 1))))
    return tuple(steps)


@given(expressions())
def test_round_trip(steps: tuple[AgentStep, ...]) -> None:
    """What is built is parsed to the same steps."""
    assert parse_expression(build_expression(steps)) == steps


@given(st.binary(max_size=60))
def test_any_bytes(code: bytes) -> None:
    """Random bytes are steps whose bytecode they are, or are refused in a sentence."""
    with suppress(MalformedPacketError):
        steps = parse_expression(code)
        assert parse_expression(build_expression(steps)) == steps


def test_what_gdb_sent() -> None:
    """A `dprintf` of GDB 13, recorded: two arguments, `ticks` and `-1L`."""
    code = bytes.fromhex("22ff16082500000000800010881a22002200340200117469636b202564207c25356c787c5c6e0027")
    assert parse_expression(code) == (
        AgentStep("const8", 0xFF),
        AgentStep("ext", 8),
        AgentStep("const64", 0x80001088),
        AgentStep("ref64"),
        AgentStep("const8"),
        AgentStep("const8"),
        AgentStep("printf", 2, rb"tick %d |%5lx|\n"),
        AgentStep("end"),
    )
    assert build_expression(parse_expression(code)) == code


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("99", "0x99 is no opcode, at offset 0"),
        ("223131", "0x31 is no opcode, at offset 2"),
        ("25000000", "at offset 0"),
        ("21000127", "no instruction is at offset 1"),
        ("34020009", "at offset 0"),
    ],
)
def test_refusals(code: str, reason: str) -> None:
    """Unknown opcodes, missing operands and jumps into the middle of an instruction are refused with the place."""
    with pytest.raises(MalformedPacketError, match=reason):
        parse_expression(bytes.fromhex(code))
