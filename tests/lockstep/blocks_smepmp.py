"""Blocks about Smepmp: `mseccfg`, and entries of every kind under it.

Under MML an entry without L is not M-mode's, so what keeps handlers, code and `tohost` within reach is written anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MSECCFG_MML, MSECCFG_MMWP, MSECCFG_RLB
from tests.lockstep.blocks_pmp import FREE, random_address
from tests.lockstep.blocks_trap import SUPERVISOR, USER, settle_traps
from tests.lockstep.handlers import csr
from tests.lockstep.layout import TARGETS

if TYPE_CHECKING:
    from tests.lockstep.program import Builder

LOCKED: Final = 0x80
LOCKED_CODE: Final = 0x9D
"""Locked, NAPOT, R and X: M-mode's code before and under MML, and everyone's before."""
SHARED_CODE: Final = 0x9E
"""Locked, NAPOT, W and X: under MML code of all modes, which M-mode may read too."""
MACHINE_DATA: Final = 0x9B
"""Locked, NAPOT, R and W: M-mode's data."""
SHARED_DATA: Final = 0x1E
"""NAPOT, W and X: under MML data of all modes."""


def begin(build: Builder) -> None:
    """Lock the machine down in most programs, with and without a background for M-mode and a way to undo locks."""
    pick = build.random
    if pick.random() < 0.25:
        build.write_csr("mseccfg", pick.choice((0, 0, MSECCFG_RLB, MSECCFG_MMWP, MSECCFG_RLB | MSECCFG_MMWP)))
        return
    build.write_csr("mseccfg", MSECCFG_RLB)
    build.write_csr("pmpcfg0", MACHINE_DATA << 8 | LOCKED_CODE)
    build.write_csr("mseccfg", MSECCFG_RLB | MSECCFG_MML)
    build.write_csr("pmpcfg0", MACHINE_DATA << 8 | SHARED_CODE)
    build.write_csr("pmpcfg2", SHARED_DATA << 56)
    build.write_csr("mseccfg", pick.choice((0, MSECCFG_RLB)) | pick.choice((0, MSECCFG_MMWP)))


def security(build: Builder) -> None:
    """A write of `mseccfg`: MMWP, RLB, and bits that do not exist. MML is decided at the beginning."""
    pick = build.random
    settle_traps(build)
    for _ in range(pick.randrange(1, 3)):
        value = pick.choice((0, MSECCFG_RLB, MSECCFG_MMWP, MSECCFG_RLB, pick.getrandbits(64) & ~MSECCFG_MML & ~0x300))
        build.code.constant(31, value)
        build.code.op(pick.choice(("csrrw", "csrrs", "csrrc")), rd=pick.choice(TARGETS), rs1=31, imm=csr("mseccfg"))
        build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr("mseccfg"))
    build.enter(pick.choice((USER, SUPERVISOR, 3)))


def entries(build: Builder) -> None:
    """New entries of all sixteen kinds in every address mode, locked or not, also over locked ones."""
    pick = build.random
    settle_traps(build)
    for index in pick.sample(FREE, pick.randrange(1, 4)):
        build.write_csr(f"pmpaddr{index}", random_address(build))
        build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr(f"pmpaddr{index}"))
    group = pick.choice((0, 2))
    changed = [index for index in FREE if index // 8 == group // 2]
    mask = value = 0
    for index in pick.sample(changed, pick.randrange(1, 4)):
        byte = pick.choice((0x00, 0x08, 0x10, 0x18, 0x18)) | pick.randrange(8) | (pick.random() < 0.35) * LOCKED
        mask |= 0xFF << index % 8 * 8
        value |= byte << index % 8 * 8
    number = csr(f"pmpcfg{group}")
    build.code.constant(31, mask)
    build.code.op("csrrc", rd=pick.choice(TARGETS), rs1=31, imm=number)
    build.code.constant(31, value)
    build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=31, imm=number)
    build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=number)
    build.enter(pick.choice((USER, SUPERVISOR, 3)))
