"""What is not replayed, by named rule; which bits are not compared; what varies from run to run.

The machine has no vector unit, no AIA, no performance counters and no control-flow integrity; the recorded host had.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from emulator.kvm.one_reg import IDS
from tests.kvmrecords.line import Line, integer

VECTOR_TYPE: Final = 9
NO_V: Final = "V: the machine has no vector unit"
NO_AIA: Final = "AIA: the machine has no advanced interrupt architecture"
NO_PMU: Final = "PMU: the machine has no performance counters"
UNKNOWN_CALL: Final = "the record leaves out which call was made"

PMU_CALL: Final = "sbi ext=0x504d55 "

SKIPPED_CSRS: Final = {
    **dict.fromkeys((0x008, 0x009, 0x00A, 0x00F, 0xC20, 0xC21, 0xC22), NO_V),
    **dict.fromkeys((0x150, 0x151, 0x15C, 0xDB0), NO_AIA),
}
"""CSRs that the recorded guest had and a guest here has not, or the other way round."""


@dataclass(frozen=True)
class Bits:
    """Bits of a CSR that belong to what the machine does not have.

    Attributes:
        mask: The bits.
        rule: Whose.
    """

    mask: int
    rule: str


IGNORED_BITS: Final = {
    0x100: Bits(3 << 9 | 1 << 23, "sstatus.VS (V), SPELP (control-flow integrity)"),
    0x104: Bits(1 << 13, "sie.LCOFIE (PMU)"),
    0x144: Bits(1 << 13, "sip.LCOFIP (PMU)"),
    0x106: Bits(0xFFFF_FFF8, "scounteren.HPMn (PMU)"),
    0x10A: Bits(1 << 2 | 1 << 3, "senvcfg.LPE, SSE (control-flow integrity)"),
}


def skip_rule(line: Line) -> str | None:
    """The rule by which a line is not replayed, None if it is."""
    if "list" in line and integer(line["list"]) >> 24 & 0xFF == VECTOR_TYPE:
        return NO_V
    if str(line.get("probe", "")).startswith("csr_"):
        return SKIPPED_CSRS.get(integer(line["arg"]))
    if str(line.get("probe", "")).startswith(PMU_CALL):
        return NO_PMU
    return None


def comparable(line: Line, name: str, value: object) -> object:
    """A field's value without the bits that are not compared."""
    bits = IGNORED_BITS.get(integer(line["arg"])) if str(line.get("probe", "")).startswith("csr_") else None
    if bits is not None and name in ("a0", "a1"):
        return integer(value) & ~bits.mask
    return value


def varies(line: Line, field: str) -> bool:
    """Whether a field holds a time, which is another one in every run."""
    if line.get("list") == f"{IDS['timer.time']:#x}":
        return field == "value"
    if str(line.get("probe", "")) == "csr_read" and line["arg"] == 0xC01:
        return field == "a0"
    return line.get("timer") == 1 and field == "v"
