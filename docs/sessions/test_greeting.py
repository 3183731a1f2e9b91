"""The demo guest's greeting, seen from a debugger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

GUEST = Path(__file__).with_name("guest.elf")


async def test_second_hart_greets(rvgdb: Any) -> None:  # noqa: ANN401 -- the fixture of rvgdb's plugin
    """The second hart answers the first one's greeting, in a function of its own."""
    async with rvgdb("-bios", "none", "-smp", "2", "-kernel", str(GUEST), inside=True) as session:
        await session.gdb.break_at("on_greeting")
        await session.gdb.cont()
        stop = await session.gdb.expect_breakpoint("on_greeting")
        assert stop.thread == 2


def test_guest_time(rvgdb: Any) -> None:  # noqa: ANN401 -- the fixture of rvgdb's plugin
    """Without trio: guest time passes while the guest runs."""
    with rvgdb.blocking("-bios", "none", "-smp", "2", "-kernel", str(GUEST), inside=True) as session:
        before = session.machine.guest_time
        session.gdb.break_at("on_timer")
        session.gdb.cont()
        session.gdb.expect_breakpoint("on_timer")
        assert session.machine.guest_time > before
