"""A hart that is to stay in a span of addresses, in a whole machine: other harts, interrupts, the same run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.engine.layout import RAM_BASE
from emulator.stops import BudgetSpent, SpanLeft
from tests.helpers.machines import MTIMECMP, Guest
from tests.machine.test_harts import RACE

TURN = 300


@pytest.fixture(autouse=True, scope="module")
def _short_turns() -> Iterator[None]:
    """Turns that even the reference engine makes many of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emulator.turns.TURN", TURN)
        yield


TIMER = f"""
    la t0, handler
    csrrw x0, mtvec, t0
    li t0, {MTIMECMP}
    addi t1, x0, 5
    sd t1, 0(t0)
    addi t1, x0, 128
    csrrw x0, mie, t1
    csrrsi x0, mstatus, 8
loop:
    addi s0, s0, 1
    jal x0, loop
handler:
    addi s1, s1, 1
    jal x0, 0
"""


def made(guest: Guest) -> int:
    """Steps of all harts so far."""
    return sum(hart.get("steps") for hart in guest.machine.harts)


Spans = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 22), st.integers(1, 12)), min_size=1, max_size=6)


@given(spans=Spans, piece=st.integers(1, 2 * TURN))
@settings(max_examples=25, deadline=None)
def test_spans_change_nothing(spans: list[tuple[int, int, int]], piece: int) -> None:
    """A run that is stopped wherever one hart or the other leaves some span is the run without, step for step."""
    total = 10 * TURN
    whole, cut = (Guest("compiled", RACE, harts=2) for _ in range(2))
    assert whole.run(total) == BudgetSpent()
    at = 0
    while (left := total - made(cut)) > 0:
        hart, first, length = spans[at % len(spans)]
        start = RAM_BASE + 4 * first
        with cut.debug.kept_inside(hart, start, start + 4 * length):
            before = made(cut)
            stop = cut.machine.run(min(left, piece))
        if isinstance(stop, SpanLeft):
            assert stop.hart == hart
            assert not start <= stop.address < start + 4 * length
            assert cut.debug.read_pc(hart) == stop.address
            if made(cut) == before:
                cut.machine.run(1)
        at += 1

    assert whole.state() == cut.state()


def test_other_harts_go_on(engine: str) -> None:
    """They are not kept inside, and share the page with the one that is, which runs on when it is let go."""
    guest = Guest(
        engine, "loop:\naddi s0, s0, 1\nbne a0, x0, out\njal x0, loop\nout:\naddi s1, s1, 1\njal x0, loop", harts=2
    )
    with guest.debug.kept_inside(0, RAM_BASE, RAM_BASE + 12):
        assert guest.machine.run(5 * TURN) == BudgetSpent()
    assert guest.x(9, hart=1) > 0
    with guest.debug.kept_inside(1, RAM_BASE, RAM_BASE + 12):
        stop = guest.machine.run(5 * TURN)
    assert stop == SpanLeft(1, RAM_BASE + 12)
    assert guest.machine.run(1000) == BudgetSpent()


def test_an_interrupt_leaves_the_span(engine: str) -> None:
    """Its handler's first instruction is outside; with interrupts held back the hart stays inside."""
    guest = Guest(engine, TIMER)
    loop, handler = (guest.program[name] for name in ("loop", "handler"))
    while guest.debug.read_pc(0) != loop:
        guest.machine.run(1)
    guest.debug.mask_interrupts((0,))
    with guest.debug.kept_inside(0, loop, loop + 8):
        assert guest.machine.run(3 * TURN) == BudgetSpent()
    guest.debug.mask_interrupts(())
    with guest.debug.kept_inside(0, loop, loop + 8):
        assert guest.machine.run(3 * TURN) == SpanLeft(0, handler)
    assert guest.x(9) == 0
