"""Catchpoints and the monitor's watchpoints in a real GDB."""

from __future__ import annotations

from tests.gdb.conftest import Emulator, Session, attached
from tests.helpers.guests import DEMO


async def test_catch_trap(session: Session) -> None:
    """A caught trap stops the guest at the handler each time, and the console says which trap it was."""
    name = "machine-timer" if session.guest.mode == "m" else "supervisor-timer"
    assert await session.gdb.monitor(f"catch trap {name}") == f"1: catch trap {name}\n"
    for count in (1, 2):
        await session.gdb.cont()
        await session.gdb.expect_signal("SIGTRAP")
        assert session.gdb.transcript.count(f"1: catch trap {name}: hart 0 took {name} interrupt in") == count
    await session.gdb.monitor("catch delete 1")
    await session.gdb.cont()
    await session.machine.expect_output(session.guest.last_words)


async def test_watch_csr(session: Session) -> None:
    """A change of a CSR stops the guest behind the instruction, with both values; a guest of KVM's has its own CSR."""
    await session.gdb.monitor(f"watch-csr {session.guest.mode}tvec")
    await session.gdb.cont()
    await session.gdb.expect_signal("SIGTRAP")
    reached = f"{session.guest.mode}tvec" if session.guest.accelerator == "tcg" else "vstvec"
    assert f"wrote {reached}, which was 0x" in session.gdb.transcript
    assert await session.gdb.register(f"{session.guest.mode}tvec") != 0


async def test_watch_phys(session: Session) -> None:
    """A watchpoint on physical memory stops behind each access, and the guest goes on from there."""
    address = session.guest.elf.symbols["ticks"]
    await session.gdb.break_at("main")
    await session.gdb.cont()
    await session.gdb.expect_breakpoint("main")
    await session.gdb.monitor(f"watch-phys {address:#x} 8 write")
    for count in (1, 2):
        await session.gdb.cont()
        await session.gdb.expect_signal("SIGTRAP")
        assert await session.gdb.integer("ticks") == count
        assert session.gdb.transcript.count(f"wrote 8 bytes at {address:#x}") == count


async def test_watch_a_tagged_address(emulator: Emulator) -> None:
    """GDB watches through a tagged pointer: the guest stops at its accesses through the plain one."""
    async with attached(emulator, DEMO, "-cpu", "rv64,smmpm=on") as demo:
        await watch_a_tagged_address(demo)


async def watch_a_tagged_address(demo: Session) -> None:
    """Watch `ticks` through a tag."""
    await demo.gdb.break_at("main")
    await demo.gdb.cont()
    await demo.gdb.expect_breakpoint("main")
    address = demo.guest.elf.symbols["ticks"]
    await demo.gdb.console("set $mseccfg = 2UL << 32")
    number = await demo.gdb.watch(f"*(unsigned long *) {address | 0x55 << 57:#x}")
    await demo.gdb.cont()
    stop = await demo.gdb.expect_stop(number=number)
    assert (stop.old, stop.new) == ("0", "1")


async def test_break_at_a_tagged_address(emulator: Emulator) -> None:
    """A breakpoint at a tagged pointer to a function stops there; GDB, which compares the pc, calls it a trap."""
    async with attached(emulator, DEMO, "-cpu", "rv64,smmpm=on") as demo:
        await demo.gdb.break_at("main")
        await demo.gdb.cont()
        await demo.gdb.expect_breakpoint("main")
        await demo.gdb.console("set $mseccfg = 2UL << 32")
        address = demo.guest.elf.symbols["on_timer"]
        number = await demo.gdb.break_at(f"*{address | 0x55 << 57:#x}")
        await demo.gdb.cont()
        assert (await demo.gdb.expect_signal("SIGTRAP")).address == address
        await demo.gdb.delete(number)
        await demo.gdb.cont()
        await demo.machine.expect_output(demo.guest.last_words)
