"""One session from attaching to `kill` with every command that a debugger's user types in a day."""

from __future__ import annotations

from pathlib import Path

from rvgdb.sessions import StopReason
from tests.gdb.conftest import Emulator, Session, attached
from tests.helpers.code import SPIN
from tests.helpers.guests import Guest


async def breakpoints_and_steps(session: Session) -> None:
    """`break`, `step`, `finish`, `next`, `until`, `tbreak`, `hbreak`, `stepi`."""
    gdb, guest = session.gdb, session.guest
    line = guest.line_of(guest.first_line)
    await gdb.break_at(f"main.c:{line}")
    await gdb.cont()
    await gdb.expect_breakpoint("main")
    assert (await gdb.step()).function == guest.first_call
    assert (await gdb.finish()).reason is StopReason.FINISHED
    after = (await gdb.next()).line
    assert after is not None
    assert after > line
    assert (await gdb.until(str(after + 1))).line == after + 1
    await gdb.tbreak("count_ticks")
    await gdb.cont()
    await gdb.expect_breakpoint("count_ticks")
    await gdb.hbreak(f"*{guest.elf.symbols['trap_entry']}")
    await gdb.cont()
    stop = await gdb.expect_stop(StopReason.BREAKPOINT, address=guest.elf.symbols["trap_entry"])
    assert stop.address is not None
    assert (await gdb.stepi()).address == guest.elf.instructions(stop.address, 2)[1]
    await gdb.delete()


async def watchpoints(session: Session) -> None:
    """`watch`, `rwatch`, `awatch` on the counter."""
    gdb = session.gdb
    number = await gdb.watch("ticks")
    await gdb.cont()
    stop = await gdb.expect_stop(StopReason.WATCH, number=number)
    assert (stop.old, stop.new) == ("0", "1")
    await gdb.delete(number)
    number = await gdb.rwatch("ticks")
    await gdb.cont()
    assert (await gdb.expect_stop(StopReason.READ_WATCH, number=number)).new == "1"
    await gdb.delete(number)
    number = await gdb.awatch("ticks")
    await gdb.cont()
    await gdb.expect_stop(StopReason.ACCESS_WATCH, number=number)
    await gdb.delete()


async def state(session: Session, folder: Path) -> None:
    """Registers, CSRs, memory: shown, written and dumped."""
    gdb, guest = session.gdb, session.guest
    assert "pc " in await gdb.console("info registers")
    assert "mstatus " in await gdb.console("info all-registers")
    assert int((await gdb.console("p/x $mstatus")).split()[-1], 16) >> 32 & 3 == 2
    await gdb.set_var("$t6", 0x600D)
    await gdb.set_var("$mscratch", 0xC5)
    await gdb.set_var("ticks", 1)
    assert await gdb.registers("t6", "mscratch") == {"t6": 0x600D, "mscratch": 0xC5}
    assert (await gdb.console("x/20i $pc")).count("\n") == 20
    start, text = guest.elf.section(".text")
    await gdb.console(f"dump memory {folder}/text {start} {start + len(text)}")
    assert (folder / "text").read_bytes() == text
    assert "Loading section .text" in await gdb.load()
    assert await gdb.register("pc") == guest.elf.entry


async def harts_and_monitor(session: Session) -> None:
    """`info threads`, `thread 2`, `monitor help`, `monitor info registers`."""
    gdb = session.gdb
    assert len(await gdb.threads()) == 2
    await gdb.console("thread 2")
    assert await gdb.register("mhartid") == 1
    await gdb.select_thread(1)
    assert "info" in await gdb.monitor("help")
    assert f"{await gdb.register('pc'):016x}" in await gdb.monitor("info registers")


async def test_whole_session(emulator: Emulator, guest: Guest, tmp_path: Path) -> None:
    """Every command works after every other one, in one session that ends with `detach`, another attach and `kill`."""
    async with attached(emulator, guest, "-smp", "2") as session:
        gdb = session.gdb
        await breakpoints_and_steps(session)
        await watchpoints(session)
        await session.machine.expect_output(guest.banner)
        await state(session, tmp_path)
        await harts_and_monitor(session)
        await gdb.write_memory("$pc", SPIN)
        await gdb.cont()
        await gdb.interrupt()
        await gdb.expect_signal("SIGINT")
        await gdb.detach()
        await gdb.connect(session.machine.address)
        await gdb.kill()
        await session.machine.wait()
