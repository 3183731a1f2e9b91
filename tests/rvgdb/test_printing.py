"""What a `dprintf` prints, and how its expressions reach the machine."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.judgements import ALWAYS, Step
from protocol.agent import AgentStep, build_expression
from rvgdb.target.api import TargetError
from rvgdb.target.judging import REFUSED, make_judgement
from rvgdb.target.printing import Format

MINUS_ONE = (1 << 64) - 1


def format_text(text: bytes, *prints: Sequence[int]) -> bytes:
    """What is shown of some prints of a text, with strings that name their address."""
    words = array("Q", [word for values in prints for word in (0, *values)])
    return Format(text, len(prints[0])).of(memoryview(words), lambda address: b"s%d" % address)


def nothing(number: int) -> tuple[Step, ...]:
    """Every register takes two steps."""
    return Step("x", number), Step("bit_not")


@pytest.mark.parametrize(
    ("text", "values", "printed"),
    [
        (b"plain", (), b"plain"),
        (rb"a\tb\n\"\101\x", (), b'a\tb\n"Ax'),
        (b"100%%", (), b"100%"),
        (b"%d %i %u", (MINUS_ONE, 5, MINUS_ONE), b"-1 5 4294967295"),
        (b"%ld %lu %llx", (MINUS_ONE, MINUS_ONE, MINUS_ONE), b"-1 18446744073709551615 ffffffffffffffff"),
        (b"%hhd %hx", (0x1FF, 0x12345), b"-1 2345"),
        (b"[%5d] [%-5d] [%05d] [%+d] [%.3d]", (7, 7, 7, 7, 7), b"[    7] [7    ] [00007] [+7] [007]"),
        (b"%#x %X %o", (255, 255, 8), b"0xff FF 10"),
        (b"%c%c", (72, 105), b"Hi"),
        (b"%p", (0x80000000,), b"0x80000000"),
        (b"%s|%6s|%.2s", (1, 2, 3), b"s1|    s2|s3"),
        (b"%g", (0x3FF8000000000000,), b"1.5"),
        (b"%d %d", (1,), b"1 %d"),
        (b"%n %", (1,), b"%n %"),
    ],
)
def test_format(text: bytes, values: tuple[int, ...], printed: bytes) -> None:
    """Conversions are C's; what is none is printed as it stands."""
    assert format_text(text, values) == printed
    assert format_text(text, values, values, values) == printed * 3


@given(st.binary(max_size=40), st.lists(st.integers(0, MINUS_ONE), max_size=4))
def test_any_format(text: bytes, values: list[int]) -> None:
    """No format makes the printing fail."""
    assert isinstance(format_text(text, values), bytes)


def test_many_prints() -> None:
    """Each print has its own values, whatever their lengths."""
    prints = [(number, MINUS_ONE - number, 65 + number) for number in range(3)]
    assert format_text(b"%hd %ld %c;", *prints) == b"0 -1 A;1 -2 B;2 -3 C;"


def test_jumps_follow_their_steps() -> None:
    """A register that takes several steps moves the steps behind it, and jumps still lead to theirs."""
    code = build_expression([AgentStep("reg", 4), AgentStep("if_goto", 3), AgentStep("end"), AgentStep("goto", 1)])
    (expression,) = make_judgement((code,), (), nothing).conditions
    assert expression == (Step("x", 4), Step("bit_not"), Step("if_goto", 4), Step("end"), Step("goto", 2))


def test_nothing_attached() -> None:
    """A breakpoint without conditions and commands always stops."""
    assert make_judgement((), (), nothing) is ALWAYS


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_not_evaluated(name: str) -> None:
    """Opcodes of tracepoints and of floating point are refused by name."""
    with pytest.raises(TargetError, match=f"'{name}'"):
        make_judgement((build_expression([AgentStep(name)]),), (), nothing)


def test_malformed() -> None:
    """What is no bytecode is refused with the reason."""
    with pytest.raises(TargetError, match="0x99 is no opcode"):
        make_judgement((b"\x99",), (), nothing)
