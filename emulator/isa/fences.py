"""What SFENCE.VMA and its kin do to cached translations (manual volume II, "Supervisor Memory-Management Fence")."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.isa.domain import Execution, Value


def drop_translations(x: Execution, guest: Value) -> None:
    """What a fence with the operands rs1 (an address, unless it is x0) and rs2 orders, at V = `guest`."""
    for _ in x.when(x.eq(x.rs1_number, 0)):
        x.flush_space(guest)
    for _ in x.when(x.ne(x.rs1_number, 0)):
        x.flush_page(x.rs1, guest)
