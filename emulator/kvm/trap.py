"""A trap out of a guest, as the hart tells it to the hypervisor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from emulator.hart.fields import Cause

GUEST_FAULTS: Final = {
    Cause.FETCH_GUEST_PAGE: Cause.FETCH_ACCESS,
    Cause.LOAD_GUEST_PAGE: Cause.LOAD_ACCESS,
    Cause.STORE_GUEST_PAGE: Cause.STORE_ACCESS,
}
"""Guest page faults, and the access faults of the same kinds of access."""


@dataclass(frozen=True, slots=True)
class Trap:
    """A trap that came out of a guest.

    Attributes:
        cause: `scause`.
        tval: `stval`.
        htval: The guest physical address of a guest page fault, shifted right by 2.
        tinst: `htinst`: the load or store that faulted, transformed; 0 for none.
    """

    cause: int
    tval: int
    htval: int
    tinst: int

    @property
    def address(self) -> int:
        """The guest physical address of a guest page fault."""
        return self.htval << 2 | self.tval & 3
