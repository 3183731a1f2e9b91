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
        ("pointer-masking", {"mstatus_MXR", "mstatus_MPRV", "satp_MODE"}),
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
