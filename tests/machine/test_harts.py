"""Several harts: turns, their order, and what passes between them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.engine import ENGINES
from emulator.engine.layout import RAM_BASE
from emulator.stops import BreakpointHit, BudgetSpent, Idle
from tests.helpers.machines import MSIP, MTIMECMP, Guest

TURN = 1000


@pytest.fixture(autouse=True, scope="module")
def _short_turns() -> Iterator[None]:
    """Turns that even the reference engine makes many of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emulator.turns.TURN", TURN)
        yield


SHARED = RAM_BASE + 0x4000

RACE = f"""
    li t0, {SHARED}
    li t6, {MTIMECMP}
loop:
    lr.d t1, (t0)
    addi t1, t1, 1
    sc.d t2, t1, (t0)
    bne t2, x0, failed
    addi s0, s0, 1
    sd a0, 8(t0)
    ld t3, 16(t0)
    add t3, t3, a0
    slli t4, t3, 1
    sd t4, 16(t0)
    ld t5, 0(t6)
    jal x0, loop
failed:
    addi s1, s1, 1
    jal x0, loop
"""


@pytest.mark.parametrize("harts", [2, 3])
def test_the_same_run_twice(engine: str, harts: int) -> None:
    """Harts that race for memory give the same states each time."""
    states = []
    for _ in range(2):
        guest = Guest(engine, RACE, harts=harts)
        assert guest.run(5_000) == BudgetSpent()
        states.append(guest.state())

    assert states[0] == states[1]


@given(pieces=st.lists(st.integers(1, 3000), min_size=1, max_size=5))
@settings(max_examples=20, deadline=None)
def test_pieces_give_the_same_run(pieces: list[int]) -> None:
    """How a run is cut into budgets changes nothing, also when harts race, across several turns."""
    total = 10 * TURN + 7
    whole, cut = (Guest("compiled", RACE, harts=2) for _ in range(2))

    assert whole.run(total) == BudgetSpent()
    assert cut.run(total, *pieces) == BudgetSpent()

    assert whole.state() == cut.state()
    assert whole.machine.steps == cut.machine.steps


def test_the_engines_agree_on_turns() -> None:
    """Both engines give harts the same turns."""
    guests = [Guest(engine, RACE, harts=2) for engine in ENGINES]
    for guest in guests:
        guest.run(2 * TURN + 500)

    assert guests[0].state() == guests[1].state()


def test_budget_is_of_all_harts(engine: str) -> None:
    """A budget is what all harts together may do."""
    guest = Guest(engine, "loop:\naddi s0, s0, 1\njal x0, loop", harts=3)
    for budget in (1, 10, 500, TURN, TURN):
        assert guest.run(budget) == BudgetSpent()

    assert sum(hart.get("steps") for hart in guest.machine.harts) == 511 + 2 * TURN
    assert [hart.get("steps") for hart in guest.machine.harts] == [TURN, TURN, 511]


def test_atomicity(engine: str) -> None:
    """No increment made with LR and SC is lost, however turns and runs are cut."""
    guest = Guest(engine, RACE, harts=2)
    guest.run(8000, 1, 2, 3, 999)
    guest.run(3)  # let a store that is under way finish

    counted = int.from_bytes(guest.debug.read_memory(0, SHARED, 8), "little")
    assert counted - (guest.x(8, 0) + guest.x(8, 1)) in (0, 1, 2)  # an SC done whose count is still to come


def test_a_reservation_does_not_outlive_another_harts_turn(engine: str) -> None:
    """A store by another hart between LR and SC makes SC fail, also when the first hart ran alone at its LR."""
    guest = Guest(
        engine,
        f"""
        li t0, {SHARED}
        bne a0, x0, other
        lr.d t1, (t0)
        sc.d s0, t1, (t0)
        jal x0, 0
    other:
        sd a0, 0(t0)
        jal x0, 0
        """,
        harts=2,
    )
    while guest.debug.read_pc(0) != guest.program["other"] - 8:
        guest.machine.step(0)
    for _ in range(6):
        guest.machine.step(1)

    guest.machine.step(0)

    assert guest.x(8) == 1
    assert guest.debug.read_memory(0, SHARED, 1) == b"\1"


