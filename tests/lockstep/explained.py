"""Where Spike and this machine may lawfully differ, each with the manual's words, and what is done about it.

Either the value that Spike read is taken over (`ADOPTED`), or the generator does not go there: it leaves whole CSRs
alone (`AVOIDED`), or single bits and situations (`NARROWED`). A difference that is not in these tables is a failure.
Chapters and sections are those of the ISA manual (volume I unprivileged, volume II privileged).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Explained:
    """A lawful difference.

    Attributes:
        what: What differs, here and in Spike.
        csrs: The CSRs concerned, if any.
        manual: The section, and its words where they decide.
        lawful: Whether Spike's value (first) and the one here may differ so.
    """

    what: str
    csrs: frozenset[int]
    manual: str
    lawful: Callable[[int, int], bool] = lambda _theirs, _ours: True


def _numbers(*groups: int | range) -> frozenset[int]:
    return frozenset(number for group in groups for number in ([group] if isinstance(group, int) else group))


ADOPTED: Final = (
    Explained(
        "cycle and mcycle count trapped instructions here and do not in Spike",
        _numbers(0xC00, 0xB00),
        "I, 'Zicntr': cycles are counted 'from an arbitrary start time in the past'; how many an instruction takes is "
        "the implementation's",
    ),
    Explained(
        "mtinst and htinst hold the transformed instruction of a load or store that faulted here, and zero in Spike",
        _numbers(0x34A, 0x64A),
        "II, 'Transformed Instruction or Pseudoinstruction for mtinst or htinst': 'Except when a pseudoinstruction "
        "value is required (described later), the value written to mtinst or htinst may always be zero'",
        lawful=lambda theirs, ours: theirs == 0 and ours & 1 == 1,
    ),
    Explained(
        "of several triggers that match, only the one that fires has its hit bit set here, and others too in Spike",
        _numbers(0x7A1),
        "RISC-V Debug Specification, 'mcontrol', hit: it 'must become set when this trigger fires and may become set "
        "when this trigger matches'; those of mcontrol6 are alike",
        lawful=lambda theirs, ours: theirs ^ ours == 1 << 22,
    ),
    Explained(
        "time advances with executed instructions, at different rates",
        _numbers(0xC01),
        "I, 'Zicntr': wall-clock time, again 'from an arbitrary start time in the past'; the tick is the platform's",
    ),
)
"""CSRs whose value, once read, is taken over from Spike."""

AVOIDED: Final = (
    Explained(
        "misa is writable in Spike and fixed here",
        _numbers(0x301),
        "II, 'Machine ISA (misa) Register': a WARL register; what it can be changed to is the implementation's",
    ),
    Explained(
        "Spike has a marchid of its own",
        _numbers(0xF11, 0xF12, 0xF13),
        "II, 'Machine Architecture ID': 'a value of 0 can be returned to indicate the field is not implemented'",
    ),
    Explained(
        "mcountinhibit is read-only zero here",
        _numbers(0x320),
        "II, 'Machine Counter-Inhibit': 'If the mcountinhibit register is not implemented, the implementation behaves "
        "as though the register were set to zero'",
    ),
    Explained(
        "event selectors are read-only zero here and keep bits in Spike",
        _numbers(range(0x323, 0x340)),
        "II, 'Hardware Performance Monitor': 'a legal implementation is to make both the counter and its corresponding "
        "event selector be read-only 0'",
    ),
    Explained(
        "satp is read-only Bare where no translation is implemented",
        _numbers(0x180),
        "II, 'Supervisor Address Translation and Protection': 'Implementations are not required to support all MODE "
        "settings, and if satp is written with an unsupported MODE, the entire write has no effect'",
    ),
    Explained(
        "PMP entries 16 to 63 do not exist here and read as zero in Spike",
        _numbers(range(0x3A4, 0x3B0), range(0x3C0, 0x3F0)),
        "II, 'Physical Memory Protection CSRs': 'Implementations may implement zero, 16, or 64 PMP entries'",
    ),
    Explained(
        "Spike has triggers (Sdtrig)",
        _numbers(range(0x7A0, 0x7B0), 0x5A8, 0x6A8),
        "RISC-V Debug Specification, 'Sdtrig': an optional extension",
    ),
)
"""CSRs that random programs leave alone."""

STATUS_FS: Final = Explained(
    "mstatus.FS is writable in Spike without F and read-only zero here",
    _numbers(0x300, 0x100),
    "II, 'Extension Context Status': 'If S-mode is implemented but the F extension is not, FS may optionally be "
    "read-only zero'",
)
FIOM: Final = Explained(
    "FIOM of menvcfg, senvcfg and henvcfg is read-only zero in Spike, also where satp has modes and the manual leaves "
    "no choice",
    _numbers(0x30A, 0x10A, 0x60A),
    "II, 'Machine Environment Configuration': 'If satp.MODE is read-only zero (always Bare), the implementation may "
    "make FIOM read-only zero'",
)
DELEGATION: Final = Explained(
    "Spike's medeleg also has bits of exceptions that only other extensions raise, and none for misaligned fetches "
    "where these cannot happen",
    _numbers(0x302),
    "II, 'Machine Trap Delegation': 'An implementation can choose to subset the delegatable traps'",
)
MISALIGNED_ATOMICS: Final = Explained(
    "a misaligned LR, SC or AMO raises address-misaligned here and an access fault in Spike",
    _numbers(),
    "I, 'A': 'If the address is not naturally aligned, an address-misaligned exception or an access-fault exception "
    "will be generated'",
)
PARTIAL_STORES: Final = Explained(
    "a misaligned store whose last bytes lie behind RAM leaves its first bytes in memory here, and none in Spike",
    _numbers(),
    "II, 'Physical Memory Protection', of misaligned accesses: they may be 'decomposed into multiple accesses, some of "
    "which may succeed before an access-fault exception occurs'",
)
LOST: Final = Explained(
    "Spike gives a reservation up at traps, and an SC behind one fails",
    _numbers(),
    "I, 'Zalrsc': 'Unconstrained LR/SC sequences might succeed on some attempts on some implementations, but might "
    "never succeed on other implementations'",
)
FOREIGN_STATE: Final = Explained(
    "mstateen0 and hstateen0 have bits in Spike (C, CSRIND) for state that its hart has not here",
    _numbers(0x30C, 0x60C),
    "II, 'State Enable Extensions': 'Bits in any stateen CSR that are defined to control state that a hart doesn't "
    "implement are read-only zeros for that hart'",
)
TIMER_LATE: Final = Explained(
    "an STIP that software has set goes at once here when menvcfg.STCE is set and stimecmp says nothing is due, and in "
    "Spike at the next tick",
    _numbers(0x344),
    "II, 'Supervisor Timer (stimecmp) Register': 'If the result of this comparison changes, it is guaranteed to be "
    "reflected in STIP eventually, but not necessarily immediately'",
)
SECOND_PAGE: Final = Explained(
    "of a misaligned access that two pages share, Spike makes the first page's part before it translates the second; "
    "here both are translated first. So a store whose second page faults has stored its first bytes in Spike alone, "
    "and where the first page leads to no memory and the second faults too, Spike reports the first and this machine "
    "the second",
    _numbers(),
    "II, 'Addressing and Memory Protection': 'On some implementations, misaligned loads, stores, and instruction "
    "fetches may also be decomposed into multiple accesses, some of which may succeed before a page-fault exception "
    "occurs'; and the table of exception priorities has 'First encountered page fault or access fault' during address "
    "translation before the access fault of the physical address",
)
BLOCK_TVAL: Final = Explained(
    "a faulting CBO.ZERO reports its own address here, and in Spike the first byte of its block",
    _numbers(),
    "I, 'CMO', of page and access faults: 'the relevant *tval CSR is written with the faulting effective address "
    "(i.e. the value of rs1)'",
)
BLOCK_BORDERS: Final = Explained(
    "the PMP decides about a cache-block management instruction for the whole block here, and in Spike for the byte "
    "that it names",
    _numbers(),
    "I, 'CMO': 'The PMP access control bits shall be the same for all physical addresses in the cache block'; 'If the "
    "above constraints are not met, the behavior of a CBO instruction is UNSPECIFIED'",
)
NO_MODE: Final = Explained(
    "the reserved value 2 written to mstatus.MPP leaves the field as it was here, and makes it 0 in Spike",
    _numbers(0x300),
    "II, 'Privilege and Global Interrupt-Enable Stack in mstatus register': 'xPP fields are WARL fields that can hold "
    "only privilege mode x and any implemented privilege mode lower than x'",
)
LOST_TAG: Final = Explained(
    "an SC without a reservation that reaches no memory reports the masked address here, and in Spike the one that the "
    "program formed",
    _numbers(),
    "II, 'Pointer Masking Extensions', 'The Ignore Transformation': masking is 'semantically equivalent to replacing a "
    "subset of instructions (e.g., loads and stores) with an instruction sequence that applies the ignore operation to "
    "the target address of this instruction and then applies the instruction to the transformed address'",
)
COMPARED: Final = Explained(
    "a trigger compares the lowest address of a load or store here; of a misaligned one Spike also compares others",
    _numbers(),
    "RISC-V Debug Specification, 'mcontrol6', select: 'It is recommended that there are additional compare values for "
    "the other accessed virtual addresses'",
)
FAULT_BEFORE_BREAKPOINT: Final = Explained(
    "of an AMO that meets a trigger and cannot reach its memory either, Spike reports the access fault",
    _numbers(),
    "II, 'Hypervisor Trap Cause Codes', synchronous exception priority: 'Load/store/AMO address breakpoint' is above "
    "'Load/store/AMO access fault'",
)
BLOCKS_COMPARED: Final = Explained(
    "CBO.CLEAN, CBO.FLUSH and CBO.INVAL are stores to a trigger here and nothing in Spike",
    _numbers(),
    "RISC-V Debug Specification, 'Cache Operations': 'For the purposes of debug triggers, two classes of cache "
    "operations must match as stores', those 'that enable software to maintain coherence' among them",
)
BLOCK_OF_GUEST: Final = Explained(
    "GVA is 0 in Spike when a trigger keeps a guest from a CBO.ZERO, and when a cache-block instruction under MPRV and "
    "MPV reaches no memory",
    _numbers(),
    "II, 'Hypervisor Status (hstatus) Register': 'For any trap that writes a guest virtual address to stval, GVA is "
    "set to 1'",
)
TRIGGER_FIELDS: Final = Explained(
    "tdata1 has types and fields in Spike that are not here (mcontrol's maskmax is the other way round), and tdata3 is "
    "zero here",
    _numbers(0x7A1, 0x7A3, 0x7A4),
    "RISC-V Debug Specification, 'Trigger Registers': type, select, size, chain, action are WARL, tdata3 is optional",
)
LOCKDOWN: Final = Explained(
    "mseccfg has MML, MMWP and RLB in Spike where it exists at all, and here with Smepmp",
    _numbers(0x747),
    "II, 'Machine Security Configuration (mseccfg) Register': RLB, MMWP and MML are Smepmp's, which is optional",
)
ROOTS: Final = Explained(
    "a write to vsatp by its own address is ignored here where MODE is unsupported, and Spike takes the other fields; "
    "with MODE = Bare, vsatp and hgatp keep the other fields in Spike and vsatp is all zero here",
    _numbers(0x280, 0x680),
    "II, 'Virtual Supervisor Address Translation and Protection (vsatp) Register': 'When V=0, a write to vsatp with an "
    "unsupported MODE value is either ignored as it is for satp, or the fields of vsatp are treated as WARL in the "
    "normal way'; 'Hypervisor Guest Address Translation and Protection (hgatp) Register': 'Attempting to select "
    "MODE=Bare with a nonzero pattern in the remaining fields has an UNSPECIFIED effect'",
)
TIMERS: Final = Explained(
    "STIP and VSTIP follow the comparison at once here; in Spike a write of stimecmp or vstimecmp changes both, "
    "htimedelta left out, and everything else shows at the next tick of its clock",
    _numbers(0x14D, 0x24D, 0x30A, 0x60A, 0x605),
    "II, 'Virtual Supervisor Timer (vstimecmp) Register': 'If the result of this comparison changes, it is guaranteed "
    "to be reflected in VSTIP eventually, but not necessarily immediately'",
)
NARROWED: Final = (
    STATUS_FS,
    FIOM,
    DELEGATION,
    MISALIGNED_ATOMICS,
    PARTIAL_STORES,
    LOST,
    FOREIGN_STATE,
    TIMER_LATE,
    SECOND_PAGE,
    BLOCK_TVAL,
    BLOCK_BORDERS,
    NO_MODE,
    LOST_TAG,
    COMPARED,
    FAULT_BEFORE_BREAKPOINT,
    BLOCKS_COMPARED,
    BLOCK_OF_GUEST,
    TRIGGER_FIELDS,
    LOCKDOWN,
    ROOTS,
    TIMERS,
)
"""Bits and situations that random programs leave out."""

ADOPTED_CSRS: Final = {number: row for row in ADOPTED for number in row.csrs}
AVOIDED_CSRS: Final = frozenset(number for row in AVOIDED for number in row.csrs)
