"""Misaligned loads and stores: done, or trapped where the hart is told to (volume I, "Load and Store Instructions")."""

from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.hart.fields import Cause
from emulator.isa.extensions import parse_cpu
from emulator.isa.text import assemble
from tests.helpers.paging import CODE, CODE_S, PAGE, RW, SUPERVISOR, D, Guest, W
from tests.helpers.rig import Rig

HANDLER = RAM_BASE + 0x8000
DATA = RAM_BASE + 0x4000
HERE = 0x20_0000

ACCESSES = [
    (f"{name} x6, 0(x7)", size, Cause.LOAD_MISALIGNED)
    for name, size in (("lb", 1), ("lbu", 1), ("lh", 2), ("lhu", 2), ("lw", 4), ("lwu", 4), ("ld", 8))
] + [(f"{name} x6, 0(x7)", size, Cause.STORE_MISALIGNED) for name, size in (("sb", 1), ("sh", 2), ("sw", 4), ("sd", 8))]


@pytest.mark.parametrize(("text", "size", "cause"), ACCESSES)
@pytest.mark.parametrize("cpu", ["rv64", "rv64,misaligned=trap"])
def test_misaligned(engine: str, cpu: str, text: str, size: int, cause: Cause) -> None:
    """`misaligned=trap` raises the exception with the address for exactly what is not aligned to its size."""
    rig = Rig(engine, parse_cpu(cpu))
    for base in (DATA, DATA + 0x1000 - 8):  # the second run of addresses crosses a page
        for offset in range(9):
            rig.hart.put("mtvec", HANDLER)
            rig.hart.put("pc", RAM_BASE)
            rig.execute(text, x7=base + offset)

            trapped = rig.hart.get("pc") == HANDLER
            assert trapped == (offset % size != 0 and "trap" in cpu)
            if trapped:
                assert (rig.hart.get("mcause"), rig.hart.get("mtval")) == (cause, base + offset)


@pytest.mark.parametrize("flags", [RW ^ W, RW ^ D])
@pytest.mark.parametrize("store", ["sh x5, 9(x6)", "sw x5, 62(x6)", "sd x5, 57(x6)"])
def test_what_may_only_be_loaded(engine: str, flags: int, store: str) -> None:
    """A misaligned store into a page that loads have just used asks for its own permission, and for the D bit."""
    guest = Guest(engine)
    guest.tables.map(HERE, DATA, flags)
    guest.rig.program(map(assemble, ["ld x5, 0(x6)", "ld x5, 9(x6)", store]), CODE)
    for name, value in {"pc": CODE_S, "priv": SUPERVISOR, "mstatus": 0, "menvcfg": 0}.items():
        guest.hart.put(name, value)
    guest.hart.put("x", HERE, 6)
    before = guest.rig.read(DATA, PAGE)
    guest.rig.run(3)

    assert (guest.hart.get("mepc"), guest.hart.get("mcause")) == (CODE_S + 8, Cause.STORE_PAGE)
    assert guest.rig.read(DATA, PAGE) == before
