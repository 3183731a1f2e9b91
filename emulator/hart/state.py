"""The layout of a hart's state and of what all harts share: the one table that every domain reads.

A hart's whole state is one block of 64-bit words, reached through one pointer by compiled code and through a
`memoryview` by Python, so that no copy ever has to be kept in step. The soft TLBs lie at the end of the block.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

WORD: Final = 8
MASK64: Final = (1 << 64) - 1

PMP_ENTRIES: Final = 16
"""As many as QEMU's `rv64` had; the manual allows 0, 16 or 64."""

TRIGGERS: Final = 4
"""Of Sdtrig."""

STATEENS: Final = 4
"""Registers of each of `mstateen0-3` and `hstateen0-3`."""

MODES: Final = 6
"""U 0, S 1, (reserved 2), M 3, VU 4, VS 5: see `emulator.hart.modes`."""

CONTEXTS: Final = MODES + 1
"""Sets of cached data translations: one a mode, and 2 and 6 for S and VS under SUM."""

TRAPS_KEPT: Final = 16
"""Traps that a hart remembers; a power of two."""

TRAP_WORDS: Final = 8
"""Words that it keeps of each (`emulator.hart.traplog`); a power of two."""

JUDGE_STACK: Final = 64
"""Values that an expression at a breakpoint may have on its stack (`emulator.engine.judging`)."""

TLB_ENTRIES: Final = 256
"""Entries of one TLB; a power of two."""

DATA_ENTRY: Final = 32
"""Bytes of a data entry: load tag, store tag, offset (host RAM offset minus virtual page), line mask."""

FETCH_ENTRY: Final = 32
"""Bytes of a fetch entry: virtual page, pointer to the page's records, backing offset of the page, unused."""

TABLE_ENTRIES: Final = 128
"""Pages with page tables whose place is remembered; a power of two."""

TABLE_ENTRY: Final = 16
"""Bytes of such an entry: page as the tables name it, physical page."""

NO_TAG: Final = (1 << 64) - 1
"""A tag that no access ever compares equal to: every compared address has its page-offset bits cleared."""


NEVER: Final = (1 << 64) - 1
"""A step that is never reached."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a block.

    Attributes:
        name: The manual's name where it is architectural state.
        count: How many 64-bit words.
    """

    name: str
    count: int = 1


ARCHITECTURAL: Final = (
    Field("x", 33),  # x0 to x31, then the sink that instructions with rd = x0 write to
    Field("pc"),
    Field("priv"),
    Field("virt"),  # V: 1 in VS- and VU-mode
    Field("f", 32),  # narrower numbers are NaN-boxed
    Field("fflags"),  # while compiled code runs, without what the host's own flags hold
    Field("frm"),
    *(
        Field(name)
        for name in (
            "mstatus misa medeleg mideleg mie mip seip_line seip_written mtvec mcounteren mscratch mepc mcause mtval "
            "menvcfg stvec scounteren senvcfg sscratch sepc scause stval satp mhartid "
            "mseccfg mtval2 mtinst stimecmp "
            "hstatus hedeleg hideleg hvip htimedelta hcounteren hgeie henvcfg htval htinst hgatp "
            "vsstatus vstvec vsscratch vsepc vscause vstval vsatp vstimecmp"
        ).split()
    ),
    Field("mstateen", STATEENS),
    Field("hstateen", STATEENS),
    Field("pmpcfg", PMP_ENTRIES),  # one entry a word
    Field("pmpaddr", PMP_ENTRIES),
    Field("mcycle_offset"),  # mcycle minus the step count
    Field("minstret_offset"),  # minstret minus (steps minus trapped steps)
    Field("trapped"),  # steps that ended in an exception and so did not retire
    Field("entropy"),  # state of the source behind `seed`
    Field("tselect"),
    Field("tdata1", TRIGGERS),
    Field("tdata2", TRIGGERS),
    Field("trigger_first", TRIGGERS),  # these four follow from the two before: the addresses that a trigger matches,
    Field("trigger_last", TRIGGERS),
    Field("trigger_kinds", TRIGGERS),  # the accesses that it is armed for,
    Field("armed"),  # and those that any is armed for
    Field("reservation"),  # physical address of the LR reservation, or NO_TAG
    Field("waiting"),  # 1 while the hart waits in WFI
)
"""What makes up a hart, apart from its step count: a snapshot of it is a snapshot of these."""