def test_stepping_through_lr_and_sc(engine: str) -> None:
    """A hart that is stepped alone keeps its reservation."""
    guest = Guest(engine, f"li t0, {SHARED}\nlr.d t1, (t0)\naddi t1, t1, 5\nsc.d s0, t1, (t0)\njal x0, 0", harts=2)
    for _ in range(len(guest.program.code) // 4):
        guest.machine.step(0)

    assert guest.x(8) == 0
    assert guest.debug.read_memory(0, SHARED, 1) == b"\5"


IPI = f"""
    la t0, handler
    csrrw x0, mtvec, t0
    li t1, 8
    csrrw x0, mie, t1
    li t2, {MSIP}
    csrrsi x0, mstatus, 8
    bne a0, x0, sleep
    li t4, 1000  # longer than a turn: by then the others sleep
busy:
    addi t4, t4, -1
    bne t4, x0, busy
    addi t3, x0, 1
    sw t3, 4(t2)
    csrrs s5, time, x0
    jal x0, 0
sleep:
    wfi
    addi s0, s0, 1
    jal x0, sleep
.align 4
handler:
    csrrs s4, time, x0
    slli t5, a0, 2
    add t5, t5, t2
    sw x0, 0(t5)
    addi s1, s1, 1
    mret
"""


@pytest.mark.parametrize("pieces", [(), (1,), (50, 3), (2000,)])
def test_a_software_interrupt_between_harts(engine: str, pieces: tuple[int, ...]) -> None:
    """A hart that waits is woken by another one, takes one interrupt at that time, and waits again."""
    guest = Guest(engine, IPI, harts=2)

    guest.run(5000, *pieces)

    assert [guest.x(9, 0), guest.x(9, 1)] == [0, 1]
    assert guest.x(8, 1) == 1
    assert guest.machine.harts[1].get("waiting") == 1
    assert guest.x(20, 1) - guest.x(21, 0) in (-1, 0, 1)  # no hart sees the other's time far away


@pytest.mark.parametrize("pieces", [(1,), (50, 3), (777,)])
def test_pieces_with_harts_that_sleep_and_wake(engine: str, pieces: tuple[int, ...]) -> None:
    """Waking does not depend on how runs are cut."""
    whole, cut = (Guest(engine, IPI, harts=3) for _ in range(2))

    whole.run(6_000)
    cut.run(6_000, *pieces)

    assert whole.state() == cut.state()


def test_idle_needs_every_hart(engine: str) -> None:
    """The machine is idle only when all harts wait."""
    guest = Guest(engine, "bne a0, x0, sleep\nli t0, 1500\nl:\naddi t0, t0, -1\nbne t0, x0, l\nsleep:\nwfi", harts=2)

    assert guest.run(2000) == BudgetSpent()
    assert guest.run(10_000) == Idle()
    assert [hart.get("waiting") for hart in guest.machine.harts] == [1, 1]


def test_each_harts_timer(engine: str) -> None:
    """Each hart's timer interrupt comes at its own hart's exact time."""
    guest = Guest(
        engine,
        f"""
        la t0, handler
        csrrw x0, mtvec, t0
        li t1, {MTIMECMP}
        slli t2, a0, 3
        add t1, t1, t2
        slli t3, a0, 5
        addi t3, t3, 20
        sd t3, 0(t1)
        li t4, 128
        csrrw x0, mie, t4
        csrrsi x0, mstatus, 8
        jal x0, 0
    .align 4
    handler:
        csrrs s0, time, x0
        jal x0, 0
        """,
        harts=3,
    )

    guest.run(30 * TURN)

    assert [guest.x(8, hart) for hart in range(3)] == [20, 52, 84]


def test_only_some_harts(engine: str) -> None:
    """`only` freezes the others, and time goes on for those that run."""
    guest = Guest(engine, "loop:\naddi s0, s0, 1\njal x0, loop", harts=3)

    assert guest.machine.run(3 * TURN, only=frozenset({1})) == BudgetSpent()
    assert [hart.get("steps") for hart in guest.machine.harts] == [0, 3 * TURN, 0]
    assert guest.machine.steps == 3 * TURN
    assert guest.machine.run(100, only=frozenset({0, 2})) == BudgetSpent()
    assert [hart.get("steps") for hart in guest.machine.harts] == [100, 3 * TURN, 0]


def test_breakpoints_do_not_disturb_the_order(engine: str) -> None:
    """A debugger that stops at a breakpoint over and over, and steps over it, changes nothing about the run."""
    alone, watched = (Guest(engine, RACE, harts=2) for _ in range(2))
    alone.run(2500)
    place = watched.program["loop"] + 4
    watched.debug.insert_breakpoint(place)

    left = 2500
    while left:
        before = sum(hart.get("steps") for hart in watched.machine.harts)
        stop = watched.machine.run(left)
        if isinstance(stop, BreakpointHit) and left > sum(h.get("steps") for h in watched.machine.harts) - before:
            assert stop.address == place
            watched.machine.step(stop.hart)
        left -= sum(hart.get("steps") for hart in watched.machine.harts) - before
        if isinstance(stop, BudgetSpent):
            break

    assert alone.state() == watched.state()
