"""Blocks about what gates a CSR: counter-enable registers, Sstc, Smstateen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import ENVCFG_STCE, STATEEN_ENVCFG, STATEEN_SE
from tests.lockstep.blocks_trap import MACHINE, SUPERVISOR, USER, settle_traps
from tests.lockstep.handlers import csr
from tests.lockstep.layout import TARGETS
from tests.lockstep.operands import random_value

if TYPE_CHECKING:
    from tests.lockstep.program import Builder

NEVER: Final = (1 << 64) - 1
LINK: Final = tuple(number for number in TARGETS if number)
COUNTERS: Final = (*(f"hpmcounter{number}" for number in range(3, 32)), *("cycle", "time", "instret") * 8)
FOREIGN: Final = 1 << 60 | 1
"""CSRIND and C: see `explained.FOREIGN_STATE`."""
ANYONE: Final = (USER, SUPERVISOR, MACHINE)


def _read(build: Builder, name: str) -> None:
    with build.guarded():
        build.code.op("csrrs", rd=build.random.choice(LINK), rs1=0, imm=csr(name))


def counters(build: Builder) -> None:
    """Counters read in some privilege, enabled by M- and S-mode one by one."""
    pick = build.random
    settle_traps(build)
    for name in ("mcounteren", "scounteren"):
        build.write_csr(name, pick.choice((0, (1 << 32) - 1, pick.getrandbits(32), pick.getrandbits(32))))
        _read(build, name)
    build.enter(pick.choice(ANYONE))
    for _ in range(pick.randrange(2, 8)):
        _read(build, pick.choice(COUNTERS))


def begin_timer(build: Builder) -> None:
    """No timer interrupt yet, and none that elapsed time could bring later."""
    build.write_csr("stimecmp", NEVER)
    build.write_csr("menvcfg", 0)


def timer(build: Builder) -> None:
    """`stimecmp` in some privilege, enabled or not: a time that is past, or one that never comes."""
    pick = build.random
    settle_traps(build)
    build.write_csr("mip", 0)  # `explained.TIMER_LATE`
    build.write_csr("menvcfg", pick.choice((0, ENVCFG_STCE, ENVCFG_STCE)))
    build.write_csr("mcounteren", pick.choice((0, 2, 2, 7)))
    build.write_csr("mie", pick.choice((0, 0, 0x20, 0x222)))
    build.enter(pick.choice(ANYONE))
    for _ in range(pick.randrange(1, 4)):
        with build.guarded():
            build.code.constant(31, pick.choice((0, NEVER, NEVER, 1 << 63, 1 << 50)))
            build.code.op("csrrw", rd=pick.choice(LINK), rs1=31, imm=csr("stimecmp"))
            build.code.op("csrrs", rd=pick.choice(LINK), rs1=0, imm=csr("stimecmp"))
        _read(build, pick.choice(("sip", "sie", "mip")))
    settle_traps(build)
    build.write_csr("mip", pick.choice((0, 0x20)))  # STIP is read-only under STCE
    _read(build, "mip")
    build.write_csr("stimecmp", NEVER)
    build.write_csr("mip", 0)


def state(build: Builder) -> None:
    """`mstateen` with any bits, and what it guards, from some privilege."""
    pick = build.random
    settle_traps(build)
    for number in range(4):
        value = pick.choice((0, STATEEN_SE, STATEEN_SE | STATEEN_ENVCFG, STATEEN_ENVCFG, random_value(pick)))
        build.write_csr(f"mstateen{number}", value & ~FOREIGN)
        _read(build, f"mstateen{number}")
    build.enter(pick.choice(ANYONE))
    for _ in range(pick.randrange(2, 8)):
        name = pick.choice(("senvcfg", "senvcfg", *(f"sstateen{number}" for number in range(4))))
        if pick.random() < 0.4:
            with build.guarded():
                build.code.constant(31, random_value(pick) & ~1)
                build.code.op("csrrw", rd=pick.choice(LINK), rs1=31, imm=csr(name))
        _read(build, name)
