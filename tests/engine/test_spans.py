"""A hart that is to stay in a span of addresses: it runs at full speed inside and leaves the slice at the border."""

from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.hart.state import StopCode
from emulator.isa.text import assemble
from tests.helpers.rig import Rig

PAGE = 4096
LOOP = "loop:\naddi x5, x5, 1\naddi x6, x6, 1\nbne x5, x7, loop\naddi x8, x8, 1\njal x0, 0"
BASES = [RAM_BASE, RAM_BASE + PAGE - 4, RAM_BASE + PAGE - 6, RAM_BASE + PAGE - 12]


def leaves(rig: Rig, steps: int) -> tuple[int, int | None]:
    """Steps made, and the pc at which the span was left."""
    made = rig.run(steps)
    return made, rig.hart.get("pc") if rig.hart.get("stop") == StopCode.SPAN else None


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("warm", [0, 30])
def test_left_at_its_end(rig: Rig, base: int, warm: int) -> None:
    """The loop of three instructions runs to its end; the first instruction behind it is not executed."""
    rig.load_text(LOOP, base)
    rig.hart.put("x", 1 << 40, 7)
    rig.hart.put("pc", base)
    rig.run(warm)
    rig.hart.put("pc", base)
    rig.hart.put("x", rig.x(5) + 100, 7)
    rig.engine.set_span(0, base, 12)

    assert leaves(rig, 1000) == (300, base + 12)
    assert leaves(rig, 1000) == (0, base + 12)
    assert rig.x(8) == 0


@pytest.mark.parametrize("base", BASES)
def test_left_at_its_start(rig: Rig, base: int) -> None:
    """A backward branch to an instruction in front of the span, in the same page, leaves it."""
    rig.load_text(LOOP, base)
    rig.hart.put("x", 5, 7)
    rig.hart.put("pc", base + 4)
    rig.engine.set_span(0, base + 4, 8)

    assert leaves(rig, 1000) == (2, base)


def test_lifted_again(rig: Rig) -> None:
    """Without the span nothing stops the hart, in the span's page or in another, and code runs as decoded anew."""
    rig.load_text(LOOP)
    rig.hart.put("x", 2, 7)
    rig.engine.set_span(0, RAM_BASE, 12)
    assert leaves(rig, 100) == (6, RAM_BASE + 12)
    rig.engine.set_span(0, 0, 0)

    assert leaves(rig, 100) == (100, None)
    assert rig.x(8) == 1


def test_one_span_after_another(rig: Rig) -> None:
    """What was outside the last span and is inside this one runs, and the other way round."""
    rig.load_text("addi x5, x5, 1\n" * 64)
    for at in range(0, 64, 8):
        rig.engine.set_span(0, RAM_BASE + 4 * at, 32)
        assert leaves(rig, 100) == (8, RAM_BASE + 4 * at + 32)
    assert rig.x(5) == 64


def test_a_jump_to_another_page_and_a_trap_leave_it(rig: Rig) -> None:
    """A call leaves the span at the callee's first instruction; so does an exception at its handler."""
    rig.load_text("jalr x1, 0(x9)\necall")
    rig.load_text("addi x5, x5, 1\njalr x0, 0(x1)", RAM_BASE + 2 * PAGE)
    rig.hart.put("x", RAM_BASE + 2 * PAGE, 9)
    rig.hart.put("mtvec", RAM_BASE + 3 * PAGE)
    rig.run(3)  # all of it has been executed before
    rig.hart.put("pc", RAM_BASE)
    rig.engine.set_span(0, RAM_BASE, 8)
    assert leaves(rig, 10) == (1, RAM_BASE + 2 * PAGE)
    rig.hart.put("pc", RAM_BASE + 4)
    assert leaves(rig, 10) == (1, RAM_BASE + 3 * PAGE)
    assert rig.x(5) == 1


@pytest.mark.parametrize("budget", [0, 1, 2, 3])
def test_a_budget_that_ends_at_the_border(rig: Rig, budget: int) -> None:
    """A run whose budget is spent at the border ends for its budget; the next one leaves the span."""
    rig.load_text("addi x5, x5, 1\n" * 8)
    rig.engine.set_span(0, RAM_BASE, 4 * budget or 4)
    rig.hart.put("pc", RAM_BASE + (0 if budget else 4))

    assert leaves(rig, budget) == (budget, None)
    assert leaves(rig, 5) == (0, RAM_BASE + (4 * budget or 4))


def test_a_breakpoint_inside_stops(rig: Rig) -> None:
    """A breakpoint in the span stops the hart as always; one outside is not reached."""
    rig.load_text(LOOP)
    rig.hart.put("x", 5, 7)
    rig.engine.set_breakpoints((RAM_BASE + 8, RAM_BASE + 12))
    rig.engine.set_span(0, RAM_BASE, 12)
    rig.run(100)
    assert (rig.hart.get("stop"), rig.hart.get("pc")) == (StopCode.BREAKPOINT, RAM_BASE + 8)
    rig.engine.set_breakpoints((RAM_BASE + 12,))

    assert leaves(rig, 100) == (13, RAM_BASE + 12)


def test_code_that_changes_at_the_border(rig: Rig) -> None:
    """An instruction outside the span is not executed because the guest has just written it."""
    rig.load_text("sw x6, 8(x7)\naddi x5, x5, 1\naddi x5, x5, 2\naddi x5, x5, 4")
    rig.hart.put("x", assemble("addi x5, x5, 100"), 6)
    rig.hart.put("x", RAM_BASE, 7)
    rig.run(4)
    rig.hart.put("pc", RAM_BASE)
    rig.hart.put("x", 0, 5)
    rig.engine.set_span(0, RAM_BASE, 8)

    assert leaves(rig, 10) == (2, RAM_BASE + 8)
    assert rig.x(5) == 1
    rig.engine.set_span(0, 0, 0)
    rig.run(1)
    assert rig.x(5) == 101


def test_over_the_end_of_the_address_space(rig: Rig) -> None:
    """A span may reach over the end of the address space."""
    rig.load_text("addi x5, x5, 1\n" * 4)
    rig.engine.set_span(0, (1 << 64) - 16, RAM_BASE + 8 + 16)

    assert leaves(rig, 10) == (2, RAM_BASE + 8)
