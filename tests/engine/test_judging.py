"""Conditions and commands of breakpoints, on both engines."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.engine.judging import OPERATIONS, PRINT_SHIFT, Failure
from emulator.engine.layout import RAM_BASE
from emulator.errors import JudgementRefused
from emulator.hart.state import JUDGE_STACK, StopCode
from emulator.judgements import Expression, Judgement, Programs, Step
from tests.helpers.rig import DEVICE, Rig

MASK = (1 << 64) - 1
HERE = RAM_BASE
END = Step("end")


def const(value: int) -> Step:
    """A constant."""
    return Step("const", value & MASK)


def judge(rig: Rig, *conditions: Expression, commands: Sequence[Expression] = ()) -> bool:
    """Whether the hart stops at an instruction with these conditions."""
    judgement = Judgement(tuple(conditions), tuple(commands))
    judgement.check()
    rig.engine.set_breakpoints((HERE,), Programs({HERE: [judgement]}))
    rig.load_text("addi x0, x0, 0\naddi x0, x0, 0", HERE)
    rig.hart.put("pc", HERE)
    rig.run(1)
    return rig.hart.get("stop") == StopCode.BREAKPOINT


def value_of(rig: Rig, *steps: Step) -> int:
    """What an expression has on its stack at the end: found by printing it."""
    rig.printed.clear()
    judge(rig, commands=((*steps, const(0), const(0), Step("print", 1, b"%s"), END),))
    ((_, depth, _),) = rig.printed
    return rig.hart.get("judge_stack", depth - 3)


def signed(value: int) -> int:
    """A 64-bit value as two's complement."""
    return value - (1 << 64) if value >> 63 else value


def quotient(a: int, b: int) -> int:
    """Division toward zero, as C does it."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def shifted(a: int, b: int, *, left: bool = False) -> int:
    """A shift by any number."""
    return a << min(b, 64) if left else a >> min(b, 64)


MEANINGS: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "bit_and": lambda a, b: a & b,
    "bit_or": lambda a, b: a | b,
    "bit_xor": lambda a, b: a ^ b,
    "equal": lambda a, b: a == b,
    "less_signed": lambda a, b: signed(a) < signed(b),
    "less_unsigned": lambda a, b: a < b,
    "lsh": lambda a, b: shifted(a, b, left=True),
    "rsh_unsigned": shifted,
    "rsh_signed": lambda a, b: shifted(signed(a), b),
    "div_signed": lambda a, b: quotient(signed(a), signed(b)),
    "div_unsigned": lambda a, b: a // b,
    "rem_signed": lambda a, b: signed(a) - signed(b) * quotient(signed(a), signed(b)),
    "rem_unsigned": lambda a, b: a % b,
}
"""The manual's descriptions, for the operations of two values."""

RIGS = {kind: Rig(kind) for kind in ("compiled", "reference")}
values = st.one_of(st.integers(0, MASK), st.integers(0, 70), st.sampled_from([1 << 63, MASK, MASK - 1, 1 << 32]))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(MEANINGS)), values, values)
def test_two_values(name: str, a: int, b: int) -> None:
    """An operation of two values gives what the manual says, for every value; a division by zero stops."""
    steps = (const(a), const(b), Step(name))
    for rig in RIGS.values():
        if b == 0 and name.startswith(("div", "rem")):
            assert judge(rig, (*steps, END))
            assert rig.hart.get("judge_failure") == Failure.DIVISION
        else:
            assert value_of(rig, *steps) == MEANINGS[name](a, b) & MASK


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 64), values)
def test_one_value(bits: int, a: int) -> None:
    """Extensions keep the low bits, and the two negations negate."""
    low = a & (1 << bits) - 1
    for rig in RIGS.values():
        assert value_of(rig, const(a), Step("zero_ext", bits)) == low
        assert value_of(rig, const(a), Step("ext", bits)) == (low - (1 << bits) if low >> bits - 1 else low) & MASK
        assert value_of(rig, const(a), Step("log_not")) == (a == 0)
        assert value_of(rig, const(a), Step("bit_not")) == a ^ MASK


