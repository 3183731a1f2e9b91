from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.stops import BudgetSpent, GuestExit, GuestReset, Idle, TrapLoop
from tests.helpers.machines import FINISHER, MTIME, MTIMECMP, Guest

TIMER = f"""
    la t0, handler
    csrrw x0, mtvec, t0
    li t1, {MTIMECMP}
    li t2, DUE
    sd t2, 0(t1)
    li t3, 128
    csrrw x0, mie, t3
    csrrsi x0, mstatus, 8
loop:
    addi s0, s0, 1
    jal x0, loop
.align 4
handler:
    csrrs s1, mepc, x0
    csrrs s2, cycle, x0
    jal x0, 0
"""


@pytest.mark.parametrize("due", [10, 11, 50])
@pytest.mark.parametrize("shift", [0, 2, 5])
def test_a_timer_interrupt_at_its_exact_step(engine: str, due: int, shift: int) -> None:
    """The first instruction not executed is the one at the first step whose mtime reaches mtimecmp."""
    guest = Guest(engine, TIMER.replace("DUE", str(due)), shift=shift)
    exact = -(-due * 100 // (1 << shift))  # a tick is 100 ns, a step is 2**shift ns

    guest.run(exact + 100)

    assert guest.x(18) == exact + 1  # one instruction of the handler before the reading one


@pytest.mark.parametrize("pieces", [(1,), (7, 3), (100,), (64, 1000)])
def test_pieces_of_a_run_with_a_timer(engine: str, pieces: tuple[int, ...]) -> None:
    """Where runs are cut does not move an interrupt."""
    whole, cut = (Guest(engine, TIMER.replace("DUE", "7")) for _ in range(2))

    whole.run(1000)
    cut.run(1000, *pieces)

    assert whole.state() == cut.state()


WAIT = f"""
    li t1, {MTIMECMP}
    li t2, 5000
    sd t2, 0(t1)
    li t3, 128
    csrrw x0, mie, t3
    wfi
    csrrs s0, time, x0
    li t2, -1
    sd t2, 0(t1)
    wfi
    addi s1, s1, 1
"""


def test_waiting_takes_no_time_to_run(engine: str) -> None:
    """When every hart waits, time passes at once to the next alarm; with none the machine is idle."""
    guest = Guest(engine, WAIT)

    stop = guest.run(10_000_000)

    assert guest.x(8) == 5000
    assert stop == Idle()
    assert guest.x(9) == 0


def test_time_that_passes_in_wfi_is_counted(engine: str) -> None:
    """A budget that ends while harts wait ends exactly there."""
    guest = Guest(engine, WAIT)

    assert guest.run(400_000) == BudgetSpent()
    assert guest.machine.steps == 400_000
    assert guest.csr("time") == 4000
    assert guest.run(100_000) == BudgetSpent()
    assert guest.machine.steps == 500_000
    assert guest.run(100_000) == Idle()


@pytest.mark.parametrize("shift", [0, 3, 10])
def test_icount_shift(engine: str, shift: int) -> None:
    """A step takes 2**shift nanoseconds, so `time` runs at that rate."""
    guest = Guest(engine, "loop:\ncsrrs s0, time, x0\njal x0, loop", shift=shift)

    guest.run(1001)

    assert guest.x(8) == (1000 << shift) // 100


@pytest.mark.parametrize("width", [4, 8])
def test_time_follows_a_write_to_mtime(engine: str, width: int) -> None:
    """The `time` CSR and the mtime register are one counter, also after a guest has set it."""
    store, load = ("sd", "ld") if width == 8 else ("sw", "lwu")
    guest = Guest(
        engine,
        f"""
        li t1, {MTIME}
        li t2, 1000000
        {store} t2, 0(t1)
        csrrs s0, time, x0
        {load} s1, 0(t1)
        li t3, 1000
    wait:
        addi t3, t3, -1
        bne t3, x0, wait
        csrrs s2, time, x0
        {load} s3, 0(t1)
        jal x0, 0
        """,
    )

    guest.run(2100)

    assert [guest.x(8), guest.x(9)] == [1_000_000] * 2
    assert guest.x(18) == guest.x(19) == 1_000_020
    assert guest.csr("time") == int.from_bytes(guest.debug.read_memory(0, MTIME, 8), "little") > 1_000_000
    guest.reset()
    assert guest.csr("time") == 0


def test_mtime_set_back(engine: str) -> None:
    """The register mtime may be set to less than it was; a comparison is made anew, and the alarm moves with it."""
    guest = Guest(
        engine,
        f"""
        la t0, handler
        csrrw x0, mtvec, t0
        li t1, {MTIMECMP}
        li t2, 50
        sd t2, 0(t1)
        li t1, {MTIME}
        li t2, 40
        sd t2, 0(t1)
        csrrs s0, mip, x0
        li t3, 128
        csrrw x0, mie, t3
        csrrsi x0, mstatus, 8
        jal x0, 0
    .align 4
    handler:
        csrrs s1, time, x0
        csrrs s2, cycle, x0
        jal x0, 0
        """,
    )

    guest.run(3000)

    assert guest.x(8) & 128 == 0
    assert guest.x(9) == 50
    assert 1000 <= guest.x(18) <= 1100


# How a guest ends.


@pytest.mark.parametrize(
    ("word", "stop"),
    [
        (0x5555, GuestExit(0)),
        (0x3333, GuestExit(0)),
        (3 << 16 | 0x3333, GuestExit(3)),
        (0xFFFF_3333, GuestExit(0xFFFF)),
        (0x7777, GuestReset()),
    ],
)
def test_the_finisher(engine: str, word: int, stop: object) -> None:
    """A store to the finisher ends the run at that instruction, with its code."""
    guest = Guest(engine, f"li t1, {FINISHER}\nli t2, {word}\nsw t2, 0(t1)\naddi s0, x0, 1\njal x0, 0")

    assert guest.run(1000) == stop
    assert guest.x(8) == 0
    guest.run(1)
    assert guest.x(8) == 1


def test_reset(engine: str) -> None:
    """A reset leads to the same run as the first power-on."""
    guest = Guest(engine, TIMER.replace("DUE", "7"))
    guest.run(900)
    first = guest.state()
    guest.reset()
    assert guest.machine.steps == 0
    assert guest.csr("time") == guest.csr("mcycle") == 0

    guest.run(900)

    assert guest.state() == first


def test_a_trap_loop_is_reported_each_time(engine: str) -> None:
    """A hart that can only trap to itself stops the run, with where and why; going on finds it again."""
    guest = Guest(engine, "ecall")

    for _ in range(2):
        assert guest.run(1000) == TrapLoop(0, 0, 1, 0)


def test_exact_budgets(engine: str) -> None:
    """Machine time and steps follow the budget exactly."""
    guest = Guest(engine, "loop:\naddi s0, s0, 1\njal x0, loop")
    total = 0
    for budget in (0, 1, 2, 17, 1000):
        assert guest.run(budget) == BudgetSpent()
        total += budget
        assert guest.machine.steps == guest.machine.harts[0].get("steps") == total
    assert guest.debug.read_pc(0) == RAM_BASE
