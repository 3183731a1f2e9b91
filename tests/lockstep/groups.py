"""The extension groups: what Spike is told, what this machine is told, and which blocks programs are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from emulator.isa.extensions import TRANSLATIONS, CpuConfig
from tests.lockstep import blocks_compute as compute
from tests.lockstep import blocks_csr as csr
from tests.lockstep import blocks_float as floating
from tests.lockstep import blocks_gates as gates
from tests.lockstep import blocks_paging as paging
from tests.lockstep import blocks_pmp as pmp
from tests.lockstep import blocks_smepmp as smepmp
from tests.lockstep import blocks_trap as trap
from tests.lockstep import hypervisor as h
from tests.lockstep import hypervisor_paging as stages
from tests.lockstep import masking, triggers
from tests.lockstep.program import Builder, Image

if TYPE_CHECKING:
    from tests.lockstep.program import Block

Weighted = tuple["Block", int]


@dataclass(frozen=True, slots=True)
class Group:
    """One group of extensions.

    Attributes:
        name: What the command line calls it.
        isa: Spike's `--isa`.
        extensions: What this machine's hart has.
        translations: Its page-table modes besides Bare.
        missing: Features that it does without.
        blocks: What programs are made of, each with its weight.
        first: Blocks that every program begins with.
        length: Blocks of a program, at most.
    """

    name: str
    isa: str
    extensions: tuple[str, ...]
    blocks: tuple[Weighted, ...]
    first: tuple[Block, ...] = ()
    length: int = 26
    translations: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def cpu(self) -> CpuConfig:
        """This machine's hart."""
        return CpuConfig("rv64", frozenset(self.extensions), frozenset(self.translations), frozenset(self.missing))

    def program(self, seed: int) -> Image:
        """The program of a seed, always the same."""
        build = Builder(seed, self.cpu)
        build.begin()
        for block in self.first:
            block(build)
        choices, weights = zip(*self.blocks, strict=True)
        for block in build.random.choices(choices, weights, k=self.length):
            if build.full:
                break
            block(build)
        return build.end()


BASE: Final[tuple[Weighted, ...]] = (
    (compute.compute("i"), 3),
    (compute.access("i"), 3),
    (compute.branches, 2),
    (compute.jumps, 1),
    (compute.loop, 2),
    (compute.reload, 3),
)
TRAPS: Final[tuple[Weighted, ...]] = (
    (trap.calls, 1),
    (trap.illegal, 1),
    (trap.bad_access, 1),
)
PRIVILEGE: Final[tuple[Weighted, ...]] = (
    (trap.change_privilege, 4),
    (trap.delegate, 3),
    (trap.returns, 2),
    (trap.trapped_return, 1),
    (trap.user_wait, 1),
    (trap.interrupts, 3),
    (trap.borrowed_privilege, 2),
    (trap.fences, 1),
)
OF_H: Final[tuple[Weighted, ...]] = (
    (h.change_mode, 6),
    (h.delegate, 3),
    (h.control, 4),
    (h.privileged, 6),
    (h.waits, 2),
    (h.interrupts, 4),
    (h.returns, 4),
    (h.guest_memory, 3),
    (h.borrowed, 2),
    (h.float_state, 2),
    (trap.returns, 2),
    (trap.calls, 2),
    (trap.illegal, 1),
    (trap.bad_access, 1),
)
TWO_STAGES: Final[tuple[Weighted, ...]] = (
    (stages.probes, 10),
    (stages.guest_memory, 8),
    (stages.borrowed, 6),
    (stages.reserved, 2),
    (stages.execute, 6),
    (stages.change, 6),
    (stages.configure, 4),
    (stages.switch, 2),
    (stages.protected_tables, 2),
    (h.delegate, 4),
    (trap.calls, 1),
    (compute.reload, 1),
    (compute.access("i", "c"), 1),
)
CSRS: Final[tuple[Weighted, ...]] = ((csr.write, 8), (csr.read, 6), (csr.write_read_only, 1), (csr.vector, 1))


