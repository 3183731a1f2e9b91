"""The built-in guest and its walk-through: `scripts/demo`, or `python -m rvgdb.demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

GUEST: Final = Path(__file__).with_name("guest.elf")
"""The built-in guest, `guests/demo` in the repository: machine mode, entered at 0x80000000 with `-bios none`."""

__all__ = ["GUEST"]
