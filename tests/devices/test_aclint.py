"""ACLINT: software interrupts and timer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.clock import Clock
from emulator.devices.aclint import Mswi, Mtimer
from emulator.devices.interrupts import MSIP, MTIP
from emulator.errors import BusFault
from tests.devices.wires import Harts

NEVER = (1 << 64) - 1


def make_timer(harts: int = 2) -> tuple[Mtimer, Clock, Harts]:
    """A timer that has been reset, with every comparison parked at its highest value."""
    clock, lines = Clock(), Harts()
    timer = Mtimer(harts, clock, lines)
    timer.reset()
    for hart in range(harts):
        timer.store(8 * hart, 8, NEVER)
    return timer, clock, lines


def test_software_interrupt_follows_bit_zero() -> None:
    """Each hart has a register whose lowest bit is its line; other bits stay zero."""
    lines = Harts()
    mswi = Mswi(2, lines)
    mswi.store(4, 4, 0xFFFF_FFFF)
    assert lines.high == {(1, MSIP)}
    assert [mswi.load(0, 4), mswi.load(4, 4)] == [0, 1]
    assert mswi.peek(3, 3) == b"\0\1\0"
    mswi.store(4, 4, 0xFFFF_FFFE)
    assert lines.high == set()


def test_registers_of_absent_harts_read_zero() -> None:
    """Beyond the last hart stores go nowhere."""
    lines = Harts()
    mswi = Mswi(1, lines)
    mswi.store(4, 4, 1)
    assert mswi.load(4, 4) == 0
    assert lines.high == set()


def test_software_interrupts_end_with_reset() -> None:
    """A reset lowers every line."""
    lines = Harts()
    mswi = Mswi(2, lines)
    mswi.store(0, 4, 1)
    mswi.reset()
    assert lines.high == set()
    assert mswi.load(0, 4) == 0


@pytest.mark.parametrize("width", [1, 2, 8])
def test_software_interrupt_registers_are_words(width: int) -> None:
    """Other widths are not answered."""
    mswi = Mswi(1, Harts())
    with pytest.raises(BusFault):
        mswi.load(0, width)
    with pytest.raises(BusFault):
        mswi.store(0, width, 1)


def test_timer_is_pending_after_reset() -> None:
    """As in QEMU, mtime and mtimecmp are both zero, so every hart's timer interrupt is pending."""
    clock, lines = Clock(), Harts()
    Mtimer(2, clock, lines).reset()
    assert lines.high == {(0, MTIP), (1, MTIP)}


def test_timer_lines_return_when_harts_forgot_them() -> None:
    """Harts that come out of reset after the board get the level when time starts."""
    clock, lines = Clock(), Harts()
    Mtimer(1, clock, lines).reset()
    lines.high.clear()
    clock.advance(0)
    assert lines.high == {(0, MTIP)}


def test_timer_fires_at_its_tick() -> None:
    """The line rises at the tick at which mtime reaches mtimecmp, not before."""
    timer, clock, lines = make_timer()
    timer.store(8, 8, 100)
    assert clock.next_deadline() == 100
    clock.advance(99)
    assert lines.high == set()
    clock.advance(100)
    assert lines.high == {(1, MTIP)}
    assert clock.next_deadline() is None


def test_a_later_comparison_lowers_the_line() -> None:
    """Writing mtimecmp beyond mtime takes the interrupt back at once."""
    timer, clock, lines = make_timer(1)
    clock.advance(50)
    timer.store(0, 8, 50)
    assert lines.high == {(0, MTIP)}
    timer.store(0, 8, 51)
    assert lines.high == set()
    assert clock.next_deadline() == 51


def test_a_comparison_that_never_comes_arms_nothing() -> None:
    """The highest value, with which software switches the timer off, is not waited for."""
    _, clock, _ = make_timer()
    assert clock.next_deadline() is None


def test_comparison_by_halves() -> None:
    """Two 32-bit stores make one mtimecmp; the half that is not written stays."""
    timer, _, _ = make_timer(1)
    timer.store(4, 4, 0x1234_5678)
    timer.store(0, 4, 0x9ABC_DEF0)
    assert timer.load(0, 8) == 0x1234_5678_9ABC_DEF0
    assert timer.load(0, 4) == 0x9ABC_DEF0
    assert timer.load(4, 4) == 0x1234_5678


def test_mtime_can_be_set() -> None:
    """A write to mtime moves it, and with it what the comparisons see."""
    timer, clock, lines = make_timer(1)
    timer.store(0, 8, 1000)
    clock.advance(10)
    timer.store(Mtimer.MTIME, 8, 990)
    assert timer.load(Mtimer.MTIME, 8) == 990
    assert clock.next_deadline() == 20
    clock.advance(20)
    assert timer.now() == 1000
    assert lines.high == {(0, MTIP)}
    timer.store(Mtimer.MTIME, 4, 0)
    assert timer.now() == 0
    assert lines.high == set()


def test_reset_forgets_a_moved_mtime() -> None:
    """After a reset, time is the clock's again."""
    timer, clock, _ = make_timer(1)
    timer.store(Mtimer.MTIME, 8, 1 << 40)
    timer.reset()
    clock.advance(7)
    assert timer.now() == 7


def test_absent_timer_registers_read_zero() -> None:
    """Between the last mtimecmp and mtime there is nothing."""
    timer, _, _ = make_timer(1)
    timer.store(8, 8, 5)
    assert timer.load(8, 8) == 0


@pytest.mark.parametrize("width", [1, 2])
def test_timer_registers_are_words_or_doubles(width: int) -> None:
    """Narrow accesses are not answered."""
    timer, _, _ = make_timer(1)
    with pytest.raises(BusFault):
        timer.load(0, width)
    with pytest.raises(BusFault):
        timer.store(0, width, 0)


@given(now=st.integers(0, 1 << 62), compare=st.integers(0, NEVER), moved=st.none() | st.integers(0, NEVER))
def test_pending_means_time_has_come(now: int, compare: int, moved: int | None) -> None:
    """Whatever is written in whatever order, the line is high exactly if mtime >= mtimecmp."""
    timer, clock, lines = make_timer(1)
    clock.advance(now)
    timer.store(0, 8, compare)
    if moved is not None:
        timer.store(Mtimer.MTIME, 8, moved)
    mtime = now if moved is None else moved
    assert ((0, MTIP) in lines.high) == (mtime >= compare)
    assert timer.peek(Mtimer.MTIME, 8) == mtime.to_bytes(8, "little")
