from __future__ import annotations

import pytest

from tests.lockstep.code import Code
from tests.lockstep.groups import GROUPS
from tests.lockstep.layout import CODE, RAM_BASE
from tests.lockstep.operands import EDGES, MASK64
from tests.lockstep.subject import Subject


@pytest.fixture(scope="module")
def subject() -> Subject:
    """A whole hart on the compiled engine."""
    return Subject(GROUPS["priv"].cpu)


@pytest.mark.parametrize("name", GROUPS)
def test_a_seed_is_a_program(name: str) -> None:
    """The same seed gives the same program, another one another."""
    group = GROUPS[name]

    assert group.program(7) == group.program(7) != group.program(8)


@pytest.mark.parametrize("value", [*EDGES, 0x1234_5678_9ABC_DEF0, 0x8000_0800, 0x7FFF_F800, 0xFFFF_FFFF_8000_0000])
def test_constants_arrive(subject: Subject, value: int) -> None:
    """The instructions that make a constant make that constant, and those of an address that address."""
    code = Code(CODE)
    code.constant(5, value)
    code.address(6, "far")
    code.place_at("far", CODE + 0x1_2FFF)
    code.jump("jal", "there", rd=0)
    code.place("there")
    text = code.finish()
    image = GROUPS["priv"].program(1)
    ram = bytearray(image.ram)
    ram[CODE - RAM_BASE : CODE - RAM_BASE + len(text)] = text
    subject.load(type(image)(bytes(ram), image.end), {})

    while subject.pc != CODE + len(text):
        assert subject.run(1) == 1

    assert subject.registers()[5:7] == [value & MASK64, CODE + 0x1_2FFF]


@pytest.mark.parametrize("name", GROUPS)
def test_programs_end(name: str) -> None:
    """A program reaches its end, in M-mode, on this machine alone."""
    group = GROUPS[name]
    image = group.program(3)
    alone = Subject(group.cpu)
    alone.load(image, {})

    for _ in range(100_000):
        if alone.pc == image.end:
            break
        assert alone.run(1) == 1

    assert (alone.pc, alone.priv) == (image.end, 3)
