from __future__ import annotations

import sys

import pytest

from rvgdb.sessions import EmulatorGone, SessionTimeout, open_emulator, open_rvgdb

TALKER = """
import sys
print("first", flush=True)
print("trouble", file=sys.stderr, flush=True)
print(input()[::-1], flush=True)
sys.exit(7)
"""


async def test_conversation() -> None:
    """What the emulator prints can be waited for in its order, and its console be typed at."""
    async with open_emulator([sys.executable, "-c", TALKER]) as machine:
        await machine.expect_output("first")
        assert (await machine.expect_error("tr(.*)"))[1] == "ouble"
        await machine.send("abc\n")
        await machine.expect_output("cba")
        assert await machine.wait() == 7


async def test_output_is_expected_once() -> None:
    """A text that was expected and seen is not seen again."""
    async with open_emulator([sys.executable, "-c", TALKER]) as machine:
        await machine.expect_output("first")
        with pytest.raises(SessionTimeout, match="'first' on the console did not come within"):
            await machine.expect_output("first", limit=0.001)


async def test_end_instead_of_output() -> None:
    """An emulator that ends before it prints what was expected is an error with its status and its words."""
    async with open_emulator([sys.executable, "-c", "import sys; sys.exit('bad luck')"]) as machine:
        with pytest.raises(EmulatorGone, match="ended with status 1 before 'x' on the console") as caught:
            await machine.expect_output("x")
    assert "bad luck" in caught.value.transcript


async def test_no_such_emulator() -> None:
    """An emulator that is not there is named."""
    with pytest.raises(EmulatorGone, match="/no/such/emulator"):
        async with open_emulator(["/no/such/emulator"]):
            pass


async def test_rvgdb_that_cannot_start() -> None:
    """What rvgdb says about its command line is in the error."""
    with pytest.raises(EmulatorGone, match="-kernal"):
        async with open_rvgdb("-kernal", "x"):
            pass


async def test_stubborn_emulator_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator that ignores the request to end does not outlive its block."""
    monkeypatch.setattr("rvgdb.sessions.machine.LEAVE_LIMIT", 0.01)
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    async with open_emulator([sys.executable, "-c", stubborn]) as machine:
        await machine.expect_output("deaf")
    assert machine.exit_status == -9
