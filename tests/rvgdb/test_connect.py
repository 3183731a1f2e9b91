"""`rvgdb connect` as a process between two pipes and a debug port."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trio

from rvgdb.chardev import Tcp, Unix
from rvgdb.cli import main
from rvgdb.connect import parse_place
from rvgdb.errors import OptionError
from rvgdb.sessions.machine import rvgdb_command
from tests.rvgdb.rsp_client import RspClient, Stub

LIMIT = 60.0


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("1234", Tcp("", 1234)),
        (":1234", Tcp("", 1234)),
        ("tcp::1234", Tcp("", 1234)),
        ("localhost:1234", Tcp("localhost", 1234)),
        ("[::1]:1234", Tcp("::1", 1234)),
        ("/run/g", Unix(Path("/run/g"))),
        ("./g", Unix(Path("g"))),
        ("unix:g", Unix(Path("g"))),
    ],
)
def test_places(text: str, place: Tcp | Unix) -> None:
    """A number is a port of loopback, a slash makes a path, and -gdb's own spelling is understood."""
    assert parse_place(text) == place


@pytest.mark.parametrize("text", ["", "0", "65536", "host", "host:port", "-1"])
def test_no_places(text: str) -> None:
    """What names no port is refused."""
    with pytest.raises(OptionError):
        parse_place(text)


def test_mistakes_are_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody there, or nothing to connect to: a sentence and status 1."""
    assert main(["connect", str(tmp_path / "nobody")]) == 1
    assert "is somebody listening there?" in capfd.readouterr().err
    assert main(["connect"]) == 1
    assert "usage: rvgdb connect" in capfd.readouterr().err
    assert main(["connect", "-h"]) == 0
    assert "target remote | ssh" in capfd.readouterr().out


@asynccontextmanager
async def connected(place: str) -> AsyncIterator[tuple[RspClient, trio.Process]]:
    """A debugger behind `rvgdb connect`."""
    process = await trio.lowlevel.open_process(
        rvgdb_command("connect", place), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with trio.StapledStream(process.stdin, process.stdout) as pipes:
            yield RspClient(pipes), process
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_a_session_through_two_pipes(kind: str, tmp_path: Path) -> None:
    """Everything passes both ways, long replies too, and the debugger's end is the port's."""
    stub = Stub(device=Unix(tmp_path / "gdb") if kind == "unix" else Tcp("", 0))
    async with stub.running():
        assert stub.nursery is not None
        (address,) = await stub.nursery.start(stub.server.serve)
        with trio.fail_after(LIMIT):
            async with connected(address) as (client, process):
                assert b"QStartNoAckMode+" in await client.introduce()
                description = await client.ask(b"qXfer:features:read:target.xml:0,8000")
                assert description.startswith(b"l<?xml")
                assert isinstance(client.stream, trio.StapledStream)
                await client.stream.send_stream.aclose()
                assert await process.wait() == 0
            while stub.server.busy:
                await trio.testing.wait_all_tasks_blocked()


async def test_it_ends_with_the_port() -> None:
    """When the emulator ends the relay does, so that no ssh is left behind."""
    stub = Stub()
    async with AsyncExitStack() as closing:
        async with stub.running():
            assert stub.nursery is not None
            (address,) = await stub.nursery.start(stub.server.serve)
            client, process = await closing.enter_async_context(connected(address))
            await client.introduce()
        with trio.fail_after(LIMIT):
            assert await process.wait() == 0
