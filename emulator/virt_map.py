"""Where things are on QEMU's `virt` board: physical addresses and interrupt numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Region:
    """A span of physical addresses as the device tree shows it; the device inside may be smaller."""

    base: int
    size: int


ROM = Region(0x1000, 0xF000)
TEST = Region(0x10_0000, 0x1000)
RTC = Region(0x10_1000, 0x1000)
CLINT = Region(0x200_0000, 0x1_0000)
PLIC = Region(0xC00_0000, 0x60_0000)
UART = Region(0x1000_0000, 0x100)
RAM_BASE = 0x8000_0000

MTIMER_OFFSET = 0x4000
"""MTIMER follows MSWI in the CLINT's region."""

UART_IRQ = 10
RTC_IRQ = 11

UART_CLOCK = 3_686_400
"""Input clock of the serial port's divisor, in hertz."""
