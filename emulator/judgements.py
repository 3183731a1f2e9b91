"""What a debugger attaches to a breakpoint, checked and laid out for the engine (`emulator.engine.judging`)."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from emulator.engine.judging import BY_NAME, NUMBERS, PRINT_NOW, PRINT_SHIFT
from emulator.errors import JudgementRefused
from emulator.hart.state import JUDGE_STACK

MASK64: Final = (1 << 64) - 1
JUMPS: Final = ("goto", "if_goto")
EXTENSIONS: Final = ("ext", "zero_ext")

HIDDEN: Final = 2
"""Values on top of the arguments of `print` that GDB puts there: where to print, which is the debugger's business."""


SHOWS_MEMORY: Final = re.compile(rb"%[^%a-zA-Z]*[hljztLq]*s")
"""A conversion of C's printf whose argument is the address of what it shows."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of an expression.

    Attributes:
        name: The operation's, of `emulator.engine.judging.OPERATIONS`; `end` ends the expression.
        operand: Its operand; of a jump, the index of a step; of `print`, the number of arguments.
        text: What `print` prints, in the notation of C's printf.
    """

    name: str
    operand: int = 0
    text: bytes = b""

    @property
    def pops(self) -> int:
        """Values that it takes off the stack."""
        if self.name == "print":
            return self.operand + HIDDEN
        return 0 if self.name == "end" else BY_NAME[self.name].pops

    @property
    def pushes(self) -> int:
        """Values that it puts there."""
        return 0 if self.name == "end" else BY_NAME[self.name].pushes


Expression: TypeAlias = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What decides at a breakpoint. The empty one always stops.

    Attributes:
        conditions: The breakpoint counts if one of them is not 0, or if there are none.
        commands: Carried out when it counts, instead of stopping.
    """

    conditions: tuple[Expression, ...] = ()
    commands: tuple[Expression, ...] = ()

    def check(self) -> None:
        """Find mistakes before the guest runs into them.

        Raises:
            JudgementRefused: Says what is wrong.
        """
        for expression in self.conditions:
            _check(expression, result=1)
        for expression in self.commands:
            _check(expression, result=0)


ALWAYS: Final = Judgement()


def _check(expression: Expression, *, result: int) -> None:
    """Follow every way through an expression: depths of the stack must agree where ways meet, and suffice."""
    depths: dict[int, int] = {}
    ways = [(0, 0)]
    while ways:
        index, depth = ways.pop()
        if depths.setdefault(index, depth) != depth:
            raise JudgementRefused(f"step {index} is reached with {depths[index]} and with {depth} values on the stack")
        if index >= len(expression):
            raise JudgementRefused("the expression has no end")
        step = expression[index]
        after = _depth_after(step, index, depth, result)
        if step.name == "end":
            continue
        following = [step.operand] if step.name == "goto" else [index + 1]
        following += [step.operand] if step.name == "if_goto" else []
        ways += [(other, after) for other in following if depths.get(other) != after]


def _depth_after(step: Step, index: int, depth: int, result: int) -> int:
    needed = step.pops
    if step.name == "end":
        needed = result
    elif step.name == "pick":
        needed = step.operand + 1
    if step.name in EXTENSIONS and not 1 <= step.operand <= 64:
        raise JudgementRefused(f"step {index} ({step.name}) extends a value of {step.operand} bits")
    if depth < needed:
        raise JudgementRefused(f"step {index} ({step.name}) needs {needed} values on the stack, and there are {depth}")
    after = depth - step.pops + step.pushes
    if max(depth, after) > JUDGE_STACK:
        raise JudgementRefused(f"step {index} ({step.name}) needs more than {JUDGE_STACK} values on the stack")
    return after


class Programs:
    """The judgements of all breakpoints as words; see `emulator.engine.judging`.

    Attributes:
        code: The words. The first two are never executed.
        starts: First word of the program of each address that has one.
        texts: What can be printed, by number.
        arguments: How many arguments each text has.
    """

    def __init__(self, judgements: Mapping[int, Sequence[Judgement]]) -> None:
        self.code = array("Q", [0, 0])
        self.starts: dict[int, int] = {}
        self.texts: list[bytes] = []
        self.arguments: list[int] = []
        for address, given in judgements.items():
            if ALWAYS not in given:
                self.starts[address] = len(self.code)
                for judgement in given:
                    self._add(judgement)
                self._word("go_on")

    def _word(self, name: str, operand: int = 0) -> int:
        """Add a step; returns where its operand is."""
        self.code.extend((NUMBERS[name], operand & MASK64))
        return len(self.code) - 1

    def _add(self, judgement: Judgement) -> None:
        holds: list[int] = []
        for condition in judgement.conditions:
            self._expression(condition)
            holds.append(self._word("decide"))
        fails = [self._word("goto")] if holds else []
        self._land(holds)
        if not judgement.commands:
            self._word("stop")
        for command in judgement.commands:
            self._expression(command)
            self._word("empty")
        self._land(fails)

    def _land(self, operands: Iterable[int]) -> None:
        """Have jumps lead to what comes next."""
        for at in operands:
            self.code[at] = len(self.code)

    def _expression(self, expression: Expression) -> None:
        """Lay out an expression, whose `end` jumps behind it."""
        first, ends = len(self.code), []
        for step in expression:
            if step.name == "end":
                ends.append(self._word("goto"))
            elif step.name in JUMPS:
                self._word(step.name, first + 2 * step.operand)
            elif step.name == "print":
                now = PRINT_NOW if SHOWS_MEMORY.search(step.text) else 0
                self._word("print", len(self.texts) << PRINT_SHIFT | now | step.pops)
                self.texts.append(step.text)
                self.arguments.append(step.operand)
            else:
                self._word(step.name, step.operand)
        self._land(ends)


NO_PROGRAMS: Final = Programs({})
