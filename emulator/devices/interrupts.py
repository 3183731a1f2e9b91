"""How devices reach the harts' interrupt-pending bits (privileged manual, "Machine Interrupt Registers")."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

MSIP = 3
"""Machine software interrupt, driven by MSWI."""

MTIP = 7
"""Machine timer interrupt, driven by MTIMER."""

SEIP = 9
"""Supervisor external interrupt, driven by the PLIC."""

MEIP = 11
"""Machine external interrupt, driven by the PLIC."""

HartLines: TypeAlias = Callable[[int, int, bool], None]
"""Wires into the harts: call with hart index, bit of `mip`, level."""
