"""Writing memory, `x/20i`, `dump memory` and `load`."""

from __future__ import annotations

import re
from pathlib import Path

from rvgdb.sessions import open_gdb
from tests.gdb.conftest import Emulator, Session, attached
from tests.helpers.guests import DEMO, SMODE, Guest


async def run_to(session: Session, location: str) -> None:
    """Let the guest run to a place that it passes."""
    await session.gdb.tbreak(location)
    await session.gdb.cont()
    await session.gdb.expect_breakpoint()


async def test_write_memory(demo: Session) -> None:
    """A variable that GDB writes is what the guest computes with: the first box gets twice as wide."""
    await run_to(demo, "main")
    await demo.gdb.set_var("boxes[0].width", 10)
    assert await demo.gdb.integer("boxes[0].width") == 10
    await demo.gdb.cont()
    await demo.machine.expect_output(f"matchbox: {10 * 3 * 1}\n")


async def test_write_bytes(session: Session) -> None:
    """Every byte value survives the way into memory and back, at an odd address and across a page boundary."""
    address = (session.guest.elf.symbols["__bss_end"] + 0x10000 & ~0xFFF) - 3
    await session.gdb.write_memory(address, bytes(range(256)))
    assert await session.gdb.memory(address, 256) == bytes(range(256))


async def test_examine_instructions(session: Session) -> None:
    """`x/20i` lists 20 instructions at the addresses that the encodings in the ELF give, the first one at pc."""
    await run_to(session, "count_ticks")
    text = await session.gdb.console("x/20i $pc")
    addresses = [int(address, 16) for address in re.findall(r"^(?:=>|  ) (0x[0-9a-f]+)", text, re.MULTILINE)]
    pc = await session.gdb.register("pc")
    assert addresses == session.guest.elf.instructions(pc, 20)
    assert "wfi" in text


async def test_breakpoints_are_not_in_memory(session: Session) -> None:
    """Memory holds the guest's own code where a breakpoint is, while it is inserted."""
    await session.gdb.set("breakpoint always-inserted on")
    await run_to(session, "main")
    await session.gdb.break_at("trap")
    address, text = session.guest.elf.section(".text")
    assert await session.gdb.memory(address, len(text)) == text


async def test_dump_memory(session: Session, tmp_path: Path) -> None:
    """`dump memory` writes the bytes of the ELF's code to a file."""
    await run_to(session, "main")
    start, text = session.guest.elf.section(".text")
    await session.gdb.console(f"dump memory {tmp_path}/text {start} {start + len(text)}")
    assert (tmp_path / "text").read_bytes() == text


async def test_dump_megabyte(session: Session, tmp_path: Path) -> None:
    """`restore` and `dump memory` of a megabyte give the same bytes."""
    data = bytes(index * index >> 7 & 0xFF for index in range(1 << 20))
    (tmp_path / "in").write_bytes(data)
    await session.gdb.console(f"restore {tmp_path}/in binary 0x81000000")
    await session.gdb.console(f"dump memory {tmp_path}/out 0x81000000 {0x81000000 + len(data)}")
    assert (tmp_path / "out").read_bytes() == data


async def check_loaded(session: Session, guest: Guest) -> None:
    """`load`, and compare what arrived with the ELF."""
    said = await session.gdb.load()
    assert "Loading section .text" in said
    assert f"Start address {guest.elf.entry:#018x}" in said
    assert await session.gdb.register("pc") == guest.elf.entry
    for name in (".text", ".rodata"):
        address, contents = guest.elf.section(name)
        assert await session.gdb.memory(address, len(contents)) == contents


async def test_load(emulator: Emulator) -> None:
    """`load` puts a program into an empty machine, which then runs it."""
    options = ("-bios", "none", "-S")
    async with (
        emulator.open(*options) as machine,
        open_gdb(elf=DEMO.elf.path, settings=emulator.settings) as gdb,
    ):
        await gdb.connect(machine.address)
        await check_loaded(Session(gdb, machine, DEMO), DEMO)
        await gdb.cont()
        await machine.expect_output(DEMO.last_words)


async def test_load_under_firmware(emulator: Emulator) -> None:
    """`load` puts a payload under firmware that has not started yet, which then starts it."""
    async with attached(emulator, SMODE) as session:
        reset = await session.gdb.register("pc")
        start, text = SMODE.elf.section(".text")
        await session.gdb.write_memory(start, bytes(len(text)))
        await check_loaded(session, SMODE)
        await session.gdb.set_var("$pc", reset)
        await session.gdb.cont()
        await session.machine.expect_output(SMODE.last_words)
