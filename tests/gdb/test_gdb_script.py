"""What `rvgdb gdb-script` brings into a real GDB."""

from __future__ import annotations

from pathlib import Path

import pytest

from rvgdb.gdbext import script
from rvgdb.sessions import CommandFailed
from tests.gdb.conftest import Session

pytestmark = pytest.mark.unlike_qemu("it is made for rvgdb's types and commands")


@pytest.fixture
async def scripted(demo: Session, tmp_path: Path) -> Session:
    """A session whose GDB has read the script."""
    place = tmp_path / "rvgdb-gdb.py"
    place.write_text(script())
    await demo.gdb.console(f"source {place}")
    return demo


async def test_a_csr_prints_its_fields_and_stays_a_number(scripted: Session) -> None:
    """`p $menvcfg` shows fields, `p/x` and expressions the number, and small literals can be assigned."""
    gdb = scripted.gdb
    await gdb.set_var("$menvcfg", 0x11)
    assert (await gdb.console("p $menvcfg")).startswith("$1 = [ FIOM=1 LPE=0 SSE=0 CBIE=flush ")
    assert await gdb.console("p/x $menvcfg") == "$2 = 0x11\n"
    assert await gdb.console("p $menvcfg & 0xf") == "$3 = 1\n"
    listed = await gdb.console("info registers menvcfg")
    assert listed.split()[:4] == ["menvcfg", "0x11", "[", "FIOM=1"]
    assert "MXR=0" in await gdb.console("info registers mstatus_view")


async def test_what_is_wrong_is_said_without_python(scripted: Session) -> None:
    """A wrong argument is one sentence about it."""
    for line, said in {
        "p $pm()": r"\$pm\(ADDRESS\) takes one address, not 0 arguments",
        "p $phys(1, 2)": r"\$phys\(ADDRESS\) takes one address, not 2 arguments",
        'p $tag("x")': r"is no address",
        "pm no_such_symbol": r'No symbol "no_such_symbol" in current context\.',
        "ptwalk $pc fly": r"A syntax error in expression, near `fly'\.",
    }.items():
        before = len(scripted.gdb.transcript)
        with pytest.raises(CommandFailed, match=said):
            await scripted.gdb.console(line)
        assert "Python Exception" not in scripted.gdb.transcript[before:]


async def test_causes_are_named_by_their_top_bit(scripted: Session) -> None:
    """An interrupt's code is an interrupt's, which GDB's own types cannot tell."""
    await scripted.gdb.tbreak("trap")
    await scripted.gdb.cont()
    await scripted.gdb.expect_breakpoint("trap")
    assert "[ INTERRUPT=1 CODE=machine-timer ]" in await scripted.gdb.console("p $mcause")
    assert "machine-timer interrupt (7)" in await scripted.gdb.console("trap 1")


async def test_functions_translate(scripted: Session) -> None:
    """$pm, $phys and $tag in expressions, through a page that GDB maps itself; a fault is an error that names it."""
    gdb = scripted.gdb
    await gdb.write_memory(0x8010_0008, (0x200000CF).to_bytes(8, "little"))
    for name, value in {
        "pmpaddr0": "-1",
        "pmpcfg0": "0x1f",
        "satp": "0x8000000000080100",
        "mstatus": "0x20800",
    }.items():
        await gdb.set_var(f"${name}", value)
    assert await gdb.integer("$phys(0x40001234)") == 0x8000_1234
    assert await gdb.integer("$pm(0x40001234) + 1") == 0x4000_1235
    assert await gdb.integer("$tag(0xab00000040001234)") == 0
    with pytest.raises(CommandFailed, match=r"load-page-fault \(13\), tval 0x80001234"):
        await gdb.evaluate("$phys(0x80001234)")
    assert "vrwx--ad: a page" in await gdb.console("ptwalk 0x40001000 + 0x234 store")
    assert "reaches physical 0x80001234" in await gdb.console("pm 0x40001234")


async def test_commands_have_help(scripted: Session) -> None:
    """GDB's `help` knows each of them."""
    for name in ("pm", "ptwalk", "csr", "trap", "kvm"):
        assert f"Usage: {name}" in await scripted.gdb.console(f"help {name}")


async def test_reading_it_again_changes_nothing(scripted: Session, tmp_path: Path) -> None:
    """A second `source` leaves one printer, and variables of others do it no harm."""
    await scripted.gdb.console("python number = monitor = 5")
    await scripted.gdb.console(f"source {tmp_path / 'rvgdb-gdb.py'}")
    count = "python print(sum(getattr(one, '__name__', '') == 'find_printer' for one in gdb.pretty_printers))"
    assert await scripted.gdb.console(count) == "1\n"
    assert await scripted.gdb.console("csr mhartid") == await scripted.gdb.monitor("csr mhartid")
