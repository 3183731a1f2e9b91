"""The byte streams a debugger may be at the other end of: a socket, used as directly as trio allows, or any stream."""

from __future__ import annotations

import os
import socket
import time
from typing import Final, Protocol

import trio

CHUNK: Final = 1 << 16

SHORT: Final = 1 << 12
"""What a packet that is waited for actively usually fits in."""

EAGER_SECONDS: Final = 100e-6
"""How long to look for a debugger's next packet before going to sleep: about what waking up would cost."""

LONGEST_STREAK: Final = 256
"""Packets in a row that are received without giving other tasks a turn."""


class WireBroken(Exception):
    """Raised when the peer is gone or the wire was closed here."""


class Wire(Protocol):
    """A stream of bytes to one peer. Any task may send; one reads."""

    def poll(self) -> bytes | None:
        """Look for bytes from a peer that should write within microseconds, without a turn for other tasks.

        Returns:
            The bytes, empty at the end; None if there are none yet, or others have waited long enough.
        """
        ...

    async def receive(self) -> bytes:
        """Wait for bytes; empty at the end, which also stands for a broken stream."""
        ...

    def send_now(self, data: bytes) -> bytes:
        """Write what can be written without waiting; gives the rest, which goes to `send`. Raises WireBroken."""
        ...

    async def send(self, data: bytes) -> None:
        """Write everything, in the order of the calls. Raises WireBroken."""
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
        self._streak = 0

    def poll(self) -> bytes | None:
        """Look for bytes for a moment, letting the peer's process run meanwhile."""
        if self._streak >= LONGEST_STREAK:
            return None
        end = time.perf_counter() + EAGER_SECONDS
        while True:
            os.sched_yield()
            try:
                data = self._socket.recv(SHORT)
            except BlockingIOError:
                if time.perf_counter() > end:
                    return None
            except OSError:
                return b""
            else:
                self._streak += 1
                return data

    async def receive(self) -> bytes:
        """Wait for bytes; empty at the end."""
        self._streak = 0
        while True:
            try:
                await trio.lowlevel.wait_readable(self._socket)
                return self._socket.recv(CHUNK)
            except BlockingIOError:
                continue
            except (OSError, trio.ClosedResourceError):
                return b""

    def send_now(self, data: bytes) -> bytes:
        """Write what the kernel takes.

        Raises:
            WireBroken: When the peer is gone.
        """
        if self._sending.locked():  # others wait already
            return data
        return data[self._try_send(data) :]

    async def send(self, data: bytes) -> None:
        """Write everything.

        Raises:
            WireBroken: When the peer is gone.
        """
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

    def poll(self) -> bytes | None:
        """A stream has no quicker way than `receive`."""
        return None

    async def receive(self) -> bytes:
        """Wait for bytes; empty at the end."""
        try:
            return bytes(await self._stream.receive_some(CHUNK))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    def send_now(self, data: bytes) -> bytes:
        """A stream takes nothing without waiting."""
        return data

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


def standard_streams() -> trio.StapledStream[trio.lowlevel.FdStream, trio.lowlevel.FdStream]:
    """Standard output and input as one stream; they stay open and become blocking again when it is closed."""
    output, keys = (trio.lowlevel.FdStream(os.dup(fd)) for fd in (1, 0))
    return trio.StapledStream(output, keys)
