"""Regions of memory: known where addresses are physical."""

from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from rvgdb.target.api import TargetError
from rvgdb.target.machine import Region, Target
from tests.helpers.machines import Guest

SATP, VSATP, HGATP = 0x180, 0x280, 0x680
SV39 = 8 << 60
RAM = Region("ram", RAM_BASE, 4 << 20)


@pytest.mark.parametrize(
    ("mode", "base", "translates"),
    [
        (3, SATP, False),
        (1, SATP, True),
        (0, SATP, True),
        (1, VSATP, False),
        (5, SATP, False),
        (5, VSATP, True),
        (4, HGATP, True),
    ],
)
def test_only_of_physical_addresses(mode: int, base: int, *, translates: bool) -> None:
    """A mode that translates by the register that is set has none to tell of."""
    guest = Guest("compiled", "jal x0, 0")
    guest.debug.write_csr(0, base, SV39)
    guest.debug.write_priv(0, mode)
    documents = Target(guest.machine, (RAM,)).documents
    if translates:
        with pytest.raises(TargetError, match="translates addresses"):
            documents.region(0, RAM_BASE)
    else:
        assert documents.region(0, RAM_BASE + 5) == RAM