@pytest.mark.parametrize(
    ("steps", "result"),
    [
        ((Step("dup"), Step("sub"), Step("add")), 2),
        ((Step("pop"),), 2),
        ((Step("swap"), Step("pop")), 3),
        ((Step("pick", 2),), 1),
        ((Step("rot"), Step("pop")), 1),
        ((Step("rot"), Step("pop"), Step("pop")), 3),
    ],
)
def test_stack(rig: Rig, steps: tuple[Step, ...], result: int) -> None:
    """Operations on the stack alone, over 1, 2 and 3 with 3 on top; `rot` makes a b c to c a b."""
    assert value_of(rig, const(1), const(2), const(3), *steps) == result


def test_registers(rig: Rig) -> None:
    """A condition sees the hart's registers as they are at the breakpoint; a CSR is asked of the machine."""
    rig.hart.put("x", 77, 5)
    rig.hart.put("f", 88, 3)
    for step, wanted in ((Step("x", 5), 77), (Step("f", 3), 88), (Step("pc"), HERE), (Step("priv"), 3)):
        assert value_of(rig, step) == wanted
    assert value_of(rig, Step("csr", 0x305)) == 0x305


@pytest.mark.parametrize("size", [1, 2, 4, 8])
@pytest.mark.parametrize("at", [0, 3, 4096 - 1, 4096 - 5])
def test_memory(rig: Rig, size: int, at: int) -> None:
    """Memory is read little-endian at any alignment, also across pages."""
    rig.write(RAM_BASE + 0x2000 + at, bytes(range(0x81, 0x89)))
    wanted = int.from_bytes(bytes(range(0x81, 0x81 + size)), "little")
    assert value_of(rig, const(RAM_BASE + 0x2000 + at), Step(f"ref{8 * size}")) == wanted


@pytest.mark.parametrize("address", [0, DEVICE, RAM_BASE + 16 * 4096 - 4])
def test_what_is_no_memory(rig: Rig, address: int) -> None:
    """Reading where neither RAM nor ROM is stops the hart, which takes no trap and asks no device."""
    before = rig.hart.architectural()
    assert judge(rig, (const(address), Step("ref64"), END))
    assert rig.hart.get("judge_failure") == Failure.MEMORY
    assert address <= rig.hart.get("judge_detail") < address + 8
    rig.hart.put("pc", RAM_BASE)
    assert rig.hart.architectural() == before


def test_one_true_condition_is_enough(rig: Rig) -> None:
    """The hart stops if any of the conditions holds, and goes on if none does."""
    false, true = (const(0), END), (const(1 << 63), END)
    assert not judge(rig, false)
    assert not judge(rig, false, false)
    assert judge(rig, true)
    assert judge(rig, false, true)
    assert judge(rig, true, false)
    assert judge(rig)


def test_commands(rig: Rig) -> None:
    """Where conditions hold, or there are none, commands are carried out in order and the hart goes on."""
    commands = [
        (const(number), const(0), const(0), Step("print", 1, text), END) for number, text in ((11, b"a"), (22, b"b"))
    ]
    for conditions, times in (((), 1), (((const(0), END),), 0), (((const(5), END),), 1)):
        rig.printed.clear()
        assert not judge(rig, *conditions, commands=commands)
        assert rig.printed == [(0, 3, 11), (1, 3, 22)][: 2 * times]


def test_jumps(rig: Rig) -> None:
    """Jumps lead where they say: the greater of two registers."""
    greater = (
        Step("x", 5),
        Step("x", 6),
        Step("less_signed"),
        Step("if_goto", 6),
        Step("x", 5),
        Step("goto", 7),
        Step("x", 6),
        const(9),
        Step("equal"),
        END,
    )
    for a, b in ((9, 3), (3, 9), (1, 2), (9, 10)):
        rig.hart.put("x", a, 5)
        rig.hart.put("x", b, 6)
        assert judge(rig, greater) == (max(a, b) == 9)


