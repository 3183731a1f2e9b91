"""SFENCE.VMA and its kin with an address: what is cached of its leaf is dropped, however it was reached.

(Manual volume II, "Supervisor Memory-Management Fence Instruction" and "Hypervisor Memory-Management Fence".)
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.hart.state import STALE_GUEST
from emulator.isa.text import assemble
from tests.helpers.paging import CODE, DATA, MPRV, PAGE, RW, RWX, SUM, Guest, Tables, U, V

HERE = 0x40_0000 + (DATA - RAM_BASE)
"""A virtual address; in the 2 MiB page around it, `DATA` lies here."""
OTHER = HERE + 4 * PAGE
"""Another page of the same 2 MiB, and of the same 64 KiB."""
NAPOT = 1 << 63 | 8 << 10
MPV = 1 << 39
TAG = 0x15 << 57
PMLEN_7 = 2 << 32
USER, SUPERVISOR, MACHINE = 0, 1, 3


@dataclass(frozen=True)
class Context:
    """How a load is made: privilege, V, SUM; and the flags that its leaf must have."""

    priv: int
    virt: int = 0
    summed: int = 0

    @property
    def status(self) -> int:
        """`mstatus` with which M-mode makes it."""
        return MPRV | self.priv << 11 | self.virt * MPV | self.summed

    @property
    def flags(self) -> int:
        """Of a leaf."""
        return RW | (U if self.priv == USER or self.summed else 0)


CONTEXTS = [
    Context(priv, virt, summed)
    for virt in (0, STALE_GUEST)
    for priv, summed in ((USER, 0), (SUPERVISOR, 0), (SUPERVISOR, SUM))
]
FENCES = {0: ["sfence.vma", "sinval.vma"], 1: ["hfence.vvma", "hinval.vvma"]}


class Stage:
    """Tables of the first stage, and loads through them by M-mode under MPRV; there is no second stage."""

    def __init__(self, engine: str, context: Context) -> None:
        self.guest = Guest(engine)
        self.context = context
        self.tables = self.guest.tables if not context.virt else Tables(self.guest.rig, "sv39", self.guest.tables.root)
        self.guest.put_word(DATA, 111)
        self.guest.put_word(DATA + PAGE, 222)
        satp = {"satp": self.tables.satp} if not context.virt else {"vsatp": self.tables.satp, "satp": 0}
        self.guest.change(vsstatus=context.summed, **satp)

    def run(self, text: str, address: int = 0) -> int:
        """Execute an instruction on `x6` = address in M-mode; gives what a load loaded."""
        guest = self.guest
        guest.rig.program([assemble(text)], CODE)
        for name, value in {"pc": CODE, "priv": MACHINE, "mstatus": self.context.status, "attention": 1}.items():
            guest.hart.put(name, value)
        guest.hart.put("x", address, 6)
        guest.rig.run(1)
        assert guest.hart.get("pc") == CODE + 4
        return guest.hart.get("x", 5)

    def load(self, address: int = HERE) -> int:
        """Load a word."""
        return self.run("ld x5, 0(x6)", address)


@pytest.mark.parametrize("context", CONTEXTS)
def test_of_the_page_itself(engine: str, context: Context) -> None:
    """A PTE that was changed is followed after a fence for its page, in every mode that had used the old one."""
    for fence in FENCES[context.virt]:
        stage = Stage(engine, context)
        stage.tables.map(HERE, DATA, context.flags)
        assert stage.load() == 111

        stage.tables.map(HERE, DATA + PAGE, context.flags)
        stage.run(f"{fence} x6, x0", HERE + 8)

        assert stage.load() == 222


@pytest.mark.parametrize("fenced", [HERE, OTHER])
@pytest.mark.parametrize("context", CONTEXTS)
def test_of_a_superpage(engine: str, context: Context, fenced: int) -> None:
    """A fence for any address of a large leaf is for all of it."""
    stage = Stage(engine, context)
    stage.tables.map(HERE, RAM_BASE, context.flags, level=1)
    stage.load(OTHER)
    assert stage.load() == 111

    small = Tables(stage.guest.rig, "sv39", stage.tables.root + 24 * PAGE)
    small.map(HERE, DATA + PAGE, context.flags)
    stage.tables.map(HERE, small.place(HERE) & -PAGE, V, level=1)
    stage.run(f"{FENCES[context.virt][0]} x6, x0", fenced)

    assert stage.load() == 222


@pytest.mark.parametrize("context", CONTEXTS)
def test_of_a_napot_page(engine: str, context: Context) -> None:
    """So is one for an address of 64 KiB."""
    stage = Stage(engine, context)
    for page in range(16):
        stage.tables.put((HERE & -0x10000) + page * PAGE, (DATA & -0x10000) >> 12 << 10 | NAPOT | context.flags)
    assert stage.load((HERE & -0x10000) + (DATA & 0xFFFF)) == 111

    for page in range(16):
        stage.tables.map((HERE & -0x10000) + page * PAGE, DATA + PAGE, context.flags)
    stage.run(f"{FENCES[context.virt][0]} x6, x0", OTHER)

    assert stage.load((HERE & -0x10000) + (DATA & 0xFFFF)) == 222


@pytest.mark.parametrize("context", CONTEXTS)
def test_of_tagged_addresses(engine: str, context: Context) -> None:
    """A fence names the page; what was reached through tagged pointers to it is dropped too."""
    stage = Stage(engine, context)
    stage.guest.change(menvcfg=PMLEN_7, henvcfg=PMLEN_7, senvcfg=PMLEN_7)
    stage.tables.map(HERE, DATA, context.flags)
    assert (stage.load(TAG | HERE), stage.load()) == (111, 111)

    stage.tables.map(HERE, DATA + PAGE, context.flags)
    stage.run(f"{FENCES[context.virt][0]} x6, x0", HERE)

    assert (stage.load(TAG | HERE), stage.load()) == (222, 222)


@pytest.mark.parametrize("fence", ["sfence.vma x6, x0", "sinval.vma x6, x0"])
def test_by_a_guest(engine: str, fence: str) -> None:
    """SFENCE.VMA in VS-mode is about the guest's own translations."""
    stage = Stage(engine, Context(SUPERVISOR, 1))
    stage.tables.map(HERE, DATA, RW)
    stage.tables.map(CODE, CODE, RWX)
    assert stage.load() == 111

    stage.tables.map(HERE, DATA + PAGE, RW)
    stage.guest.rig.program(map(assemble, [fence, "ld x5, 0(x6)"]), CODE)
    for name, value in {"pc": CODE, "priv": SUPERVISOR, "virt": 1, "mstatus": 0, "attention": 1}.items():
        stage.guest.hart.put(name, value)
    stage.guest.hart.put("x", HERE, 6)
    stage.guest.rig.run(2)

    assert (stage.guest.hart.get("pc"), stage.guest.hart.get("x", 5)) == (CODE + 8, 222)


