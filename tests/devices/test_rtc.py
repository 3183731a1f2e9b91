"""The Goldfish real-time clock."""

from __future__ import annotations

import pytest

from emulator.clock import Clock
from emulator.devices.rtc import Register, Rtc
from emulator.errors import BusFault
from tests.devices.wires import Wire

EPOCH = 1_700_000_000_000_000_000


def make_rtc() -> tuple[Rtc, Clock, Wire]:
    """A clock that starts at `EPOCH`."""
    clock, wire = Clock(), Wire()
    return Rtc(EPOCH, clock, wire), clock, wire


def read_time(rtc: Rtc) -> int:
    """Nanoseconds since 1970, read as a driver reads them."""
    low = rtc.load(Register.TIME_LOW, 4)
    return rtc.load(Register.TIME_HIGH, 4) << 32 | low


def set_alarm(rtc: Rtc, time: int) -> None:
    """Arm the alarm, as a driver does."""
    rtc.store(Register.ALARM_HIGH, 4, time >> 32)
    rtc.store(Register.ALARM_LOW, 4, time & 0xFFFF_FFFF)


def test_time_follows_the_machine() -> None:
    """A tick of the machine's clock is 100 ns."""
    rtc, clock, _ = make_rtc()
    assert read_time(rtc) == EPOCH
    clock.advance(12_345)
    assert read_time(rtc) == EPOCH + 1_234_500


def test_upper_half_is_latched() -> None:
    """The upper half belongs to the lower half read last, however late it is read."""
    rtc, clock, _ = make_rtc()
    rtc.load(Register.TIME_LOW, 4)
    clock.advance(1 << 40)
    assert rtc.load(Register.TIME_HIGH, 4) == EPOCH >> 32


def test_time_can_be_set() -> None:
    """A guest may set the clock; it goes on from there."""
    rtc, clock, _ = make_rtc()
    rtc.store(Register.TIME_HIGH, 4, 5)
    rtc.store(Register.TIME_LOW, 4, 6)
    clock.advance(1)
    assert read_time(rtc) == (5 << 32) + 106


def test_alarm_interrupts_when_enabled() -> None:
    """The alarm goes off at the first tick that reaches it, and stays until cleared."""
    rtc, clock, wire = make_rtc()
    rtc.store(Register.IRQ_ENABLED, 4, 1)
    set_alarm(rtc, EPOCH + 950)
    assert rtc.load(Register.ALARM_STATUS, 4) == 1
    clock.advance(9)
    assert not wire.high
    clock.advance(10)
    assert wire.high
    assert rtc.load(Register.ALARM_STATUS, 4) == 0
    rtc.store(Register.CLEAR_INTERRUPT, 4, 1)
    assert not wire.high


def test_alarm_in_the_past_goes_off_at_once() -> None:
    """There is nothing to wait for."""
    rtc, _, wire = make_rtc()
    rtc.store(Register.IRQ_ENABLED, 4, 1)
    set_alarm(rtc, EPOCH - 1)
    assert wire.high


@pytest.mark.parametrize("far", [False, True])
def test_alarm_can_be_cleared(far: bool) -> None:
    """A cleared alarm does not go off; one beyond all time is not waited for."""
    rtc, clock, wire = make_rtc()
    rtc.store(Register.IRQ_ENABLED, 4, 1)
    set_alarm(rtc, (1 << 64) - 1 if far else EPOCH + 1000)
    rtc.store(Register.CLEAR_ALARM, 4, 1)
    clock.advance(1 << 50)
    assert not wire.high


def test_reset_disarms() -> None:
    """After a reset no alarm is pending and interrupts are off."""
    rtc, clock, wire = make_rtc()
    rtc.store(Register.IRQ_ENABLED, 4, 1)
    set_alarm(rtc, EPOCH + 1000)
    rtc.reset()
    clock.advance(1000)
    assert not wire.high
    assert rtc.load(Register.IRQ_ENABLED, 4) == 0


def test_peek_latches_nothing() -> None:
    """A debugger's look at the time leaves the latch alone."""
    rtc, _, _ = make_rtc()
    assert rtc.peek(0, 8) == (EPOCH & 0xFFFF_FFFF).to_bytes(4, "little") + bytes(4)
    assert rtc.load(Register.TIME_HIGH, 4) == 0


@pytest.mark.parametrize("width", [1, 2, 8])
def test_registers_are_words(width: int) -> None:
    """Other widths are not answered."""
    rtc, _, _ = make_rtc()
    with pytest.raises(BusFault):
        rtc.load(0, width)
    with pytest.raises(BusFault):
        rtc.store(0, width, 0)
