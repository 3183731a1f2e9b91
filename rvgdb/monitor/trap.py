"""`trap`: the last traps of the hart, decoded."""

from __future__ import annotations

from emulator.hart.fields import INTERRUPT_BIT, Cause
from emulator.hart.layouts import cause_name
from emulator.hart.modes import MODE_NAMES
from emulator.hart.traplog import TrapRecord
from rvgdb.monitor.command import Command, MonitorError, Scene

GUEST_FAULTS = (Cause.FETCH_GUEST_PAGE, Cause.LOAD_GUEST_PAGE, Cause.STORE_GUEST_PAGE)

PSEUDO = {
    0x2000: "a 32-bit read",
    0x2020: "a 32-bit write",
    0x3000: "a read",
    0x3020: "a write",
}
"""`htinst` of an implicit access to a VS-stage page table (manual volume II, "Transformed Instruction or
Pseudoinstruction for mtinst or htinst")."""


def describe(record: TrapRecord) -> str:
    """A trap on one line."""
    code = record.cause & ~INTERRUPT_BIT
    words = [
        (
            f"#{record.index} step {record.step}: {MODE_NAMES[record.source]} to {MODE_NAMES[record.target]}: "
            f"{cause_name(record.cause)} ({code}), pc {record.pc:#x}"
        )
    ]
    if not record.cause & INTERRUPT_BIT:
        words.append(f"tval {record.tval:#x}")
    if record.cause in GUEST_FAULTS:
        low = 0 if record.tinst in PSEUDO else record.tval & 3  # of an entry's address these bits are 0
        words.append(f"guest-physical {record.tval2 << 2 | low:#x}")
    if record.tinst in PSEUDO:
        words.append(f"tinst {record.tinst:#x} ({PSEUDO[record.tinst]} of a VS-stage page-table entry)")
    elif record.tinst:
        words.append(f"tinst {record.tinst:#x}")
    return ", ".join(words) + "\n"


def trap(scene: Scene, rest: str) -> str:
    """The last traps, oldest first; as many as asked for, of those that the hart remembers.

    Raises:
        MonitorError: When the count is none.
    """
    if rest and not (rest.isascii() and rest.isdigit() and int(rest)):
        raise MonitorError(f"'{rest}' is no number of traps; 'trap' alone shows all that the hart remembers")
    records = scene.target.debug.traps(scene.hart)
    shown = records[-int(rest) :] if rest else records
    return "".join(map(describe, shown)) or "no trap since the reset\n"


COMMAND = Command(("trap",), "[count]", "show the last traps of the hart, decoded", trap)
