"""The test finisher."""

from __future__ import annotations

import pytest

from emulator.devices.finisher import Finisher
from emulator.errors import BusFault
from emulator.stops import GuestExit, GuestReset, Stop


@pytest.mark.parametrize(
    ("value", "stop"),
    [
        (0x5555, GuestExit(0)),
        (0x3333, GuestExit(0)),
        (0x0007_3333, GuestExit(7)),
        (0x0007_5555, GuestExit(7)),
        (0xFFFF_3333, GuestExit(0xFFFF)),
        (0x7777, GuestReset()),
        (0x0001_7777, GuestReset()),
        (0, None),
        (0x1234, None),
    ],
)
def test_commands(value: int, stop: Stop | None) -> None:
    """The exit codes are those of QEMU 10 and later, where a pass carries a code too."""
    stops: list[Stop] = []
    Finisher(stops.append).store(0, 4, value)
    assert stops == ([] if stop is None else [stop])


def test_half_word_store_has_no_code() -> None:
    """A 16-bit store gives the command alone."""
    stops: list[Stop] = []
    Finisher(stops.append).store(0, 2, 0x5555)
    assert stops == [GuestExit(0)]


def test_only_the_first_register_acts() -> None:
    """A store elsewhere in the device does nothing, and everything reads zero."""
    stops: list[Stop] = []
    finisher = Finisher(stops.append)
    finisher.store(4, 4, 0x5555)
    assert finisher.load(0, 4) == 0
    assert finisher.peek(0, 6) == bytes(6)
    finisher.reset()
    assert stops == []


@pytest.mark.parametrize("width", [1, 8])
def test_widths_as_qemu(width: int) -> None:
    """Bytes and double words are not answered."""
    finisher = Finisher(lambda _: None)
    with pytest.raises(BusFault):
        finisher.load(0, width)
    with pytest.raises(BusFault):
        finisher.store(0, width, 0x5555)
