"""Where a random program's parts lie, and which registers it keeps for itself."""

from __future__ import annotations

from typing import Final

RAM_BASE: Final = 0x8000_0000
RAM_SIZE: Final = 0x4_0000

MACHINE_HANDLER: Final = RAM_BASE
SUPERVISOR_HANDLER: Final = RAM_BASE + 0x800
GUEST_HANDLER: Final = RAM_BASE + 0xC00
"""VS-mode's, on a hart with H."""
CODE: Final = RAM_BASE + 0x1000
CODE_SIZE: Final = 0x7000
"""Handlers and code are one naturally aligned range of 32 KiB, so that one PMP entry can keep them executable."""
DATA: Final = RAM_BASE + 0x8000
DATA_SIZE: Final = 0x8000
"""What programs load, store, execute and protect at random."""
TOHOST: Final = RAM_BASE + 0x1_0000
POOL: Final = RAM_BASE + 0x1_1000
"""Initial values of the registers."""
PRELUDE: Final = RAM_BASE + 0x1_2000
"""Only Spike begins here: it has a timer that must be silenced."""
HOST_TABLE: Final = RAM_BASE + 0x1_3000
"""HS-mode's page table, where guests have some too."""
TABLES: Final = RAM_BASE + 0x2_0000
TABLES_SIZE: Final = 0x2_0000
"""Page tables, of groups that have them."""
SPIKE_MTIMECMP: Final = 0x0200_4000
RAM_END: Final = RAM_BASE + RAM_SIZE

BEHIND_DEVICES: Final = 1 << 29
"""A bit that keeps an address out of the low ones, where Spike has devices."""
UNMAPPED: Final = (0x4000_0000, 0x5FFF_FFF8, RAM_END, RAM_END + 0x800, 0x1_0000_0000, 1 << 40, (1 << 63) + 8)
"""Physical addresses where neither machine has anything."""

BASES: Final = (2, 3, 8, 9)
"""Registers that hold addresses in `DATA`; random instructions do not write them."""
COUNTER: Final = 27
"""Counts the turns of a loop."""
RAISE: Final = 28
"""Not zero while a trap is meant to end in M-mode."""
RESUME: Final = 29
"""Where to go on after an exception: the end of the block."""
SCRATCH: Final = (30, 31)
"""The trap handlers' own."""

KEPT: Final = frozenset({*BASES, COUNTER, RAISE, RESUME, *SCRATCH})
TARGETS: Final = tuple(number for number in range(32) if number not in KEPT)
"""Registers that random instructions write; x0 among them."""
