"""CSRs and f registers through GDB obey the rules that instructions meet, and reading them changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rvgdb.sessions import CommandFailed
from tests.gdb.conftest import RVGDB, Session, attached
from tests.helpers.guests import DEMO

pytestmark = pytest.mark.unlike_qemu("its version 7.2 has neither pointer masking nor these rules")

EVERYTHING = (1 << 64) - 1
ROOT = 0x80010

WRITTEN = [
    # hypervisor, by number ("Hypervisor and Virtual Supervisor CSRs")
    ("hstatus", EVERYTHING, 0x0003_0002_0070_03C0),  # HUPMM, VTSR to VTVM, HU, SPVP, SPV, GVA; VSXL is 2
    ("hideleg", EVERYTHING, 0x444),
    ("hie", EVERYTHING ^ 1 << 12, 0x444),  # whether SGEIE can be set where no guest has external interrupts is open
    ("hip", EVERYTHING, 0x4),
    ("hvip", EVERYTHING, 0x444),
    ("hcounteren", EVERYTHING, 0xFFFF_FFFF),
    ("htimedelta", 0x1234_5678_9ABC_DEF0, 0x1234_5678_9ABC_DEF0),
    ("htval", 0x2000_1234, 0x2000_1234),
    ("htinst", 0x3020, 0x3020),
    ("hgatp", 8 << 60 | 5 << 44 | ROOT | 3, 8 << 60 | 5 << 44 | ROOT),  # a root of 16 KiB
    ("henvcfg", 0xF1 | 3 << 32, 0xF1 | 3 << 32),
    ("mtval2", 0x2000_1234, 0x2000_1234),
    ("mtinst", 0x3000, 0x3000),
    # a guest's supervisor
    ("vsstatus", EVERYTHING, 0x8000_0002_000C_6122),  # SD; UXL is 2; MXR, SUM, FS, SPP, SPIE, SIE
    ("vstvec", 0x8000_0003, 0x8000_0001),
    ("vsscratch", EVERYTHING, EVERYTHING),
    ("vsepc", 0x8000_0001, 0x8000_0000),
    ("vscause", 1 << 63 | 5, 1 << 63 | 5),
    ("vstval", EVERYTHING, EVERYTHING),
    ("vsatp", 9 << 60 | 7 << 44 | ROOT, 9 << 60 | 7 << 44 | ROOT),
    # the rest, a register a rule
    ("menvcfg", 1 << 32 | 1, 1),  # PMM = 1 is reserved
    ("mepc", 0x8000_0001, 0x8000_0000),
    ("mtvec", 0x8000_0003, 0x8000_0001),
    ("medeleg", EVERYTHING, 0xF0_B7FF),
    ("pmpaddr0", EVERYTHING, (1 << 54) - 1),
    ("pmpcfg0", 0xE2, 0x80),  # W without R, and reserved bits
    ("fcsr", 0xFF21, 0x21),
    ("frm", 0xF, 7),
    ("fflags", 0xFF, 0x1F),
    ("tselect", 2, 2),
    ("scounteren", EVERYTHING, 0xFFFF_FFFF),
]


async def test_what_is_kept(demo: Session) -> None:
    """A value that GDB writes becomes the legal one that an instruction would leave."""
    for name, value, kept in WRITTEN:
        await demo.gdb.set_var(f"${name}", f"{value:#x}")
        assert await demo.gdb.register(name) == kept, name


async def test_what_is_read_only(demo: Session) -> None:
    """Its number says so; the error names it, and nothing is changed."""
    for name in ("mvendorid", "marchid", "mimpid", "mhartid", "cycle", "time", "instret", "hgeip"):
        before = await demo.gdb.register(name)
        with pytest.raises(CommandFailed, match=name):
            await demo.gdb.set_var(f"${name}", 0x55)
        assert await demo.gdb.register(name) == before


async def test_interrupts_of_a_guest(demo: Session) -> None:
    """`vsip` and `sip` are views, each of its own bits: what is injected is the guest's, and SSIP alone is writable."""
    await demo.gdb.set_var("$hideleg", 0x444)
    await demo.gdb.set_var("$hvip", 0x444)
    assert [await demo.gdb.register(name) for name in ("vsip", "sip", "hip")] == [0x222, 0, 0x444]
    assert await demo.gdb.register("mip") & 0x444 == 0x444
    await demo.gdb.set_var("$vsip", 0)
    assert [await demo.gdb.register(name) for name in ("vsip", "hvip")] == [0x220, 0x440]


async def test_counters_count_the_guests_steps(demo: Session) -> None:
    """Reading takes no time of the guest's; a step counts one, from what was written."""
    for name in ("mcycle", "minstret"):
        await demo.gdb.set_var(f"${name}", 1000)
        assert [await demo.gdb.register(name) for _ in range(3)] == [1000] * 3
    await demo.gdb.stepi()
    assert [await demo.gdb.register(name) for name in ("mcycle", "minstret", "cycle")] == [1001] * 3


async def test_floating_point_registers(demo: Session) -> None:
    """Each f register is GDB's union of a single and a double, and what is written stays over a step."""
    await demo.gdb.set_var("$fa0.double", "-2.5")
    assert await demo.gdb.evaluate("$fa0.double") == "-2.5"
    await demo.gdb.set_var("$ft0.float", "1.5")
    assert await demo.gdb.evaluate("$ft0.float") == "1.5"
    assert await demo.gdb.console('printf "%f %f\\n", $fa0.double, $ft0.float') == "-2.500000 1.500000\n"
    await demo.gdb.stepi()
    assert await demo.gdb.evaluate("$fa0.double") == "-2.5"


async def test_the_mode_with_v(demo: Session) -> None:
    """`$priv` is the privilege, and 4 more at V=1; what there is not is refused."""
    for value in (0, 1, 4, 5, 3):
        await demo.gdb.set_var("$priv", value)
        assert await demo.gdb.register("priv") == value
    for value in (2, 6, 7, 8):
        with pytest.raises(CommandFailed):
            await demo.gdb.set_var("$priv", value)
    assert await demo.gdb.register("priv") == 3


@pytest.fixture
async def entropic() -> AsyncIterator[Session]:
    """A session on a hart with the entropy source."""
    async with attached(RVGDB, DEMO, "-cpu", "rv64,zkr=on") as session:
        yield session


async def test_reading_has_no_side_effects(entropic: Session) -> None:
    """Every register twice, `seed` among them, which gives an instruction another number each time."""
    await entropic.gdb.tbreak("trap")
    await entropic.gdb.cont()
    await entropic.gdb.expect_breakpoint("trap")
    first = await entropic.gdb.console("info all-registers")
    assert "seed" in first
    assert await entropic.gdb.console("info all-registers") == first
