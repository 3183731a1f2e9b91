"""The outside of the serial port: where its bytes go, and where its input comes from.

The guest's bytes come from whichever thread runs the machine, one at a time; they are collected and written at the end
of each slice, so that a slice costs one system call and not one per character.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import trio

from rvgdb.chardev import CharDevice, File, NoDevice, Null, Stdio, Tcp, Unix
from rvgdb.errors import ConsoleError
from rvgdb.listening import address_text, connect, listen

FLUSH_AT: Final = 4096
"""A burst of output longer than this is written within the slice."""

CHUNK: Final = 4096

MOST_UNSENT: Final = 1 << 20
"""Bytes kept for a socket whose peer does not read; what is older is dropped, the guest never waits."""

Write: TypeAlias = Callable[[bytes], None]
Feed: TypeAlias = Callable[[bytes], None]
Accept: TypeAlias = Callable[[], Awaitable[trio.abc.Stream | None]]


class Transmitter:
    """Collects the guest's bytes and hands them to `write`; until `write` is set they are dropped.

    Only the thread that runs the machine calls `transmit` and `flush`, and there is one at a time.
    """

    def __init__(self) -> None:
        self.write: Write | None = None
        self._pending = bytearray()

    def transmit(self, data: bytes) -> None:
        """Take bytes from the guest."""
        self._pending += data
        if len(self._pending) >= FLUSH_AT:
            self.flush()

    def flush(self) -> None:
        """Write what was collected."""
        if self._pending:
            data = bytes(self._pending)
            self._pending.clear()
            if self.write is not None:
                self.write(data)


def write_fd(fd: int) -> Write:
    """A writer to a file descriptor; it waits for a slow reader, and drops output that nobody reads any more."""

    def write(data: bytes) -> None:
        try:
            while data:
                data = data[os.write(fd, data) :]
        except BlockingIOError:
            write(data)
        except OSError:
            return

    return write


class Backend(Protocol):
    """Where a serial port leads."""

    async def serve(self, feed: Feed) -> None:
        """Hand input to `feed` until there will be no more."""
        ...


class OutputOnly:
    """No input ever comes."""

    async def serve(self, feed: Feed) -> None:
        """Return at once."""
        await trio.lowlevel.checkpoint()


class SocketBackend:
    """A peer at a socket, or nobody: then output is dropped.

    Args:
        accept: Waits for the next peer; None when there will be none.
        transmitter: Gets the writer.
    """

    def __init__(self, accept: Accept, transmitter: Transmitter) -> None:
        self._accept = accept
        self._unsent = bytearray()
        self._ready = trio.Event()
        self._connected = False
        self._token = trio.lowlevel.current_trio_token()
        self.first = trio.Event()
        """Set when the first peer is there."""
        transmitter.write = self._write

    def _write(self, data: bytes) -> None:
        """From the machine's thread."""
        self._token.run_sync_soon(self._queue, data)

    def _queue(self, data: bytes) -> None:
        if self._connected:
            self._unsent += data
            del self._unsent[: max(0, len(self._unsent) - MOST_UNSENT)]
            self._ready.set()

    async def serve(self, feed: Feed) -> None:
        """One peer after the other."""
        while (stream := await self._accept()) is not None:
            self._connected = True
            self.first.set()
            async with stream, trio.open_nursery() as nursery:
                nursery.start_soon(self._pump, stream)
                await self._receive(stream, feed)
                nursery.cancel_scope.cancel()
            self._connected = False
            self._unsent.clear()

    async def _receive(self, stream: trio.abc.Stream, feed: Feed) -> None:
        try:
            while data := await stream.receive_some(CHUNK):
                feed(bytes(data))
        except trio.BrokenResourceError:
            return

    async def _pump(self, stream: trio.abc.Stream) -> None:
        try:
            while True:
                await self._ready.wait()
                self._ready = trio.Event()
                data = bytes(self._unsent)
                self._unsent.clear()
                if data:
                    await stream.send_all(data)
        except trio.BrokenResourceError:
            return


def _open_file(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ConsoleError(f"-serial file:{path}: cannot be written: {error.strerror}") from None


@asynccontextmanager
async def open_serial(
    device: CharDevice, transmitter: Transmitter, report: Callable[[str], None]
) -> AsyncIterator[Backend]:
    """Open a serial backend other than the terminal, whose output then goes where it should.

    Raises:
        ConsoleError: When a file cannot be written.
        ListenError: When a socket cannot be had.
    """
    match device:
        case Null() | NoDevice() | Stdio():
            yield OutputOnly()
        case File(path=path):
            fd = _open_file(path)
            transmitter.write = write_fd(fd)
            try:
                yield OutputOnly()
            finally:
                transmitter.write = None
                os.close(fd)
        case Tcp() | Unix():
            async with _open_socket(device, transmitter, report) as backend:
                yield backend


def _once(stream: trio.abc.Stream) -> Accept:
    """The peer that was connected to; it is the only one."""
    peers = [stream]

    async def accept() -> trio.abc.Stream | None:
        await trio.lowlevel.checkpoint()
        return peers.pop() if peers else None

    return accept


@asynccontextmanager
async def _open_socket(
    device: Tcp | Unix, transmitter: Transmitter, report: Callable[[str], None]
) -> AsyncIterator[SocketBackend]:
    if not device.server:
        stream = await connect(device)

        async with stream:
            yield SocketBackend(_once(stream), transmitter)
        return
    listeners = await listen(device)
    for listener in listeners:
        report(f"serial port listening on {address_text(listener.socket.getsockname())}")

    try:
        yield SocketBackend(listeners[0].accept, transmitter)
    finally:
        for listener in listeners:
            await listener.aclose()
        if isinstance(device, Unix):
            device.path.unlink(missing_ok=True)
