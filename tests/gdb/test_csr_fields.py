"""CSRs as GDB shows them: numbers that it computes with, views with named fields, groups."""

from __future__ import annotations

import pytest

from rvgdb.sessions import CommandFailed
from tests.gdb.conftest import Session

pytestmark = pytest.mark.unlike_qemu("it sends plain numbers and no groups")


async def test_a_view_prints_the_fields(demo: Session) -> None:
    """`p $menvcfg_view` names every field; values that have names are names."""
    await demo.gdb.set_var("$menvcfg", 0xF1)
    text = await demo.gdb.evaluate("$menvcfg_view")
    assert text.startswith("[ FIOM=1 ")
    assert " CBIE=invalidate CBCFE=1 CBZE=1 PMM=off " in text
    await demo.gdb.set_var("$satp", "0x8000200000080001")
    assert await demo.gdb.evaluate("$satp_view") == "[ PPN=524289 ASID=2 MODE=Sv39 ]"


async def test_numbers_stay_numbers(demo: Session) -> None:
    """The CSR itself is assigned, compared and computed with as an integer, also from GDB's 4-byte literals."""
    await demo.gdb.set_var("$satp", "0x8000000000080001")
    assert await demo.gdb.integer("$satp & 0xfffffffffff") == 0x80001
    await demo.gdb.set_var("$satp", 0)
    assert await demo.gdb.evaluate("$satp == 0") == "1"
    assert await demo.gdb.console('printf "%lx\\n", $mstatus + 1') == f"{await demo.gdb.register('mstatus') + 1:x}\n"


async def test_a_field_is_a_register_of_its_own(demo: Session) -> None:
    """Reading gives the name of the value, writing changes this field alone, and a value it cannot have is refused."""
    before = await demo.gdb.register("mstatus")
    await demo.gdb.set_var("$mstatus_MPP", 3)
    assert await demo.gdb.evaluate("$mstatus_MPP") == "M"
    assert await demo.gdb.register("mstatus") == before | 3 << 11
    with pytest.raises(CommandFailed):
        await demo.gdb.set_var("$mstatus_MPP", 2)


@pytest.mark.parametrize(
    ("group", "members"),
    [
        ("csr", {"mstatus", "mstatus_view", "satp", "mcause_view", "fcsr", "mepc"}),
        ("hypervisor", {"hstatus_view", "henvcfg_view", "hgatp_view", "htval_view", "mtinst_view"}),
        ("virtual", {"vsstatus_view", "vsatp_view", "vsepc_view", "vscause_view"}),
        (
            "pointer-masking",
            {"menvcfg_PMM", "henvcfg_PMM", "hstatus_HUPMM", "vsstatus_MXR", "mstatus_MPRV", "satp_MODE"},
        ),
    ],
)
async def test_groups(demo: Session, group: str, members: set[str]) -> None:
    """`info registers GROUP` lists the group and no row of it is an error."""
    text = await demo.gdb.console(f"info registers {group}")
    names = {line.split()[0] for line in text.splitlines() if line.strip()}
    assert members <= names
    assert "unavailable" not in text
    assert "Could not" not in text


async def test_the_general_group_is_gdbs(demo: Session) -> None:
    """`info registers` alone does not list any of it."""
    assert "_view" not in await demo.gdb.console("info registers")


async def test_a_cause_is_named(demo: Session) -> None:
    """A trap's cause, in words."""
    await demo.gdb.tbreak("trap")
    await demo.gdb.cont()
    await demo.gdb.expect_breakpoint("trap")
    assert await demo.gdb.evaluate("$mcause_view") == "[ INTERRUPT=1 CODE=store-access-fault|machine-timer ]"


async def test_masking_is_set_by_field(demo: Session) -> None:
    """Each PMM field takes PMLEN7 and PMLEN16 by number, shows them by name, and refuses the reserved value."""
    for name in ("menvcfg_PMM", "senvcfg_PMM", "henvcfg_PMM", "hstatus_HUPMM"):
        for value, text in ((2, "PMLEN7"), (3, "PMLEN16"), (0, "off")):
            await demo.gdb.set_var(f"${name}", value)
            assert await demo.gdb.evaluate(f"${name}") == text
        with pytest.raises(CommandFailed):
            await demo.gdb.set_var(f"${name}", 1)
    assert "PMM=off" in await demo.gdb.evaluate("$henvcfg_view")


async def test_a_guests_addresses_are_explained(demo: Session) -> None:
    """In VS-mode `pm` names `henvcfg.PMM`, and `walk` goes through the tables that GDB writes for both stages."""
    gdb = demo.gdb
    first, second = 0x8010_0000, 0x8020_0000
    await gdb.write_memory(first + 8, (0x2000_0000 | 0xCF).to_bytes(8, "little"))
    await gdb.write_memory(second + 16, (0x2000_0000 | 0xDF).to_bytes(8, "little"))
    values = {"vsatp": 8 << 60 | first >> 12, "hgatp": 8 << 60 | second >> 12, "henvcfg_PMM": 3, "pmpcfg0": 0x1F}
    for name, value in {**values, "pmpaddr0": (1 << 54) - 1, "priv": 5}.items():
        await gdb.set_var(f"${name}", value)
    lines = (await gdb.monitor("walk 0xabcd000040001234")).splitlines()
    assert lines[:4] == [
        "load at 0xabcd000040001234, made in VS-mode",
        "  henvcfg.PMM=PMLEN16: bits 63:48 are ignored and become copies of bit 47 (vsatp.MODE=Sv39)",
        "  means 0x40001234",
        "  VS-stage of 0x40001234: vsatp.MODE=Sv39, root 0x80100000",
    ]
    assert lines[-4:-1] == [
        "  G-stage of 0x80001234: hgatp.MODE=Sv39x4, root 0x80200000",
        "    level 2: entry at 0x80200010 = 0x00000000200000df vrwxu-ad: a page, allows load, store, fetch, hlvx",
        "    leads to 0x80001234",
    ]
    assert lines[-1] == "  reaches physical 0x80001234 (Ram)"
    await gdb.set_var("$hgatp", 0)
    await gdb.set_var("$henvcfg_PMM", 0)
    text = await gdb.monitor("walk 0xabcd000040001234")
    assert "are not copies of the highest one translated" in text
    assert "raises load-page-fault (13), tval 0xabcd000040001234" in text