def test_of_the_page_that_is_executed(engine: str) -> None:
    """The next instruction of a page that was mapped elsewhere comes from there."""
    guest = Guest(engine)
    guest.tables.map(HERE, DATA, RWX)
    guest.rig.program(map(assemble, ["addi x5, x0, 1", "sfence.vma x6, x0", "addi x5, x5, 2"]), DATA)
    guest.rig.program(map(assemble, ["ebreak", "sfence.vma x6, x0", "addi x5, x5, 4"]), DATA + PAGE)
    for name, value in {"pc": HERE, "priv": SUPERVISOR}.items():
        guest.hart.put(name, value)
    guest.hart.put("x", HERE, 6)
    guest.rig.run(1)
    guest.tables.map(HERE, DATA + PAGE, RWX)
    guest.rig.run(2)

    assert (guest.hart.get("pc"), guest.hart.get("x", 5)) == (HERE + 12, 5)


@pytest.mark.parametrize("other", [HERE + PAGE, HERE + 256 * PAGE, HERE + (1 << 48), -(1 << 30)])
@pytest.mark.parametrize("context", CONTEXTS)
def test_other_pages_stay(context: Context, other: int) -> None:
    """What is cached of other pages survives, which systems that fence every page that they map depend on for speed."""
    stage = Stage("compiled", context)
    stage.tables.map(HERE, DATA, context.flags)
    stage.run("sfence.vma x0, x0")
    stage.run("hfence.gvma x0, x0")
    assert stage.load() == 111

    stage.tables.map(HERE, DATA + PAGE, context.flags)
    stage.run(f"{FENCES[context.virt][0]} x6, x0", other & (1 << 64) - 1)

    assert stage.load() == 111
