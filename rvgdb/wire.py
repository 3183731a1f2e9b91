"""The byte streams a debugger may be at the other end of: a socket, used as directly as trio allows, or any stream."""

from __future__ import annotations

import socket
from typing import Final, Protocol

import trio

CHUNK: Final = 1 << 16


class WireBroken(Exception):
    """Raised when the peer is gone or the wire was closed here."""


class Wire(Protocol):
    """A stream of bytes to one peer. Any task may send; one reads."""

    async def receive(self) -> bytes:
        """Wait for bytes; empty at the end, which also stands for a broken stream."""
        ...

    async def send(self, data: bytes) -> None:
        """Write everything. Raises WireBroken."""
        ...

    async def close(self) -> None:
        """Close without waiting for the peer."""
        ...


class SocketWire:
    """A connected, non-blocking stream socket.

    A debugger's packets are short and come one at a time, so what counts is the way between two system calls: a send
    that the kernel takes at once does not pass through the scheduler.
    """

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self._trio_socket = sock
        self._socket = socket.socket(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self._socket.setblocking(False)
        if self._socket.family != socket.AF_UNIX:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._sending = trio.Lock()

    async def receive(self) -> bytes:
        """Wait for bytes; empty at the end."""
        while True:
            try:
                await trio.lowlevel.wait_readable(self._socket)
                return self._socket.recv(CHUNK)
            except BlockingIOError:
                continue
            except (OSError, trio.ClosedResourceError):
                return b""

    async def send(self, data: bytes) -> None:
        """Write everything.

        Raises:
            WireBroken: When the peer is gone.
        """
        if not self._sending.locked():
            sent = self._try_send(data)
            if sent == len(data):
                return
            data = data[sent:]
        async with self._sending:
            while data:
                try:
                    await trio.lowlevel.wait_writable(self._socket)
                except (OSError, trio.ClosedResourceError) as error:
                    raise WireBroken(str(error)) from None
                data = data[self._try_send(data) :]

    def _try_send(self, data: bytes) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise WireBroken(str(error)) from None

    async def close(self) -> None:
        """Close; a task that waits to read sees the end."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()
        await trio.lowlevel.checkpoint()


class StreamWire:
    """Any trio stream: stdin and stdout, or a test's."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._sending = trio.Lock()

    async def receive(self) -> bytes:
        """Wait for bytes; empty at the end."""
        try:
            return bytes(await self._stream.receive_some(CHUNK))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    async def send(self, data: bytes) -> None:
        """Write everything.

        Raises:
            WireBroken: When the peer is gone.
        """
        async with self._sending:
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise WireBroken(str(error)) from None

    async def close(self) -> None:
        """Close without waiting."""
        await trio.aclose_forcefully(self._stream)
