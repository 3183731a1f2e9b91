"""`monitor`: the emulator's own commands."""

from __future__ import annotations

import re

import pytest

from tests.gdb.conftest import Emulator, Session, attached
from tests.helpers.guests import DEMO


async def test_monitor_help(session: Session) -> None:
    """`monitor help` names the commands."""
    text = await session.gdb.monitor("help")
    assert {"help", "info", "cont", "stop", "system_reset"} <= set(re.findall(r"\w+", text))


async def test_monitor_info_registers(session: Session) -> None:
    """`monitor info registers` shows the values that GDB has from the protocol."""
    await session.gdb.tbreak("main")
    await session.gdb.cont()
    await session.gdb.expect_breakpoint("main")
    text = await session.gdb.monitor("info registers")
    values = set(text.split())
    for name, value in (await session.gdb.registers("pc", "sp", "ra", "gp", "mstatus", "stvec")).items():
        assert f"{value:016x}" in values, name


async def test_unknown_monitor_command(session: Session) -> None:
    """A command that does not exist is answered by a sentence, and the session goes on."""
    text = await session.gdb.monitor("frobnicate")
    assert "frobnicate" in text
    assert await session.gdb.register("pc") == session.guest.reset_pc


@pytest.mark.unlike_qemu("it has no such command")
async def test_monitor_csr_and_trap(demo: Session) -> None:
    """`monitor csr` decodes what GDB reads as a number, and `monitor trap` says what happened."""
    await demo.gdb.tbreak("trap")
    await demo.gdb.cont()
    await demo.gdb.expect_breakpoint("trap")
    assert "machine-timer (7)" in await demo.gdb.monitor("csr mcause")
    epc = await demo.gdb.register("mepc")
    assert f"M to M: machine-timer interrupt (7), pc {epc:#x}" in await demo.gdb.monitor("trap 1")
    await demo.gdb.monitor("csr mstatus.MXR 1")
    assert await demo.gdb.integer("$mstatus >> 19 & 1") == 1


async def test_monitor_info_mem(demo: Session) -> None:
    """A page table that GDB writes, in QEMU's columns."""
    assert "No translation" in await demo.gdb.monitor("info mem")
    await demo.gdb.write_memory(0x8010_0008, (0x2000_00CF).to_bytes(8, "little"))
    await demo.gdb.write_memory(0x8010_0010, (0x3000_00CF).to_bytes(8, "little"))
    await demo.gdb.write_memory(0x8010_0FF8, (0x2000_0053).to_bytes(8, "little"))
    await demo.gdb.set_var("$satp", "0x8000000000080100")
    lines = (await demo.gdb.monitor("info mem")).splitlines()
    assert lines == [
        "vaddr            paddr            size             attr",
        "---------------- ---------------- ---------------- -------",
        "0000000040000000 0000000080000000 0000000080000000 rwx--ad",
        "ffffffffc0000000 0000000080000000 0000000040000000 r--u-a-",
    ]


@pytest.mark.parametrize("options", [(), ("-smp", "2")])
async def test_monitor_registers_have_qemus_form(emulator: Emulator, options: tuple[str, ...]) -> None:
    """The names of the listing and their places in a line are the same on both emulators."""
    async with attached(emulator, DEMO, *options) as session:
        text = await session.gdb.monitor("info registers")
    lines = text.splitlines()
    assert lines[1] == "CPU#0"
    assert any(re.fullmatch(r" pc       [0-9a-f]{16}", line) for line in lines)
    assert any(re.match(r" x28/t3   [0-9a-f]{16} x29/t4   [0-9a-f]{16} x30/t5   [0-9a-f]{16}", line) for line in lines)
    assert any(re.match(r" f8/fs0   [0-9a-f]{16} f9/fs1   [0-9a-f]{16} f10/fa0  [0-9a-f]{16}", line) for line in lines)