def _floating(name: str, *kept: str) -> tuple[Weighted, ...]:
    """Blocks of the instructions of one extension, with loads and stores of these."""
    return (
        (floating.compute(name), 24),
        (floating.compute(), 2),
        (floating.reload, 8),
        (floating.mode, 5),
        (floating.flags, 4),
        (floating.status(name), 2),
        (floating.integers, 2),
        (compute.access(*kept), 3),
        (compute.loop, 2),
    )


def _float(name: str, *more: str) -> Group:
    """The group of the instructions of one extension, on a hart that has F, D and C too, and what else it needs."""
    return Group(
        name,
        "_".join(("rv64ifdc_zicsr_zifencei_zicclsm", *more)),
        (*BARE, "c", "f", "d", *more),
        _floating(name, "f", "d", *more),
        first=(floating.begin,),
        length=22,
    )


BARE: Final = ("i", "zicsr", "zifencei")
FULL: Final = (*BARE, "m", "a", "c", "zicntr", "zihpm")
GUESTS: Final = ("h", "sstc", "svinval", "smstateen", "zawrs", "zicbom", "zicboz")
WALKED: Final = ("h", "svinval", "svadu", "svpbmt", "svnapot", "zicbom", "zicboz")
MASKS: Final = ("smmpm", "smnpm", "ssnpm")
FULL_ISA: Final = "rv64imac_zicsr_zifencei_zicntr_zihpm_zicclsm"

TRANSLATION: Final[tuple[Weighted, ...]] = (
    (paging.probes, 12),
    (paging.execute, 8),
    (paging.change, 5),
    (paging.reserved, 2),
    (paging.borrowed, 3),
    (paging.switch, 3),
    (paging.fences, 2),
    (paging.registers, 1),
    (paging.configure, 2),
    (paging.protected_tables, 2),
    (trap.delegate, 4),
    (trap.calls, 1),
    (trap.illegal, 1),
    (trap.trapped_return, 1),
    (trap.user_wait, 1),
    (trap.interrupts, 1),
    (compute.compute("i"), 2),
    (compute.access("i", "c"), 3),
    (compute.reload, 2),
    (csr.write, 1),
)


def _paged(name: str, levels: tuple[int, ...], *more: str, isa: str = FULL_ISA, missing: tuple[str, ...] = ()) -> Group:
    """A group with page tables of these numbers of levels, and these extensions of translation."""
    extra = ("zicbom", "zicboz", *more)
    return Group(
        name,
        "_".join((isa, *extra)),
        (*FULL, *extra),
        TRANSLATION,
        first=(paging.begin(*levels),),
        length=6,
        translations=("sv39", "sv48", "sv57"),
        missing=missing,
    )


def _masked(blocks: tuple[Weighted, ...]) -> tuple[Weighted, ...]:
    """The same blocks, with masking: those that write the registers that have its fields put them right behind it."""
    writing = {paging.configure, stages.configure}
    chosen = ((masking.behind(block), weight) if block in writing else (block, weight) for block, weight in blocks)
    return (*chosen, (masking.configure, 10))


def _guest(name: str, blocks: tuple[Weighted, ...], *more: str) -> Group:
    """A group with two stages of page tables."""
    extra = ("zicsr", "zifencei", "zicntr", "zihpm", "zicclsm", *WALKED[1:], *more)
    return Group(
        name,
        "_".join(("rv64imach", *extra)),
        (*FULL, *WALKED, *more),
        blocks,
        first=(stages.begin, masking.configure),
        length=10,
        translations=TRANSLATIONS,
    )


