"""Blocks about triggers of a program's own (Sdtrig, mcontrol6 with the breakpoint exception), in every mode.

A trigger on loads and stores may cover any part of the data area, for as long as it lasts. One on execution is for a
single instruction of its own block, so that a program never meets it where it could not go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import HSTATUS_HU, HSTATUS_SPVP, MSTATUS_MIE, MSTATUS_SIE
from emulator.hart.state import TRIGGERS
from emulator.isa.table import decode
from tests.lockstep.blocks_trap import settle_traps
from tests.lockstep.handlers import csr
from tests.lockstep.hypervisor import MODES, VS, Mode, enter, put
from tests.lockstep.layout import BASES, TARGETS
from tests.lockstep.operands import MASK64, is_memory, random_word
from tests.lockstep.program import ATOMICS

if TYPE_CHECKING:
    from random import Random

    from tests.lockstep.program import Builder

KIND_SHIFT: Final = 60
MCONTROL6: Final = 6 << KIND_SHIFT
DISABLED: Final = 15 << KIND_SHIFT
UNKNOWN: Final = tuple(kind << KIND_SHIFT for kind in (0, 1, 8, 9, 13))
"""Types that neither machine has."""
LOAD, STORE, EXECUTE = 1, 2, 4
MODE_BITS: Final = 1 << 3 | 1 << 4 | 1 << 6 | 1 << 23 | 1 << 24
FOR_M: Final = 1 << 6
EQUAL, NAPOT, AT_LEAST, BELOW = 0, 1, 2, 3
MATCH_SHIFT: Final = 7
CACHE_FIELDS: Final = 0xF0
"""CBIE, CBCFE and CBZE of the configuration registers."""
LEFT: Final = ("jalr", "hlv", "hsv", "lr", "sc", "cbo.clean", "cbo.flush", "cbo.inval")
"""How names of rows begin that are not tried: `explained.LOST` and `BLOCKS_COMPARED` are reasons."""
DMODE: Final = 1 << 59
NOP: Final = {"rd": 0, "rs1": 0, "imm": 0}


def _choose(build: Builder) -> None:
    """Select a trigger."""
    build.code.constant(31, build.random.randrange(TRIGGERS))
    build.code.op("csrrw", rd=build.random.choice(TARGETS), rs1=31, imm=csr("tselect"))


def _look(build: Builder) -> None:
    for name in ("tdata1", "tdata2"):
        build.code.op("csrrs", rd=build.random.choice(TARGETS), rs1=0, imm=csr(name))


def _modes(pick: Random) -> int:
    return MODE_BITS if pick.random() < 0.5 else pick.getrandbits(64) & MODE_BITS


def _may_fire(build: Builder, mode: Mode) -> None:
    """Interrupts of a mode on, most of the time: without them a handler of the same mode would not be entered again."""
    pick = build.random
    put(build, "mstatus", MSTATUS_SIE, pick.choice((0, MSTATUS_SIE, MSTATUS_SIE)))
    put(build, "vsstatus", MSTATUS_SIE, pick.choice((0, MSTATUS_SIE, MSTATUS_SIE)))
    if mode == (3, False):
        put(build, "mstatus", MSTATUS_MIE, pick.choice((0, MSTATUS_MIE, MSTATUS_MIE)))


def begin(build: Builder) -> None:
    """Cache-block instructions are allowed everywhere."""
    for name in ("menvcfg", "henvcfg", "senvcfg"):
        build.write_csr(name, CACHE_FIELDS)


def watch(build: Builder) -> None:
    """A trigger on loads, stores or both, somewhere in the data area."""
    pick = build.random
    settle_traps(build)
    build.write_csr("mie", 0)
    _choose(build)
    match = pick.choice((EQUAL, NAPOT, NAPOT, AT_LEAST, BELOW))
    address = build.data_address(64) & pick.choice((MASK64, ~7, ~7))
    if match == NAPOT:
        ones = pick.randrange(0, 14)
        address = address & ~((1 << ones + 1) - 1) | (1 << ones) - 1
    modes = _modes(pick) & ~(FOR_M if match == AT_LEAST else 0)
    control = MCONTROL6 | match << MATCH_SHIFT | pick.randrange(4) | modes | (DMODE if pick.random() < 0.1 else 0)
    for name, value in (("tdata1", DISABLED), ("tdata2", address), ("tdata1", control)):
        build.write_csr(name, value)
    _look(build)


def disarm(build: Builder) -> None:
    """A trigger switched off, or given a type that there is not; and a selection of one that there is not."""
    pick = build.random
    settle_traps(build)
    _choose(build)
    build.write_csr("tdata1", pick.choice((DISABLED, 0, *UNKNOWN)) | pick.getrandbits(20))
    _look(build)
    build.write_csr("tselect", pick.getrandbits(64) | 1 << 20)
    build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr("tselect"))


def accesses(build: Builder) -> None:
    """Loads, stores and atomics in some mode, and a look at what fired."""
    pick = build.random
    settle_traps(build)
    build.write_csr("mie", 0)
    mode = pick.choice(MODES)
    _may_fire(build, mode)
    enter(build, mode)
    left = (*LEFT, "cbo.zero") if mode[1] else LEFT  # `explained.BLOCK_OF_GUEST`
    rows = build.rows(fits=lambda row: is_memory(row) and row.length == 4 and not row.name.startswith(left))
    for _ in range(pick.randrange(2, 7)):
        with build.guarded():
            row = pick.choice(rows)
            number = pick.choice(BASES)
            aligned = 64 if row.name == "cbo.zero" else 16 if row.extension in ATOMICS else 1
            plain = aligned > 1  # `explained.FAULT_BEFORE_BREAKPOINT` and `BLOCK_TVAL`
            address = build.tagged(_address(build), 0 if plain else 20) & -aligned
            word = random_word(pick, row) & ~(31 << 15) | number << 15
            found = decode(word)
            offset = 0 if found is None or row.name.startswith("cbo") else found.imm
            build.code.constant(number, address - offset)
            build.code.word(word, 4)
        build.code.constant(number, build.data_address() & ~7)
    settle_traps(build)
    _choose(build)
    _look(build)


def _address(build: Builder) -> int:
    """Somewhere in the data area; an access there is aligned (`explained.COMPARED`)."""
    return build.data_address() & ~7


def guest_accesses(build: Builder) -> None:
    """HLV, HLVX and HSV, which fire in the mode that executes them."""
    pick = build.random
    settle_traps(build)
    build.write_csr("mie", 0)
    mode = pick.choice([mode for mode in MODES if not mode[1]])
    put(build, "hstatus", HSTATUS_HU | HSTATUS_SPVP, pick.getrandbits(64) | HSTATUS_HU)
    _may_fire(build, mode)
    enter(build, mode)
    rows = build.rows(fits=lambda row: row.name.startswith(("hlv", "hsv")))
    for _ in range(pick.randrange(2, 5)):
        with build.guarded():
            number = pick.choice(BASES)
            build.code.constant(number, build.tagged(_address(build)))
            build.code.word(random_word(pick, pick.choice(rows)) & ~(31 << 15) | number << 15, 4)
        build.code.constant(number, build.data_address() & ~7)


def execution(build: Builder) -> None:
    """A trigger on the execution of one instruction, which is reached or not."""
    pick = build.random
    settle_traps(build)
    build.write_csr("mie", 0)
    _choose(build)
    here = build.code.label("here")
    build.write_csr("tdata1", DISABLED)
    build.code.address(31, here)
    build.code.op("csrrw", rd=0, rs1=31, imm=csr("tdata2"))
    build.write_csr("tdata1", MCONTROL6 | EXECUTE | _modes(pick) | pick.choice((0, NAPOT)) << MATCH_SHIFT)
    mode = pick.choice(MODES)
    _may_fire(build, mode)
    enter(build, mode)
    with build.guarded():
        for _ in range(pick.randrange(4)):
            build.code.op("addi", **NOP)
        build.code.place(here)
        build.code.op("addi", rd=pick.choice([n for n in TARGETS if n]), rs1=5, imm=1)
        build.code.op("addi", **NOP)
    settle_traps(build)
    _look(build)
    build.write_csr("tdata1", DISABLED)


def delegate(build: Builder) -> None:
    """Breakpoints to M-, HS- or VS-mode."""
    pick = build.random
    settle_traps(build)
    build.write_csr("medeleg", pick.choice((0, 8, 8)) | pick.choice((0, 1 << 8)))
    build.write_csr("hedeleg", pick.choice((0, 8, 8)))
    enter(build, pick.choice((VS, *MODES)))
