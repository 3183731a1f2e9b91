"""Deciding at a breakpoint, inside the engine, whether the hart stops: a stack machine over a domain.

A *judgement* is what a debugger attached to a breakpoint: conditions, of which one must hold, and commands that are
carried out instead of stopping. `Programs` lays judgements out as words, two a step: the operation's number and its
operand. The routine `judge` executes them. An operation is a row of `OPERATIONS`; nothing that it does can be seen by
the guest. What cannot be evaluated stops the hart and says why.

The operations are those of the remote protocol's agent expressions (GDB manual, appendix "The GDB Agent Expression
Mechanism"), less what only tracepoints need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from emulator.hart.access import translate_data
from emulator.hart.inspection import inspecting
from emulator.hart.translation import LOAD
from emulator.isa.domain import Routine, routine

if TYPE_CHECKING:
    from emulator.isa.domain import Bool, Domain, Value, Var

MASK64: Final = (1 << 64) - 1
SIGN: Final = 1 << 63
PAGE: Final = 0xFFF

STEP_LIMIT: Final = 10_000
"""Operations that one evaluation may take: what takes more is taken for an endless loop."""

PRINT_SHIFT: Final = 8
"""In the operand of `print`: the number of the text, above the number of values taken."""

PRINT_NOW: Final = 1 << 7
"""In the operand of `print`: whether to print at once, because the text shows memory."""


class Failure:
    """Values of the field `judge_failure`: why an evaluation could not be finished."""

    NONE = 0
    MEMORY = 1
    """The byte at `judge_detail` is not memory."""
    DIVISION = 2
    """By zero."""
    ENDLESS = 3
    """`STEP_LIMIT` was reached."""


class Frame:
    """An evaluation under way, as operations see it.

    Attributes:
        d: The domain.
        operand: The step's operand.
    """

    def __init__(self, d: Domain, at: Var, depth: Var, operand: Value) -> None:
        self.d = d
        self.operand = operand
        self._at = at
        self._depth = depth

    def push(self, value: Value) -> None:
        """Put a value on the stack."""
        self.d.put("judge_stack", value, self._depth.get())
        self._depth.set(self.d.add(self._depth.get(), 1))

    def pop(self) -> Value:
        """Take a value off the stack."""
        self.drop(1)
        return self.d.get("judge_stack", self._depth.get())

    def drop(self, count: Value) -> None:
        """Forget the topmost values."""
        self._depth.set(self.d.sub(self._depth.get(), count))

    def look(self, index: Value) -> Value:
        """The value `index` places below the top."""
        return self.d.get("judge_stack", self.d.sub(self._depth.get(), self.d.add(index, 1)))

    def jump(self) -> None:
        """Go on at the step that the operand names, counted in words from the program's first."""
        self._at.set(self.operand)

    def empty(self) -> None:
        """Begin another expression."""
        self._depth.set(0)

    def print(self) -> None:
        """Have the debugger print, and forget the arguments."""
        self.d.judge_print(self.operand, self._depth.get())
        self.drop(self.d.and_(self.operand, PRINT_NOW - 1))

    def fail(self, condition: Bool, failure: int, detail: Value = 0) -> None:
        """Stop the hart if the evaluation cannot go on."""
        for _ in self.d.when(condition):
            self.d.put("judge_failure", failure)
            self.d.put("judge_detail", detail)
            self.d.ret(1)


@routine(params=2)
def readable(d: Domain, address: Value, size: Value) -> None:
    """Physical address of bytes in one page as a debugger reads them, or all ones where they are not memory."""
    failed, physical = d.attempt(inspecting(translate_data), address, LOAD)
    for _ in d.when(failed):
        d.ret(MASK64)
    last = d.add(physical, d.sub(size, 1))
    for _ in d.unless(d.both(d.holds_memory(physical), d.holds_memory(last))):
        d.ret(MASK64)
    d.ret(physical)


def _load(size: int) -> Callable[[Frame], None]:
    def meaning(x: Frame) -> None:
        d, address = x.d, x.pop()
        value = d.var(0)
        crosses = d.ult(PAGE + 1 - size, d.and_(address, PAGE))
        for _ in d.unless(crosses):
            physical = d.call(readable, address, size)
            x.fail(d.eq(physical, MASK64), Failure.MEMORY, address)
            value.set(d.load_physical(physical, size))
        for _ in d.when(crosses):
            index = d.var(size)
            for _ in d.loop(lambda: d.ne(index.get(), 0)):  # noqa: B023 -- emitted at once
                index.set(d.sub(index.get(), 1))
                byte = d.add(address, index.get())
                physical = d.call(readable, byte, 1)
                x.fail(d.eq(physical, MASK64), Failure.MEMORY, byte)
                value.set(d.or_(d.shl(value.get(), 8), d.load_physical(physical, 1)))
        x.push(value.get())

    return meaning


def _binary(name: str) -> Callable[[Frame], None]:
    def meaning(x: Frame) -> None:
        b, a = x.pop(), x.pop()
        x.push(getattr(x.d, name)(a, b))

    return meaning


def _compare(name: str) -> Callable[[Frame], None]:
    def meaning(x: Frame) -> None:
        b, a = x.pop(), x.pop()
        x.push(x.d.flag(getattr(x.d, name)(a, b)))

    return meaning


def _shift(name: str) -> Callable[[Frame], None]:
    """A shift by 64 or more leaves nothing but copies of the bit that comes in."""

    def meaning(x: Frame) -> None:
        d, b, a = x.d, x.pop(), x.pop()
        short = d.ult(b, 64)
        shifted = getattr(d, name)(a, d.select(short, b, 63))
        x.push(shifted if name == "ashr" else d.select(short, shifted, 0))

    return meaning


