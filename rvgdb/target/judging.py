"""From a debugger's agent expressions to the machine's judgements: names of operations, numbers of registers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from emulator.judgements import ALWAYS, Judgement, Step
from protocol.agent import JUMPS, AgentStep, parse_expression
from protocol.errors import MalformedPacketError
from rvgdb.target.api import TargetError

CONSTANTS: Final = frozenset({"const8", "const16", "const32", "const64"})

REFUSED: Final = {
    **dict.fromkeys(("trace", "trace_quick", "trace16", "tracenz"), "collects memory for tracepoints"),
    **dict.fromkeys(("getv", "setv", "tracev"), "uses a trace state variable"),
    **dict.fromkeys(
        ("float", "ref_float", "ref_double", "ref_long_double", "l_to_d", "d_to_l"), "computes in floating point"
    ),
}
"""Opcodes that are not evaluated on this side; GDB makes no such conditions, and evaluates floating point itself."""

RegisterSteps = Callable[[int], Sequence[Step]]
"""The steps that put a register, by the debugger's number, on the stack. Raises TargetError."""


def make_judgement(conditions: Sequence[bytes], commands: Sequence[bytes], registers: RegisterSteps) -> Judgement:
    """What decides at a breakpoint.

    Args:
        conditions: Agent expressions of which one must hold.
        commands: Agent expressions to carry out instead of stopping.
        registers: What a register is.

    Raises:
        TargetError: An expression is malformed or does what this side does not do.
    """
    if not conditions and not commands:
        return ALWAYS
    return Judgement(
        tuple(_expression(code, registers) for code in conditions),
        tuple(_expression(code, registers) for code in commands),
    )


def _expression(code: bytes, registers: RegisterSteps) -> tuple[Step, ...]:
    try:
        given = parse_expression(code)
    except MalformedPacketError as error:
        raise TargetError(str(error)) from None
    pieces = [_steps(step, registers) for step in given]
    starts = [sum(len(piece) for piece in pieces[:index]) for index in range(len(pieces))]
    return tuple(
        Step(step.name, starts[step.operand]) if step.name in JUMPS else step for piece in pieces for step in piece
    )


def _steps(step: AgentStep, registers: RegisterSteps) -> Sequence[Step]:
    if step.name in REFUSED:
        raise TargetError(f"a breakpoint's expression cannot have '{step.name}' here: it {REFUSED[step.name]}")
    if step.name in CONSTANTS:
        return (Step("const", step.operand),)
    if step.name == "reg":
        return registers(step.operand)
    if step.name == "printf":
        return (Step("print", step.operand, step.text),)
    return (Step(step.name, step.operand),)
