"""Where Spike and this machine may lawfully differ, each with the manual's words, and what is done about it.

Two ways: the program generator does not go there (`AVOIDED`), or the value that Spike read is taken over (`ADOPTED`).
A difference that is not in these tables is a failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Explained:
    """A lawful difference.

    Attributes:
        what: What differs, ours and Spike's.
        csrs: The CSRs concerned, if any.
        manual: The section, and its words where they decide.
    """

    what: str
    csrs: frozenset[int]
    manual: str


def _numbers(*groups: int | range) -> frozenset[int]:
    return frozenset(number for group in groups for number in ([group] if isinstance(group, int) else group))


ADOPTED: Final = (
    Explained(
        "cycle and mcycle count trapped instructions here and do not in Spike",
        _numbers(0xC00, 0xB00),
        "Zicntr: RDCYCLE counts clock cycles 'from an arbitrary start time in the past'; how many pass is not specified",
    ),
    Explained(
        "time advances with executed instructions, at different rates",
        _numbers(0xC01),
        "Zicntr: 'wall-clock real time that has passed from an arbitrary start time'; the tick period is the platform's",
    ),
)
"""CSRs whose value, once read, is taken over from Spike."""

AVOIDED: Final = (
    Explained(
        "misa is writable in Spike",
        _numbers(0x301),
        "Machine ISA (misa) Register: 'a WARL read-write register'; 'an implementation might not allow' a field to change",
    ),
    Explained(
        "Spike has a marchid of its own",
        _numbers(0xF11, 0xF12, 0xF13),
        "Machine Architecture ID Register: 'a value of 0 can be returned to indicate the field is not implemented'",
    ),
    Explained(
        "mcountinhibit is read-only zero here",
        _numbers(0x320),
        "Machine Counter-Inhibit: 'WARL'; 'if the mcountinhibit register is not implemented, the implementation behaves "
        "as though the register were set to zero'",
    ),
    Explained(
        "event selectors are read-only zero here and keep bits in Spike",
        _numbers(range(0x323, 0x340)),
        "Hardware Performance Monitor: 'mhpmevent3–mhpmevent31 are WARL registers'; 'a legal implementation is to make "
        "both the counter and its corresponding event selector be read-only 0'",
    ),
    Explained(
        "satp is read-only Bare where no translation is implemented",
        _numbers(0x180),
        "Supervisor Address Translation and Protection: 'implementations are not required to support all MODE settings, "
        "and if satp is written with an unsupported MODE, the entire write has no effect'",
    ),
    Explained(
        "PMP entries 16 to 63 do not exist here and read as zero in Spike",
        _numbers(range(0x3A4, 0x3B0), range(0x3C0, 0x3F0)),
        "Physical Memory Protection CSRs: 'Implementations may implement zero, 16, or 64 PMP entries; the lowest-numbered "
        "PMP CSRs must be implemented first. All PMP CSR fields are WARL and may be read-only zero'",
    ),
    Explained(
        "Spike has triggers (Sdtrig)",
        _numbers(range(0x7A0, 0x7B0), 0x5A8, 0x6A8),
        "Sdtrig is optional: the RISC-V Debug Specification, chapter 5",
    ),
)
"""CSRs that random programs leave alone."""

STATUS_FS: Final = Explained(
    "mstatus.FS is writable in Spike without F",
    _numbers(0x300, 0x100),
    "Extension Context Status: 'If S-mode is implemented but neither V nor F is implemented, then FS may optionally be "
    "read-only zero'",
)
"""Programs for harts without F write these bits as zero."""

FIOM: Final = Explained(
    "menvcfg.FIOM and senvcfg.FIOM are read-only zero in Spike without translation",
    _numbers(0x30A, 0x10A),
    "Machine Environment Configuration: 'If satp.MODE is read-only zero (always Bare), the implementation may make FIOM "
    "read-only zero'",
)
MISALIGNED_ATOMICS: Final = Explained(
    "a misaligned LR, SC or AMO raises address-misaligned here and an access fault in Spike",
    _numbers(),
    "'A' Extension, Zalrsc and Zaamo: 'If the address is not naturally aligned, an address-misaligned exception or an "
    "access-fault exception will be generated'",
)
DELEGATION: Final = Explained(
    "Spike's medeleg also has bits for exceptions of extensions that the hart has not, and none for misaligned fetches "
    "where these cannot happen",
    _numbers(0x302),
    "Machine Trap Delegation: 'An implementation can choose to subset the delegatable traps, with the supported "
    "delegatable bits found by writing one to every bit location'; 'some' of them 'may be read-only zero'",
)
PARTIAL_STORES: Final = Explained(
    "a misaligned store whose last bytes lie behind RAM leaves its first bytes in memory here, and none in Spike",
    _numbers(),
    "Physical Memory Protection: misaligned accesses 'may also be decomposed into multiple accesses, some of which may "
    "succeed before an access-fault exception occurs'",
)

ADOPTED_CSRS: Final = frozenset(number for row in ADOPTED for number in row.csrs)
AVOIDED_CSRS: Final = frozenset(number for row in AVOIDED for number in row.csrs)
