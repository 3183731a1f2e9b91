"""The built-in guests and the tour of them: `scripts/demo`, `rvgdb demo`, or `python -m rvgdb.demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

GUEST: Final = Path(__file__).with_name("guest.elf")
"""The built-in guest, `guests/demo` in the repository: machine mode, entered at 0x80000000 with `-bios none`."""

MASKED: Final = Path(__file__).with_name("masked.elf")
"""The guest of KVM's that masks its pointers, `guests/kvm/tour.c`: entered in VS-mode, with `-accel kvm`."""

__all__ = ["GUEST", "MASKED"]