def test_an_endless_loop(rig: Rig) -> None:
    """An expression without an end stops the hart after a bounded number of steps."""
    assert judge(rig, (Step("goto", 0),))
    assert rig.hart.get("judge_failure") == Failure.ENDLESS


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ((Step("add"), END), "step 0 (add) needs 2 values on the stack, and there are 0"),
        ((const(1),), "the expression has no end"),
        ((END,), "step 0 (end) needs 1 values on the stack, and there are 0"),
        ((Step("goto", 7),), "the expression has no end"),
        ((const(1), Step("ext", 0), END), "step 1 (ext) extends a value of 0 bits"),
        ((const(1), Step("zero_ext", 65), END), "step 1 (zero_ext) extends a value of 65 bits"),
        ((const(1), Step("goto", 0)), "step 0 is reached with 0 and with 1 values on the stack"),
        ((const(1), Step("pick", 1), END), "step 1 (pick) needs 2 values on the stack, and there are 1"),
        ((const(1),) * (JUDGE_STACK + 1), f"step {JUDGE_STACK} (const) needs more than {JUDGE_STACK} values"),
    ],
)
def test_refusals(steps: Expression, reason: str) -> None:
    """What would run wild is refused before it runs, with the step and the reason."""
    with pytest.raises(JudgementRefused, match=re.escape(reason)):
        Judgement((steps,)).check()


def test_in_a_loop(rig: Rig) -> None:
    """A condition is evaluated at each pass and stops at the right one; the loop's work is the same as without it."""
    rig.load_text("loop:\naddi x5, x5, 1\naddi x6, x6, 2\njal x0, loop")
    judgement = Judgement(((Step("x", 5), const(70), Step("equal"), END),))
    rig.engine.set_breakpoints((RAM_BASE + 4,), Programs({RAM_BASE + 4: [judgement]}))
    assert rig.run(1000) == 3 * 69 + 1
    assert (rig.x(5), rig.x(6)) == (70, 138)


def test_on_a_page_that_is_never_cached(rig: Rig) -> None:
    """Conditions and commands count where code is fetched anew each time, too, once a pass."""
    rig.load_text("loop:\naddi x5, x5, 1\njal x0, loop")
    rig.hart.put("pmpaddr", RAM_BASE + 0x800 >> 2, 0)
    rig.hart.put("pmpcfg", 0x8F, 0)
    rig.engine.flush()
    false = Judgement(commands=((const(1), const(0), const(0), Step("print", 1), END),))
    rig.engine.set_breakpoints((RAM_BASE,), Programs({RAM_BASE: [false]}))
    assert rig.run(20) == 20
    assert len(rig.printed) == 10


def test_a_budget_that_ends_at_a_command(rig: Rig) -> None:
    """A command is carried out by the run that executes its instruction, and by no other."""
    rig.load_text("addi x5, x5, 1\naddi x5, x5, 1\naddi x5, x5, 1")
    command = Judgement(commands=((const(1), const(0), const(0), Step("print", 1), END),))
    rig.engine.set_breakpoints((RAM_BASE + 4,), Programs({RAM_BASE + 4: [command]}))
    rig.run(1)
    assert not rig.printed
    rig.run(0)
    assert not rig.printed
    rig.run(1)
    assert len(rig.printed) == 1


def test_texts_have_numbers() -> None:
    """The operand of `print` names its text and counts the values that it takes."""
    command = (const(1), const(0), const(0), Step("print", 1, b"hello"), END)
    programs = Programs({0x100: [Judgement(commands=(command,))], 0x200: [Judgement(commands=(command,))]})
    assert programs.texts == [b"hello", b"hello"]
    number = next(index for index, row in enumerate(OPERATIONS) if row.name == "print")
    operands = [programs.code[at + 1] for at in range(0, len(programs.code), 2) if programs.code[at] == number]
    assert operands == [3, 1 << PRINT_SHIFT | 3]
