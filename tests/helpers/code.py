"""Instructions that tests look for in a guest or write into it, as they lie in memory (little-endian)."""

from __future__ import annotations

from typing import Final

MRET: Final = bytes.fromhex("73002030")
SRET: Final = bytes.fromhex("73002010")
ECALL: Final = bytes.fromhex("73000000")
WFI: Final = bytes.fromhex("73005010")

SPIN: Final = bytes.fromhex("01a0")
"""`c.j .`: busy for ever, two bytes, so that it fits over any instruction."""

SLEEP: Final = bytes.fromhex("73005010 f5bf")
"""`wfi` and `c.j .-4`: waits for an interrupt for ever."""
