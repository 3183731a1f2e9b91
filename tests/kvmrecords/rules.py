"""What is not replayed, by named rule, and what varies from run to run."""

from __future__ import annotations

from typing import Final

from emulator.kvm.one_reg import IDS
from tests.kvmrecords.record import Line, integer

VECTOR_TYPE: Final = 9


def skip_rule(line: Line) -> str | None:
    """The rule by which a line is not replayed, None if it is."""
    if "list" in line and integer(line["list"]) >> 24 & 0xFF == VECTOR_TYPE:
        return "V: the machine has no vector registers"
    if "probe" in line or "fwft_pm_after" in line:
        return "a guest has to run"
    return None


def varies(line: Line, field: str) -> bool:
    """Whether a field holds a time, which is another one in every run."""
    if line.get("list") == f"{IDS['timer.time']:#x}":
        return field == "value"
    return line.get("timer") == 1 and field == "v"
