"""Who answers at which physical address. Addresses belong to the bus; a device knows only offsets into itself."""

from __future__ import annotations

from bisect import bisect_right
from typing import Protocol, runtime_checkable

from emulator.errors import BusFault, ConfigError
from emulator.memory.device import Device


@runtime_checkable
class Peekable(Protocol):
    """A device that a debugger can look at without disturbing it."""

    def peek(self, offset: int, length: int) -> bytes:
        """The bytes that loads would give, with none of their side effects; `BusFault` where nothing is."""
        ...


class Bus:
    """Routes physical loads and stores to devices.

    Accesses are naturally aligned and lie inside one device, as QEMU demands of device memory; everything else is a
    `BusFault`, which the hart turns into an access fault.
    """

    def __init__(self) -> None:
        self._bases: list[int] = []
        self._devices: list[Device] = []

    def attach(self, base: int, device: Device) -> None:
        """Let `device` answer from physical address `base` on.

        Raises:
            ConfigError: If some of its span is taken.
        """
        index = bisect_right(self._bases, base)
        before = index - 1
        taken = before >= 0 and self._bases[before] + self._devices[before].size > base
        if taken or (index < len(self._bases) and base + device.size > self._bases[index]):
            raise ConfigError(f"{type(device).__name__} at {base:#x} overlaps another device")
        self._bases.insert(index, base)
        self._devices.insert(index, device)

    @property
    def devices(self) -> tuple[tuple[int, Device], ...]:
        """Base address and device, in ascending order of address."""
        return tuple(zip(self._bases, self._devices, strict=True))

    def load(self, address: int, width: int) -> int:
        """Read `width` bytes (1, 2, 4 or 8), little-endian, with the side effects of a guest's load.

        Raises:
            BusFault: If nothing answers there, or not with that width or alignment.
        """
        base, device = self._claimant(address, width)
        try:
            return device.load(address - base, width)
        except BusFault:
            raise BusFault(address, width) from None

    def store(self, address: int, width: int, value: int) -> None:
        """Write the low `width` bytes of `value`.

        Raises:
            BusFault: If nothing answers there, or not with that width or alignment.
        """
        base, device = self._claimant(address, width)
        try:
            device.store(address - base, width, value & ((1 << (8 * width)) - 1))
        except BusFault:
            raise BusFault(address, width) from None

    def peek(self, address: int, length: int) -> bytes:
        """What a debugger sees at `address`, without side effects.

        Returns:
            `length` bytes, or fewer if the device ends before.

        Raises:
            BusFault: If no device is there, or it does not offer to be looked at.
        """
        base, device = self._find(address, length)
        if not isinstance(device, Peekable):
            raise BusFault(address, length)
        try:
            return device.peek(address - base, min(length, base + device.size - address))
        except BusFault:
            raise BusFault(address, length) from None

    def reset(self) -> None:
        """Return every device to its power-on state."""
        for device in self._devices:
            device.reset()

    def _find(self, address: int, width: int) -> tuple[int, Device]:
        index = bisect_right(self._bases, address) - 1
        if index < 0 or address >= self._bases[index] + self._devices[index].size:
            raise BusFault(address, width)
        return self._bases[index], self._devices[index]

    def _claimant(self, address: int, width: int) -> tuple[int, Device]:
        base, device = self._find(address, width)
        if address % width or address + width > base + device.size:
            raise BusFault(address, width)
        return base, device
