"""Whole sessions: in this process and in one of its own, with trio and without it."""

from __future__ import annotations

import pytest

from rvgdb.sessions import CommandFailed, EmulatorGone, Session, StopReason, blocking, open_inside, open_session
from tests.helpers.guests import DEMO


@pytest.mark.parametrize("inside", [False, True])
async def test_a_session_begins_at_reset(inside: bool) -> None:
    """A session has a GDB with the guest's symbols, attached to a machine that is halted at its reset vector."""
    async with open_session(*DEMO.options, inside=inside) as session:
        assert await session.gdb.register("pc") == 0x1000
        await session.gdb.break_at("main")
        await session.gdb.cont()
        stop = await session.gdb.expect_breakpoint("main")
        assert stop.address is not None
        assert DEMO.elf.function_at(stop.address) == "main"


async def test_the_guest_ends_inside() -> None:
    """A guest that runs in this process shows its console, and its end is the machine's."""
    async with open_session(*DEMO.options, inside=True) as session:
        await session.gdb.cont()
        await session.machine.expect_output(DEMO.last_words)
        assert await session.machine.wait() == 0


async def test_guest_time_is_virtual() -> None:
    """Guest time stands while the guest is halted, and passes with its instructions."""
    async with open_inside(*DEMO.options, "-S") as machine:
        assert machine.guest_time == 0
        machine.machine.step(0)
        assert machine.guest_time == 1 << machine.machine.config.icount.shift


async def test_what_was_said() -> None:
    """The traffic of a session quotes GDB/MI, the remote protocol and the console."""
    async with open_session(*DEMO.options, inside=True) as session:
        await session.gdb.memory(0x8000_0000, 4)
        with pytest.raises(CommandFailed):
            await session.gdb.evaluate("no_such_symbol")
        traffic = session.traffic()
    assert "no_such_symbol" in traffic
    assert "w $m80000000,4#" in traffic
    assert "rvgdb run" in traffic


async def test_bad_options_inside() -> None:
    """Options that `rvgdb run` refuses are refused with its own sentence."""
    with pytest.raises(EmulatorGone, match="machine 'spike'"):
        async with open_inside("-M", "spike"):
            pass


@pytest.mark.parametrize("inside", [False, True])
def test_without_trio(inside: bool) -> None:
    """The verbs without trio have the same names and wait for their results."""
    with blocking.open_session(*DEMO.options, inside=inside) as session:
        number = session.gdb.break_at("main")
        session.gdb.cont()
        stop = session.gdb.expect_stop(StopReason.BREAKPOINT, number=number)
        assert stop.function == "main"
        assert session.gdb.pid > 0


def test_errors_without_trio() -> None:
    """What goes wrong is raised as it is with trio, when a session begins and while it lasts."""
    with pytest.raises(EmulatorGone), blocking.open_session("-kernel", "/nonexistent"):
        pass
    with blocking.open_session(*DEMO.options, inside=True) as session, pytest.raises(CommandFailed):
        session.gdb.evaluate("no_such_symbol")


def test_every_verb_has_its_twin() -> None:
    """Whatever a session's GDB can do with trio, it can do without."""

    async def verbs() -> set[str]:
        async with open_session(*DEMO.options, inside=True) as session:
            assert isinstance(session, Session)
            return {name for name in dir(session.gdb) if not name.startswith("_")}

    import trio  # noqa: PLC0415 -- the rest of this test is what one writes without it

    wanted = trio.run(verbs)
    with blocking.open_session(*DEMO.options, inside=True) as session:
        assert all(hasattr(session.gdb, name) for name in wanted)
