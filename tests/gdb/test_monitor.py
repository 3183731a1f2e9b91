"""`monitor`: the emulator's own commands."""

from __future__ import annotations

import re

import pytest

from tests.gdb.conftest import Session


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
    assert await session.gdb.register("pc") == 0x1000


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
