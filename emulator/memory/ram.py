"""Host memory behind the guest's: RAM and the boot ROM in one mapping, so that compiled code needs one base pointer."""

from __future__ import annotations

import ctypes
import mmap
from typing import Final

from emulator.errors import ConfigError

MAP_NORESERVE: Final = 0x4000
"""Linux: do not count the mapping against the commit limit; pages appear when they are first touched."""


class Mapping:
    """An anonymous, zeroed, lazily backed piece of host memory that compiled code can reach by address."""

    def __init__(self, size: int, *, executable: bool = False) -> None:
        protection = mmap.PROT_READ | mmap.PROT_WRITE | (mmap.PROT_EXEC if executable else 0)
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
        try:
            self._map = mmap.mmap(-1, size, flags=flags, prot=protection)
        except (OSError, ValueError, OverflowError) as error:
            raise ConfigError(f"the host gives no {size} bytes of memory: {error}") from error
        self.view = memoryview(self._map)
        self._anchor = ctypes.c_char.from_buffer(self._map)
        self.address = ctypes.addressof(self._anchor)

    def __len__(self) -> int:
        return len(self.view)


class Backing:
    """RAM, and right behind it the boot ROM.

    Attributes:
        ram: The RAM's bytes.
        rom: The ROM's bytes, writable for who fills it.
        address: Host address of the first RAM byte.
        rom_base: Physical address of the ROM.
    """

    def __init__(self, ram_size: int, rom_base: int, rom_size: int) -> None:
        self._mapping = Mapping(ram_size + rom_size)
        self.ram = self._mapping.view[:ram_size]
        self.rom = self._mapping.view[ram_size:]
        self.bytes = self._mapping.view
        self.address = self._mapping.address
        self.rom_base = rom_base