def _divide(name: str) -> Callable[[Frame], None]:
    def meaning(x: Frame) -> None:
        d, b, a = x.d, x.pop(), x.pop()
        x.fail(d.eq(b, 0), Failure.DIVISION)
        if name.startswith("s"):  # the smallest number divided by -1 is itself, and leaves 0
            b = d.select(d.both(d.eq(a, SIGN), d.eq(b, MASK64)), 1, b)
        x.push(getattr(d, name)(a, b))

    return meaning


def _extend(name: str) -> Callable[[Frame], None]:
    def meaning(x: Frame) -> None:
        d, value = x.d, x.pop()
        unused = d.sub(64, x.operand)
        x.push(getattr(d, name)(d.shl(value, unused), unused))

    return meaning


def _swap(x: Frame) -> None:
    b, a = x.pop(), x.pop()
    x.push(b)
    x.push(a)


def _rotate(x: Frame) -> None:
    """The top goes below the two under it."""
    c, b, a = x.pop(), x.pop(), x.pop()
    for value in (c, a, b):
        x.push(value)


def _if_goto(x: Frame) -> None:
    for _ in x.d.when(x.d.ne(x.pop(), 0)):
        x.jump()


def _decide(x: Frame) -> None:
    """The end of a condition."""
    value = x.pop()
    x.empty()
    for _ in x.d.when(x.d.ne(value, 0)):
        x.jump()


@dataclass(frozen=True, slots=True)
class Operation:
    """A row.

    Attributes:
        name: Its name.
        pops: Values that it takes off the stack; `print` takes more, and `pick` looks deeper.
        pushes: Values that it puts there.
        meaning: What it does.
    """

    name: str
    pops: int
    pushes: int
    meaning: Callable[[Frame], Any]


OPERATIONS: Final = (
    Operation("const", 0, 1, lambda x: x.push(x.operand)),
    Operation("x", 0, 1, lambda x: x.push(x.d.get("x", x.operand))),
    Operation("pc", 0, 1, lambda x: x.push(x.d.get("pc"))),
    Operation("priv", 0, 1, lambda x: x.push(x.d.get("priv"))),
    Operation("virt", 0, 1, lambda x: x.push(x.d.get("virt"))),
    Operation("f", 0, 1, lambda x: x.push(x.d.get("f", x.operand))),
    Operation("csr", 0, 1, lambda x: x.push(x.d.judge_csr(x.operand))),
    *(Operation(f"ref{8 * size}", 1, 1, _load(size)) for size in (1, 2, 4, 8)),
    *(Operation(name, 2, 1, _binary(name)) for name in ("add", "sub", "mul")),
    Operation("bit_and", 2, 1, _binary("and_")),
    Operation("bit_or", 2, 1, _binary("or_")),
    Operation("bit_xor", 2, 1, _binary("xor")),
    Operation("div_signed", 2, 1, _divide("sdiv")),
    Operation("div_unsigned", 2, 1, _divide("udiv")),
    Operation("rem_signed", 2, 1, _divide("srem")),
    Operation("rem_unsigned", 2, 1, _divide("urem")),
    Operation("lsh", 2, 1, _shift("shl")),
    Operation("rsh_signed", 2, 1, _shift("ashr")),
    Operation("rsh_unsigned", 2, 1, _shift("lshr")),
    Operation("log_not", 1, 1, lambda x: x.push(x.d.flag(x.d.eq(x.pop(), 0)))),
    Operation("bit_not", 1, 1, lambda x: x.push(x.d.xor(x.pop(), MASK64))),
    Operation("equal", 2, 1, _compare("eq")),
    Operation("less_signed", 2, 1, _compare("slt")),
    Operation("less_unsigned", 2, 1, _compare("ult")),
    Operation("ext", 1, 1, _extend("ashr")),
    Operation("zero_ext", 1, 1, _extend("lshr")),
    Operation("dup", 1, 2, lambda x: x.push(x.look(0))),
    Operation("pop", 1, 0, lambda x: x.drop(1)),
    Operation("swap", 2, 2, _swap),
    Operation("pick", 0, 1, lambda x: x.push(x.look(x.operand))),
    Operation("rot", 3, 3, _rotate),
    Operation("if_goto", 1, 0, _if_goto),
    Operation("goto", 0, 0, lambda x: x.jump()),
    Operation("print", 0, 0, lambda x: x.print()),
    # What ties the expressions of a judgement together.
    Operation("decide", 1, 0, _decide),
    Operation("empty", 0, 0, lambda x: x.empty()),
    Operation("go_on", 0, 0, lambda x: x.d.ret(0)),
    Operation("stop", 0, 0, lambda x: x.d.ret(1)),
)
"""In the order of their numbers."""

NUMBERS: Final = {row.name: number for number, row in enumerate(OPERATIONS)}
BY_NAME: Final = {row.name: row for row in OPERATIONS}


def _judge(d: Domain, start: Value) -> None:
    """Whether the hart is to stop: 1 or 0. `start` is the program's first word; 0 is none, which always stops."""
    d.put("judge_failure", Failure.NONE)
    for _ in d.when(d.eq(start, 0)):
        d.ret(1)
    at, depth, left = d.var(start), d.var(0), d.var(STEP_LIMIT)
    for _ in d.loop(lambda: d.ne(left.get(), 0)):
        left.set(d.sub(left.get(), 1))
        number, operand = d.judge_word(at.get()), d.judge_word(d.add(at.get(), 1))
        at.set(d.add(at.get(), 2))
        for index, row in enumerate(OPERATIONS):
            for _ in d.when(d.eq(number, index)):
                row.meaning(Frame(d, at, depth, operand))
    d.put("judge_failure", Failure.ENDLESS)
    d.ret(1)


judge: Final = Routine("judge", 1, _judge)
