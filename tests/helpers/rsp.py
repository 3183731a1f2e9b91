"""A raw client of the remote protocol over TCP: it can say what no debugger would, and checks what it hears."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import trio

LIMIT: Final = 30.0
"""Seconds that any one wait may take."""

CHUNK: Final = 1 << 16

_RUN: Final = re.compile(rb"(.)\*(.)", re.DOTALL)
_ESCAPE: Final = re.compile(rb"\}(.)", re.DOTALL)


class PeerClosed(Exception):
    """Raised when the stub has closed the connection while an answer was expected."""


def framed(payload: bytes) -> bytes:
    """A packet with its right checksum."""
    return b"$%b#%02x" % (payload, sum(payload) & 0xFF)


def escaped(data: bytes) -> bytes:
    """Binary data as a packet's payload carries them (GDB's manual, "Overview" of the remote protocol)."""
    return re.sub(rb"[#$}*]", lambda special: b"}" + bytes((special[0][0] ^ 0x20,)), data)


def binary(payload: bytes) -> bytes:
    """The data that a binary reply stands for."""
    return _ESCAPE.sub(lambda escape: bytes((escape[1][0] ^ 0x20,)), payload)


class Rsp:
    """One connection to a stub."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._buffer = b""
        self.acknowledging = True

    async def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        with trio.fail_after(LIMIT):
            await self._stream.send_all(data)

    async def send(self, payload: bytes) -> None:
        """Send a packet and do not wait for anything."""
        await self.send_raw(framed(payload))

    async def sign(self) -> bytes:
        """The next thing on the wire: `+`, `-`, or a whole packet; a packet is acknowledged.

        Raises:
            PeerClosed: Nothing more comes.
        """
        while True:
            if self._buffer[:1] in (b"+", b"-"):
                sign, self._buffer = self._buffer[:1], self._buffer[1:]
                return sign
            end = self._buffer.find(b"#")
            if end >= 0 and len(self._buffer) >= end + 3:
                packet, self._buffer = self._buffer[: end + 3], self._buffer[end + 3 :]
                assert packet == framed(packet[1:end]), packet
                if self.acknowledging:
                    with suppress(trio.BrokenResourceError):  # a stub that refuses us closes at once
                        await self.send_raw(b"+")
                return packet
            await self._receive()

    async def reply(self) -> bytes:
        """The payload of the next packet, run lengths expanded."""
        while (sign := await self.sign()) == b"+":
            continue
        assert sign != b"-", "the stub refused a packet"
        return _RUN.sub(lambda run: run[1] * (run[2][0] - 28), sign[1:-3])

    async def ask(self, payload: bytes) -> bytes:
        """Send a packet and return the answer's payload."""
        await self.send(payload)
        return await self.reply()

    async def introduce(self) -> bytes:
        """Say what GDB says first, and ask why the guest is stopped; a client that comes second gets an error."""
        await self.ask(b"qSupported:multiprocess+;swbreak+;hwbreak+;error-message+")
        return await self.ask(b"?")

    async def answers(self) -> bool:
        """Whether the stub answers an ordinary question in the ordinary way."""
        return (await self.ask(b"qC")).startswith(b"QC")

    async def order_no_acks(self) -> None:
        """Stop acknowledging, as GDB does when it can."""
        assert await self.ask(b"QStartNoAckMode") == b"OK"
        self.acknowledging = False
        await self.send_raw(b"+")

    async def spin(self) -> None:
        """Make the guest compute for ever: an endless loop at the start of RAM, with every interrupt off."""
        assert await self.ask(b"M80000000,2:01a0") == b"OK"
        assert await self.ask(b"P20=" + (0x80000000).to_bytes(8, "little").hex().encode()) == b"OK"
        await self.send(b"vCont;c")
        if self.acknowledging:
            assert await self.sign() == b"+"

    async def interrupt(self) -> bytes:
        """Send a Ctrl-C; returns the stop reply."""
        await self.send_raw(b"\x03")
        return await self.reply()

    async def end(self) -> bytes:
        """Read until the stub closes the connection; returns what came before."""
        with suppress(PeerClosed):
            while True:
                await self._receive()
        rest, self._buffer = self._buffer, b""
        return rest

    async def finish_sending(self) -> None:
        """Close our direction only."""
        await self._stream.send_eof()

    async def close(self) -> None:
        """Close the connection in the ordinary way."""
        await self._stream.aclose()

    async def reset(self) -> None:
        """Break the connection: the stub's next read or write fails."""
        self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        await self._stream.aclose()

    async def _receive(self) -> None:
        with trio.fail_after(LIMIT):
            try:
                data = await self._stream.receive_some(CHUNK)
            except trio.BrokenResourceError as error:
                raise PeerClosed(f"connection broken after {self._buffer[-100:]!r}") from error
        if not data:
            raise PeerClosed(f"connection closed after {self._buffer[-100:]!r}")
        self._buffer += bytes(data)


@asynccontextmanager
async def open_rsp(address: str) -> AsyncIterator[Rsp]:
    """A connection for the duration of a `with` block."""
    host, _, port = address.rpartition(":")
    with trio.fail_after(LIMIT):
        stream = await trio.open_tcp_stream(host, int(port))
    client = Rsp(stream)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def open_served(address: str) -> AsyncIterator[Rsp]:
    """A connection that the stub serves: whoever was attached before has been let go of.

    A stub notices that a client has left only when it reads the end of that connection, so the first attempts may be
    refused as coming second.
    """
    deadline = trio.current_time() + LIMIT
    while True:
        async with open_rsp(address) as client:
            if not (await client.introduce()).startswith(b"E"):
                yield client
                return
        assert trio.current_time() < deadline, "the stub still serves somebody else"
