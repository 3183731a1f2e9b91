"""A debugger for tests: raw packets over a trio stream, and a server for it to talk to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

from rvgdb.chardev import Tcp, Unix
from rvgdb.monitor import Monitor, Scene
from rvgdb.peers import EVERYBODY, Allowed
from rvgdb.runner import Runner
from rvgdb.server import Server
from rvgdb.settings import GdbOption, OnDisconnect
from rvgdb.target.machine import Region, Target
from rvgdb.wire import StreamWire
from tests.rvgdb.fake_machine import BASE, SIZE, FakeMachine

_PACKET = re.compile(rb"\$([^#]*)#([0-9a-f]{2})", re.DOTALL)
_RUN = re.compile(rb"(.)\*(.)", re.DOTALL)


def packet(body: bytes) -> bytes:
    """A framed packet."""
    return b"$%s#%02x" % (body, sum(body) & 0xFF)


class RspClient:
    """One connection to a stub."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.buffer = b""
        self.acknowledges = True

    async def send(self, body: bytes) -> None:
        """Send a packet and do not wait."""
        await self.stream.send_all(packet(body))

    async def reply(self) -> bytes:
        """The next packet's payload, acknowledged, with run lengths expanded and escapes kept."""
        with trio.fail_after(10):
            while (match := _PACKET.search(self.buffer)) is None:
                data = await self.stream.receive_some()
                assert data, f"the stub closed the connection after {self.buffer!r}"
                self.buffer += bytes(data)
        self.buffer = self.buffer[match.end() :]
        body = match.group(1)
        assert sum(body) & 0xFF == int(match.group(2), 16)
        if self.acknowledges:
            await self._acknowledge()
        return _RUN.sub(lambda run: run.group(1) * (ord(run.group(2)) - 28), body)

    async def _acknowledge(self) -> None:
        with suppress(trio.BrokenResourceError):  # a stub that refuses closes at once
            await self.stream.send_all(b"+")

    async def ask(self, body: bytes) -> bytes:
        """Send a packet and give the reply."""
        await self.send(body)
        return await self.reply()

    async def introduce(self) -> bytes:
        """What GDB 13 says first."""
        return await self.ask(b"qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+;error-message+")

    async def expect_end(self) -> bytes:
        """Read to the end of the connection."""
        rest = self.buffer
        with trio.fail_after(10):
            try:
                while data := await self.stream.receive_some():
                    rest += bytes(data)
            except trio.BrokenResourceError:
                pass
        return rest


class Stub:
    """A server over a fake machine."""

    def __init__(
        self,
        harts: int = 1,
        *,
        on_disconnect: OnDisconnect = OnDisconnect.AS_IT_WAS,
        memory_map: bool = False,
        device: Tcp | Unix | None = None,
        allowed: Allowed = EVERYBODY,
    ) -> None:
        self.machine = FakeMachine(harts)
        self.reports: list[str] = []
        ram = Region("ram", BASE, SIZE)
        self.target = Target(self.machine, (ram,))
        self.runner = Runner(self.machine, report=self.reports.append)
        scene = Scene(self.target, self.runner, (("Uart", Region("io", 0x1000_0000, 256)), ("Ram", ram)))
        self.monitor = Monitor(scene)
        option = GdbOption(device or Tcp("", 0), on_disconnect, memory_map, allowed)
        self.server = Server(self.target, self.runner, self.monitor.execute, option, self.reports.append)
        self.nursery: trio.Nursery | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Stub]:
        """The runner in the background."""
        async with trio.open_nursery() as self.nursery:
            self.nursery.start_soon(self.runner.serve)
            try:
                yield self
            finally:
                self.runner.end(0)
            self.nursery.cancel_scope.cancel()

    def connect(self) -> RspClient:
        """A debugger over a memory stream."""
        assert self.nursery is not None
        ours, theirs = trio.testing.memory_stream_pair()
        self.nursery.start_soon(self.server.attend, StreamWire(theirs))
        return RspClient(ours)

    async def run_busily(self, client: RspClient) -> None:
        """Let the guest run until something interrupts it, and wait until it does."""
        self.machine.stops.append(self.machine.spin)
        await client.send(b"vCont;c")
        await trio.to_thread.run_sync(self.machine.spinning.wait)
