"""The bus: who answers where."""

from __future__ import annotations

import pytest

from emulator.devices.rom import Rom
from emulator.errors import BusFault, ConfigError
from emulator.memory.bus import Bus


class Scratch:
    """A device of eight bytes that answers words only and cannot be looked at."""

    size = 8

    def __init__(self) -> None:
        self.stores: list[tuple[int, int, int]] = []
        self.resets = 0

    def load(self, offset: int, width: int) -> int:
        """Tell the offset."""
        if width != 4:
            raise BusFault(offset, width)
        return 0x1000 + offset

    def store(self, offset: int, width: int, value: int) -> None:
        """Remember the store."""
        if width != 4:
            raise BusFault(offset, width)
        self.stores.append((offset, width, value))

    def reset(self) -> None:
        """Count the resets."""
        self.resets += 1


def test_offsets_are_relative_to_the_device() -> None:
    """A device sees offsets into itself, whatever its address."""
    bus, device = Bus(), Scratch()
    bus.attach(0x5000, device)
    assert bus.load(0x5004, 4) == 0x1004
    bus.store(0x5000, 4, 0x1_2345_6789)
    assert device.stores == [(0, 4, 0x2345_6789)]


@pytest.mark.parametrize(
    ("address", "width"),
    [(0x4FFC, 4), (0x5008, 4), (0x5006, 4), (0x5002, 4), (0x5000, 2), (0, 8), (1 << 64, 1)],
)
def test_faults_name_the_physical_address(address: int, width: int) -> None:
    """Nothing there, across the end, misaligned or the wrong width: the fault carries address and width."""
    bus = Bus()
    bus.attach(0x5000, Scratch())
    for access in (lambda: bus.load(address, width), lambda: bus.store(address, width, 0)):
        with pytest.raises(BusFault) as fault:
            access()
        assert (fault.value.address, fault.value.width) == (address, width)


@pytest.mark.parametrize(
    ("base", "fits"), [(0x4FF8, True), (0x4FF9, False), (0x5000, False), (0x5007, False), (0x5008, True)]
)
def test_overlap_is_refused(base: int, fits: bool) -> None:
    """Two devices may touch but not overlap, whichever comes first."""
    bus = Bus()
    bus.attach(0x5000, Scratch())
    if fits:
        bus.attach(base, Scratch())
        assert len(bus.devices) == 2
    else:
        with pytest.raises(ConfigError, match="overlaps"):
            bus.attach(base, Scratch())


def test_peek_needs_a_device_that_offers_it() -> None:
    """A debugger sees a device's bytes up to its end, and none of a device that cannot be looked at."""
    bus = Bus()
    bus.attach(0x1000, Rom(memoryview(bytes(range(16)))))
    bus.attach(0x5000, Scratch())
    assert bus.peek(0x1002, 3) == b"\x02\x03\x04"
    assert bus.peek(0x100C, 100) == b"\x0c\x0d\x0e\x0f"
    for nothing in (0x5000, 0x1010, 0):
        with pytest.raises(BusFault):
            bus.peek(nothing, 1)


def test_reset_reaches_every_device() -> None:
    """A reset of the bus is a reset of all that is on it."""
    bus, devices = Bus(), (Scratch(), Scratch())
    for at, device in enumerate(devices):
        bus.attach(0x1000 * at, device)
    bus.reset()
    assert [device.resets for device in devices] == [1, 1]


def test_rom_discards_stores() -> None:
    """A store to ROM is no fault and changes nothing."""
    content = bytearray(range(8))
    bus = Bus()
    bus.attach(0x1000, Rom(memoryview(content)))
    bus.store(0x1000, 8, 0)
    assert bus.load(0x1000, 4) == 0x03020100
    assert bus.load(0x1000, 8) == 0x0706_0504_0302_0100
