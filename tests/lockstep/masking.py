"""Blocks about pointer masking: Smmpm, Smnpm and Ssnpm.

On a hart that has one of them, the blocks about translation and `blocks_compute` give addresses tags by themselves
(`Builder.tagged`): bits that masking ignores, now and then more of them, where it is on and where it is off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MSTATUS_MXR
from tests.lockstep import blocks_compute as compute
from tests.lockstep.blocks_trap import settle_traps
from tests.lockstep.handlers import csr
from tests.lockstep.hypervisor import MODES, put
from tests.lockstep.layout import TARGETS

if TYPE_CHECKING:
    from tests.lockstep.program import Block, Builder

PMM: Final = 32
HUPMM: Final = 48
FIELDS: Final = (
    ("mseccfg", "smmpm", PMM),
    ("menvcfg", "smnpm", PMM),
    ("senvcfg", "ssnpm", PMM),
    ("henvcfg", "h&ssnpm", PMM),
    ("hstatus", "h&ssnpm", HUPMM),
)
"""Register, what brings the field to it, and the field's lowest bit."""
_access: Final = compute.access("i", "c", "zalrsc", "zicboz")


def configure(build: Builder) -> None:
    """Other lengths, often the same for all modes, now and then the reserved one; no fence follows."""
    pick = build.random
    settle_traps(build)
    usual = pick.choice((0, 2, 2, 3, 3))
    for name, brought, shift in FIELDS:
        if build.cpu.has(brought):
            length = usual if pick.random() < 0.8 else pick.randrange(4)
            put(build, name, 3 << shift, length << shift)
            build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr(name))


def behind(block: Block) -> Block:
    """A block that writes the registers with the fields, and other lengths behind it."""

    def both(build: Builder) -> None:
        block(build)
        configure(build)

    return both


def untranslated(build: Builder) -> None:
    """Tagged accesses in a mode that translates nothing."""
    pick = build.random
    settle_traps(build)
    put(build, "mstatus", MSTATUS_MXR, pick.choice((0, 0, MSTATUS_MXR)))
    if build.cpu.has("h"):
        put(build, "vsstatus", MSTATUS_MXR, pick.choice((0, 0, MSTATUS_MXR)))
    privilege, guest = pick.choice(MODES)
    if guest:
        build.enter_guest(privilege, 0)
    else:
        build.enter(privilege)
    for _ in range(pick.randrange(1, 3)):
        _access(build)
