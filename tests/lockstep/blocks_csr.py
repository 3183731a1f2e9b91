"""Blocks of CSR accesses: which values a CSR is given, so that a program stays in its own hands."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Final

from emulator.hart import csrs
from tests.lockstep.explained import AVOIDED_CSRS
from tests.lockstep.handlers import csr
from tests.lockstep.layout import GUEST_HANDLER, MACHINE_HANDLER, SUPERVISOR_HANDLER, TARGETS
from tests.lockstep.operands import random_value

if TYPE_CHECKING:
    from tests.lockstep.program import Builder

STATUS_LEFT: Final = 3 << 13 | 1 << 22
"""FS (see `explained`), and TSR, with which the supervisor's handler could not return."""
ENVCFG_LEFT: Final = 1 << 63 | 1
"""STCE, which `hypervisor.timers` sets, and FIOM (see `explained` for both)."""
STATE_ENABLES: Final = 1 << 63 | 1 << 62
"""What both machines have of `mstateen0` (see `explained`)."""
MPP: Final = 3 << 11
RESERVED_MPP: Final = 2 << 11
"""See `explained.NO_MODE`."""
WHOLE: Final = frozenset({"mtinst", "htinst", "stimecmp", "vstimecmp", "htimedelta"})
"""Written by CSRRW alone, because not just any value will do, or because what they hold is not alike (`explained`)."""
LEAVE_ALONE: Final = frozenset({"medeleg", "mtvec", "stvec", "vstvec", "vsatp", "hgatp"})
"""Not for any instruction with any value: see `_VALUES` and `delegate`."""
PROTECTION: Final = frozenset(number for number in range(0x3A0, 0x3F0))

Values = Callable[[Random], int]


def _status(pick: Random) -> int:
    value = random_value(pick) & ~STATUS_LEFT
    return value & ~MPP if value & MPP == RESERVED_MPP else value


def _deadline(pick: Random) -> int:
    """A moment that no program lives to see, whatever `htimedelta` is (`explained.TIMERS`)."""
    return 1 << 63 | pick.getrandbits(63)


_VALUES: Final[dict[str, Values]] = {
    "mstatus": _status,
    "sstatus": _status,
    "mtvec": lambda pick: MACHINE_HANDLER | pick.randrange(2),
    "stvec": lambda pick: SUPERVISOR_HANDLER | pick.randrange(2),
    "menvcfg": lambda pick: random_value(pick) & ~ENVCFG_LEFT,
    "senvcfg": lambda pick: random_value(pick) & ~1,
    "mie": lambda pick: random_value(pick) & 0xFFFF,
    "mseccfg": lambda pick: random_value(pick) & 3 << 32,  # `explained.LOCKDOWN`
    "vsstatus": _status,
    "mstateen0": lambda pick: random_value(pick) & STATE_ENABLES,
    "hstateen0": lambda pick: random_value(pick) & STATE_ENABLES,
    "hstatus": lambda pick: random_value(pick) & ~(1 << 22),  # VTSR, for the same reason as TSR
    "henvcfg": lambda pick: random_value(pick) & ~ENVCFG_LEFT,
    "vstvec": lambda pick: GUEST_HANDLER | pick.randrange(2),
    "stimecmp": _deadline,
    "vstimecmp": _deadline,
    "htimedelta": lambda pick: pick.getrandbits(62),
}
"""Values for CSRs that cannot take just any."""

WRITABLE: Final = tuple(
    row
    for row in csrs.ROWS
    if not row.read_only and row.number not in AVOIDED_CSRS | PROTECTION and row.name not in LEAVE_ALONE
)
READABLE: Final = tuple(row for row in csrs.ROWS if row.number not in AVOIDED_CSRS)
REGISTER_FORMS: Final = ("csrrw", "csrrs", "csrrc")
IMMEDIATE_FORMS: Final = ("csrrwi", "csrrsi", "csrrci")


def values_of(name: str) -> Values:
    """What makes values for a CSR."""
    return _VALUES.get(name, random_value)


def _exists(build: Builder, row: csrs.Csr) -> bool:
    counter = row.number in range(0xC00, 0xC20) or row.number in range(0xB00, 0xB20)
    needs = "zihpm" if counter and row.number & 31 > 2 else "zicntr"
    return not counter or build.cpu.has(needs)


def write(build: Builder) -> None:
    """One write of a value to a CSR, in one of the six forms, and a look at what became of it."""
    pick = build.random
    row = pick.choice([row for row in WRITABLE if _exists(build, row)])
    rd = pick.choice(TARGETS)
    with build.guarded():
        if pick.random() < 0.2 and row.name not in {*_VALUES, *WHOLE}:
            build.code.op(pick.choice(IMMEDIATE_FORMS), rd=rd, rs1=pick.randrange(32), imm=row.number)
        else:
            build.code.constant(31, values_of(row.name)(pick))
            form = "csrrw" if row.name in WHOLE else pick.choice(REGISTER_FORMS)
            build.code.op(form, rd=rd, rs1=31, imm=row.number)
        build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=row.number)


def vector(build: Builder) -> None:
    """A trap vector in direct or vectored mode: written whole, never combined."""
    pick = build.random
    name = pick.choice(("mtvec", "stvec"))
    with build.guarded():
        build.code.constant(31, _VALUES[name](pick))
        build.code.op("csrrw", rd=pick.choice(TARGETS), rs1=31, imm=csr(name))
        build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr(name))


def read(build: Builder) -> None:
    """Reads of CSRs, or of numbers that are none, or that the privilege does not allow."""
    pick = build.random
    for _ in range(pick.randrange(1, 4)):
        number = pick.choice([row.number for row in READABLE if _exists(build, row)])
        if pick.random() < 0.15:
            number = pick.choice([n for n in range(4096) if n not in csrs.BY_NUMBER and n not in AVOIDED_CSRS])
        with build.guarded():
            form, source = pick.choice((("csrrs", 0), ("csrrc", 0), ("csrrsi", 0), ("csrrci", 0)))
            build.code.op(form, rd=pick.choice(TARGETS), rs1=source, imm=number)


def write_read_only(build: Builder) -> None:
    """A write to a CSR whose number says that it is read-only: illegal from everywhere."""
    pick = build.random
    number = pick.choice([row.number for row in READABLE if row.read_only])
    with build.guarded():
        build.code.op(pick.choice(("csrrw", "csrrwi")), rd=pick.choice(TARGETS), rs1=pick.randrange(32), imm=number)


def counters(build: Builder) -> None:
    """The count of retired instructions, written, and read some instructions later."""
    pick = build.random
    with build.guarded():
        build.raise_privilege()
        build.code.constant(31, random_value(pick))
        build.code.op("csrrw", rd=pick.choice(TARGETS), rs1=31, imm=csr("minstret"))
        build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr(pick.choice(("minstret", "instret"))))
    with build.guarded():
        build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr("instret"))