GROUPS: Final = {
    group.name: group
    for group in (
        Group(
            "i",
            "rv64i_zicsr_zifencei_zicclsm",
            BARE,
            (*BASE, *TRAPS, (trap.misaligned_jump, 1), (compute.self_modifying, 1), (trap.missing_extension, 1)),
        ),
        Group(
            "m",
            "rv64im_zicsr_zifencei_zicclsm",
            (*BARE, "m"),
            (*BASE, (compute.compute("m"), 12), (trap.missing_extension, 1)),
        ),
        Group(
            "a",
            "rv64ia_zicsr_zifencei_zicclsm",
            (*BARE, "a"),
            (*BASE, (compute.amo, 10), (compute.reserved, 6), (compute.lone_conditional, 2), (trap.bad_access, 2)),
        ),
        Group(
            "c",
            FULL_ISA,
            FULL,
            (
                *BASE,
                *TRAPS,
                (compute.compute("c"), 8),
                (compute.access("c"), 8),
                (compute.short_branches, 6),
                (compute.stack_moves, 2),
                (compute.self_modifying, 1),
            ),
        ),
        Group(
            "fonly",
            "rv64ifc_zicsr_zifencei_zicclsm",
            (*BARE, "c", "f"),
            _floating("f", "f"),
            first=(floating.begin,),
            length=22,
        ),
        _float("f"),
        _float("d"),
        _float("zfh", "zfh"),
        _float("zfa", "zfa", "zfh"),
        Group(
            "b",
            f"{FULL_ISA}_zba_zbb_zbc_zbs_zbkb_zicond_zimop",
            (*FULL, "zba", "zbb", "zbc", "zbs", "zbkb", "zicond", "zimop"),
            (
                *BASE,
                *((compute.compute(name), 5) for name in ("zba", "zbb", "zbc", "zbs", "zbkb", "zicond", "zimop")),
                (compute.compute("m", "zba", "zbb", "zbs"), 4),
            ),
            length=36,
        ),
        Group(
            "zc",
            f"{FULL_ISA}_zba_zbb_zcb_zimop_zcmop",
            (*FULL, "zba", "zbb", "zcb", "zimop", "zcmop"),
            (*BASE, (compute.compute("c"), 4), (compute.access("zcb"), 10), (compute.compute("zcb", "zcmop"), 10)),
        ),
        Group(
            "atomics",
            f"{FULL_ISA}_zawrs_zacas_zabha",
            (*FULL, "zawrs", "zacas", "zabha"),
            (*BASE, (compute.amo, 16), (compute.reserved, 3), (compute.waits, 2), (trap.bad_access, 2)),
        ),
        Group(
            "cmo",
            f"{FULL_ISA}_zicbom_zicboz",
            (*FULL, "zicbom", "zicboz"),
            (*BASE, *TRAPS, (compute.cache_blocks(), 12), (trap.change_privilege, 3)),
            length=12,
        ),
        Group(
            "cmopmp",
            f"{FULL_ISA}_zicbom_zicboz",
            (*FULL, "zicbom", "zicboz"),
            (*BASE, (trap.delegate, 1), (compute.cache_blocks(faults=True), 12), (pmp.block_entries, 6)),
            length=11,
        ),
        Group(
            "counters",
            FULL_ISA,
            FULL,
            (*BASE, (gates.counters, 12), (trap.delegate, 2), (csr.counters, 1)),
            length=10,
        ),
        Group(
            "sstc",
            f"{FULL_ISA}_sstc",
            (*FULL, "sstc"),
            (*BASE, (gates.timer, 10), (trap.delegate, 2), (trap.interrupts, 2)),
            first=(gates.begin_timer,),
            length=8,
        ),
        Group(
            "smstateen",
            f"{FULL_ISA}_smstateen",
            (*FULL, "smstateen"),
            (*BASE, (gates.state, 10), (trap.delegate, 2)),
            length=8,
        ),
        Group("zicsr", FULL_ISA, FULL, (*BASE, *CSRS, (csr.counters, 3), (trap.change_privilege, 2))),
        Group(
            "priv",
            FULL_ISA,
            FULL,
            (*BASE, *TRAPS, *PRIVILEGE, *CSRS, (compute.amo, 1), (csr.counters, 1)),
            length=20,
        ),
        Group(
            "h-csr",
            f"rv64imafdch_{'_'.join(('zicsr', 'zifencei', 'zicntr', 'zihpm', 'zicclsm', *GUESTS[1:]))}",
            (*FULL, "f", "d", *GUESTS),
            (*BASE[:2], *OF_H, (csr.write, 12), (csr.read, 8), (h.vectors, 1), (h.timers, 3), (h.roots, 1)),
            first=(h.begin, floating.begin),
            length=24,
            translations=TRANSLATIONS,
        ),
        _guest("h-walk", TWO_STAGES),
        _guest("h-masking", (*_masked(TWO_STAGES), (masking.untranslated, 12)), *MASKS),
        Group(
            "sdtrig",
            f"rv64imach_{'_'.join(('zicsr', 'zifencei', 'zicntr', 'zihpm', 'zicclsm', 'zicbom', 'zicboz', *MASKS))}",
            (*FULL, "h", "sdtrig", "zicbom", "zicboz", *MASKS),
            (
                (triggers.watch, 8),
                (triggers.disarm, 1),
                (triggers.accesses, 12),
                (triggers.guest_accesses, 6),
                (triggers.execution, 6),
                (triggers.delegate, 4),
                (masking.configure, 3),
                (trap.calls, 1),
            ),
            first=(triggers.begin,),
            length=9,
            translations=TRANSLATIONS,
        ),
        Group(
            "masking",
            f"{FULL_ISA}_zicbom_zicboz_svadu_{'_'.join(MASKS)}",
            (*FULL, "zicbom", "zicboz", "svadu", *MASKS),
            _masked(TRANSLATION),
            first=(paging.begin(3, 4, 5), masking.configure),
            length=8,
            translations=TRANSLATIONS,
        ),
        Group(
            "pmp",
            FULL_ISA,
            FULL,
            (
                *BASE,
                *TRAPS,
                *PRIVILEGE,
                (pmp.entries, 14),
                (pmp.probes, 14),
                (pmp.execute, 4),
                (compute.access("i", "c"), 4),
            ),
            length=13,
        ),
        Group(
            "smepmp",
            f"{FULL_ISA}_smepmp",
            (*FULL, "smepmp"),
            (
                *BASE,
                *TRAPS,
                (trap.delegate, 2),
                (trap.change_privilege, 3),
                (trap.borrowed_privilege, 3),
                (smepmp.entries, 14),
                (smepmp.security, 3),
                (pmp.probes, 14),
                (pmp.execute, 8),
                (compute.access("i", "c"), 4),
            ),
            first=(smepmp.begin,),
            length=14,
        ),
        Group(
            "misaligned",
            FULL_ISA.removesuffix("_zicclsm"),
            FULL,
            (
                *BASE,
                *TRAPS,
                *PRIVILEGE,
                (compute.access("i", "c"), 8),
                (compute.amo, 8),
                (pmp.entries, 3),
                (pmp.probes, 6),
            ),
            missing=("misaligned",),
            length=15,
        ),
        _paged("sv39", (3,), "svade"),
        _paged("sv48", (4,), "svade"),
        _paged("sv57", (5,), "svade"),
        _paged("svadu", (3, 4, 5), "svadu"),
        _paged("svinval", (3, 4, 5), "svade", "svinval"),
        _paged("svnapot", (3, 4, 5), "svadu", "svnapot"),
        _paged("svalign", (3, 4, 5), "svadu", isa=FULL_ISA.removesuffix("_zicclsm"), missing=("misaligned",)),
        _paged("svpbmt", (3, 4, 5), "svade", "svpbmt", "svnapot"),
    )
}
"""Every group by name."""