RUNTIME: Final = (
    Field("steps"),  # steps made before this slice
    Field("time_base"),  # steps of machine time when this slice began
    Field("budget"),  # steps left; written whenever compiled code leaves for a routine or for good
    Field("budget0"),  # steps allowed to this slice
    Field("timer_due"),  # the hart's step at which time changes what is pending, or NEVER (`emulator.hart.timers`)
    Field("attention"),  # bits of `Attention`
    Field("stale"),  # which translations: a page's address and two bits, see `STALE_GUEST`
    Field("leave_guest"),  # 1 where a trap out of a guest ends the slice: its hypervisor is no code of the hart's
    Field("pending"),  # 0, or a value of `Pending`: what a routine could not finish
    Field("float_on"),  # 1 where f registers may be written without telling anyone: they are dirty already
    Field("float_modes"),  # where besides the host rounds as `frm` says: a bit for each `rm` that means this mode
    Field("float_control"),  # the MXCSR that guest code runs with
    Field("host_control"),  # the MXCSR that Python runs with
    Field("trap_cause"),
    Field("trap_tval"),
    Field("trap_gva"),  # 1 where `trap_tval` is a guest virtual address
    Field("trap_tval2"),  # what goes to mtval2 or htval: a guest-physical address, shifted right by 2
    Field("trap_tinst"),  # what goes to mtinst or htinst
    Field("trap_count"),  # traps taken since the reset
    Field("trap_log", TRAPS_KEPT * TRAP_WORDS),  # the last of them (`emulator.hart.traplog`)
    Field("fault_cause"),  # what it is if nothing answers the access that is being made
    Field("stop"),  # a value of `StopCode`
    Field("stop_detail", 4),
    Field("loop_pc"),  # where the last exception was taken to, while nothing has retired since
    Field("loop_step"),
    Field("ialign"),  # 2 without the C extension: the bits a jump target must not have
    Field("mask_interrupts"),  # 1 while a debugger steps with interrupts held back
    Field("ip"),  # record of the instruction that called a routine
    Field("next_ip"),  # record that a fetch found
    Field("access_mode"),  # the mode that the current access is made in
    Field("access_mask"),  # how its address is masked (`emulator.hart.masking`)
    Field("access_formed"),  # its first byte's address, as the program formed it
    Field("access_start"),  # its first byte's address, masked
    Field("access_address"),  # address of the part that is being translated: what a fault reports
    Field("access_kind"),  # what it is: LOAD, STORE, FETCH, EXECUTE
    Field("leaf"),  # kinds of access that the page just translated allows (see `emulator.hart.translation`)
    Field("allowed"),  # kinds of access that the PMP allows to the whole page that was checked last
    Field("walked"),  # kinds of access that the last walk's leaf allows
    Field("guest_physical"),  # where the first stage of the last translation led
    Field("watch_reads"),  # whether the page being cached has a watchpoint on loads
    Field("cur"),  # fetch entry that the running code came through
    Field("tlb_data"),
    Field("tlb_fetch"),
    Field("shared"),
    Field("self_index"),
    Field("raw"),  # bits of an instruction that lies across two pages
    Field("scratch_entry", FETCH_ENTRY // WORD),
    Field("scratch", 6),  # records of an instruction that is executed out of line, and of what follows it
    Field("judge_failure"),  # why a breakpoint's condition could not be evaluated (`emulator.engine.judging`)
    Field("judge_detail"),  # where
    Field("judge_stack", JUDGE_STACK),
)
"""The engine's own: derived, or void between runs."""

TLBS: Final = (
    Field("data_tlb", CONTEXTS * TLB_ENTRIES * DATA_ENTRY // WORD),
    Field("fetch_tlb", MODES * TLB_ENTRIES * FETCH_ENTRY // WORD),
    Field("table_tlb", TABLE_ENTRIES * TABLE_ENTRY // WORD),
    Field("large_first", 2),  # by V: the lowest address of what leaves beyond 4 KiB translate, since the last flush
    Field("large_end", 2),  # the complement of the highest one
    Field("tagged", 2),  # by V: whether anything is remembered under an address that masking changes
)
"""What is cached. Python forgets it all by writing ones."""

SHARED: Final = tuple(
    Field(name)
    for name in (
        "ram ram_size rom_base rom_size "  # host address of RAM; the boot ROM is backed right after RAM
        "records lines stored "  # records; by backing page: lines with code; whether a store TLB has it
        "harts hart_count hart_size "  # first hart's block, how many, bytes from one to the next
        "on_load on_store on_line on_trap on_decode "
        "on_judge_csr on_judge_print on_judge_full on_csr "  # callbacks into Python (`emulator.engine.hooks`)
        "watches watch_count breaks break_count judgements "  # tables of the debugger
        "prints print_used print_room "  # words that breakpoints print, how many there are, how many there can be
        "span_hart span_start span_size "  # a hart that leaves the slice outside these addresses; size 0: none
        "handlers csr_table csr_plain rows buckets candidates halfwords half_rows "  # tables of the decoder
        "extensions satp_modes ticks_mul ticks_div ticks_offset special_line observed"
    ).split()
)
"""What all harts of a machine share; addresses of tables, their sizes, the configuration."""


def _offsets(fields: Iterable[Field]) -> tuple[dict[str, int], int]:
    offsets: dict[str, int] = {}
    at = 0
    for field in fields:
        offsets[field.name] = at
        at += field.count * WORD
    return offsets, at


HART_FIELDS: Final = ARCHITECTURAL + RUNTIME + TLBS
HART_OFFSETS, HART_SIZE = _offsets(HART_FIELDS)
SHARED_OFFSETS, SHARED_SIZE = _offsets(SHARED)
ARCHITECTURAL_SIZE: Final = sum(field.count for field in ARCHITECTURAL) * WORD


STALE_GUEST: Final = 1
STALE_SPACE: Final = 2
"""Bits of the field `stale` below the page's address: translations at V=1 are meant; all of them are."""


class Attention:
    """Bits of the `attention` field: what to look at before the next instruction."""

    CHECK = 1
    """Interrupts may have become pending, or the translation context may have changed."""
    LEAVE = 2
    """Leave the run slice."""
    FLUSH = 4
    """Cached translations are stale."""
    STALE = 8
    """Those that the field `stale` names are."""


class Pending:
    """Values of the `pending` field: why a routine gave up."""

    NONE = 0
    TRAP = 1
    """`trap_cause` and `trap_tval` tell which."""
    WATCH = 2
    """A watchpoint covers the access; `stop_detail` tells which."""
    BREAK = 3
    """The instruction to be fetched has a breakpoint."""
    SPAN = 5
    """The instruction to be fetched lies outside the span that the hart is to stay in."""
    FAILED = 4
    """A device raised an error of the host: the instruction is given up, as if it had not begun."""


class CsrPhase:
    """When the callback of a watched CSR is called."""

    READ = 0
    BEFORE_WRITE = 1
    WRITTEN = 2


class Observed:
    """Bits of the shared `observed` field: which events someone wants to hear of."""

    TRAPS = 1
    CODE = 2


class StopCode:
    """Values of the `stop` field: why a run slice ended."""

    BUDGET = 0
    LEFT = 1
    BREAKPOINT = 2
    WATCHPOINT = 3
    WAITING = 4
    TRAP_LOOP = 5
    SPAN = 6
