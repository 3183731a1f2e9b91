"""`next` and `step` over a line that takes long: one packet, and the engine runs the line."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from emulator.isa.text import assemble
from rvgdb.demo import MASKED
from rvgdb.sessions import Session, StopReason, open_session
from tests.helpers.guests import DEMO

ROUNDS = 31 << 12
NOP = bytes.fromhex("0100")
LOOP = b"".join(assemble(text).to_bytes(2, "little") for text in ("c.lui x10, 31", "c.addi x10, -1", "c.bnez x10, -2"))
ENDLESS = b"".join(assemble(text).to_bytes(2, "little") for text in ("c.addi x10, 1", "c.j -2"))


def packets(session: Session) -> list[str]:
    """The packets that GDB has sent."""
    return re.findall(r"^w \$(.*)#..$", session.packets.read_text(), re.MULTILINE)


async def stand_at_a_line(session: Session, code: bytes) -> tuple[int, int]:
    """Stop at a line of the guest's and have its code replaced; returns the line's first address and its end."""
    await session.gdb.tbreak(f"main.c:{DEMO.line_of(DEMO.first_line)}")
    await session.gdb.cont()
    stop = await session.gdb.expect_breakpoint("main")
    assert stop.address is not None
    shown = await session.gdb.console(f"info line main.c:{stop.line}")
    found = re.search(r"starts at address 0x([0-9a-f]+).* ends at 0x([0-9a-f]+)", shown)
    assert found is not None
    start, end = (int(address, 16) for address in found.groups())
    assert start == stop.address
    await session.gdb.write_memory(start, code + NOP * ((end - start - len(code)) // 2))
    return start, end


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    """The built-in guest and a GDB."""
    async with open_session(*DEMO.options) as session:
        yield session


@pytest.mark.parametrize("command", ["next", "step"])
async def test_a_long_line_is_one_packet(session: Session, command: str) -> None:
    """A line of a hundred thousand rounds is left at its end after a handful of packets, one of which is `vCont;r`."""
    start, end = await stand_at_a_line(session, LOOP)
    before = len(packets(session))
    stop = await (session.gdb.next() if command == "next" else session.gdb.step())
    sent = packets(session)[before:]
    assert (stop.reason, stop.function, stop.address) == (StopReason.STEPPED, "main", end)
    assert await session.gdb.register("a0") == 0
    assert [packet.split(":")[0] for packet in sent if packet.startswith("vCont")] == [f"vCont;r{start:x},{end:x}"]
    assert len(sent) < 10


async def test_a_breakpoint_inside_the_line_stops(session: Session) -> None:
    """At its first pass, with the loop not done."""
    start, _ = await stand_at_a_line(session, LOOP)
    await session.gdb.break_at(f"*{start + 4}")
    await session.gdb.mi("-exec-next")
    assert (await session.gdb.expect_breakpoint("main")).address == start + 4
    assert await session.gdb.register("a0") == ROUNDS - 1


async def test_ctrl_c_inside_the_line(session: Session) -> None:
    """A line that never ends is left by Ctrl-C, and counted on while it ran."""
    start, end = await stand_at_a_line(session, ENDLESS)
    await session.gdb.mi("-exec-next")
    await session.gdb.interrupt()
    stop = await session.gdb.expect_signal("SIGINT")
    assert stop.address is not None
    assert start <= stop.address < end


async def test_a_watchpoint_inside_the_line(session: Session) -> None:
    """A store of the line's to a watched place stops it."""
    code = b"".join(
        assemble(text).to_bytes(2 if text.startswith("c.") else 4, "little")
        for text in ("c.addi x10, -1", "sw x10, 0(x9)", "c.bnez x10, -6")
    )
    start, _ = await stand_at_a_line(session, code)
    place = await session.gdb.address_of("ticks")
    await session.gdb.set_var("$s1", place)
    await session.gdb.set_var("$a0", 500)
    await session.gdb.write_memory(place, bytes(4))
    await session.gdb.watch(f"*(int *) {place}")
    await session.gdb.mi("-exec-next")
    await session.gdb.expect_stop(StopReason.WATCH)
    assert await session.gdb.register("a0") == 499
    assert await session.gdb.register("pc") - start in (2, 6)


async def test_in_a_guest_of_kvm() -> None:
    """A line of a guest in VS-mode is run the same way, the calls in it by a breakpoint behind them."""
    async with open_session("-accel", "kvm", "-kernel", str(MASKED)) as session:
        await session.gdb.break_at("deposit")
        await session.gdb.cont()
        await session.gdb.expect_breakpoint("deposit")
        stop = await session.gdb.next()
        assert (stop.reason, stop.function) == (StopReason.STEPPED, "main")
        assert [packet for packet in packets(session) if packet.startswith("vCont;r")]
