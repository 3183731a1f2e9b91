"""The last traps of a hart, kept in its state by the routine that takes them, for whoever looks later.

A trap costs eight stores more than it must; so the log is there when somebody first asks, which is after the fact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.hart.fields import INTERRUPT_BIT
from emulator.hart.modes import current_mode
from emulator.hart.state import TRAP_WORDS, TRAPS_KEPT

if TYPE_CHECKING:
    from emulator.hart.block import HartBlock
    from emulator.isa.domain import Domain, Value


@dataclass(frozen=True, slots=True)
class TrapRecord:
    """A trap that was taken.

    Attributes:
        index: How many traps the hart had taken before.
        step: The hart's step that ended in it, or before which an interrupt was taken.
        source: The mode that the hart was in (`emulator.hart.modes`).
        target: The mode that it went on in.
        pc: The trapped instruction, or the one that an interrupt came before.
        cause: As `mcause` has it.
        tval: As `mtval` has it.
        tval2: As `mtval2` has it: of a guest-page fault the guest-physical address, shifted right by 2.
        tinst: As `mtinst` has it.
    """

    index: int
    step: int
    source: int
    target: int
    pc: int
    cause: int
    tval: int
    tval2: int
    tinst: int


def note_trap(d: Domain, source: Value, pc: Value, cause: Value, tval: Value) -> None:
    """Keep a trap that was just taken from the mode `source`, as `emulator.hart.modes` numbers it."""
    count = d.get("trap_count")
    at = d.shl(d.and_(count, TRAPS_KEPT - 1), TRAP_WORDS.bit_length() - 1)
    exception = d.eq(d.and_(cause, INTERRUPT_BIT), 0)
    tval2 = d.select(exception, d.get("trap_tval2"), 0)
    tinst = d.select(exception, d.get("trap_tinst"), 0)
    for word, value in enumerate((d.now(), source, current_mode(d), pc, cause, tval, tval2, tinst)):
        d.put("trap_log", value, d.add(at, word))
    d.put("trap_count", d.add(count, 1))


def last_traps(hart: HartBlock) -> tuple[TrapRecord, ...]:
    """The traps that a hart remembers, oldest first."""
    count = hart.get("trap_count")
    records = []
    for index in range(max(0, count - TRAPS_KEPT), count):
        at = index % TRAPS_KEPT * TRAP_WORDS
        records.append(TrapRecord(index, *(hart.get("trap_log", at + word) for word in range(TRAP_WORDS))))
    return tuple(records)
