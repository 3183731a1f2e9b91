"""A client of the GDB remote serial protocol, just enough to measure a stub or to insert one breakpoint."""

from __future__ import annotations

import socket
import time
from typing import Final, Self

from benchmarks.errors import BenchError

PATIENCE: Final = 300.0
"""Seconds that a stub may take to listen or to answer; QEMU with a watchpoint in a hot page is slow."""


class Rsp:
    """A connection to a stub on this machine. Tries to connect until somebody listens.

    Args:
        port: TCP port.

    Raises:
        BenchError: If nobody listens in time.
    """

    def __init__(self, port: int) -> None:
        self._socket = connect(port)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._acknowledges = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def greet(self) -> None:
        """Ask what a debugger asks first, and end the acknowledgements where the stub can do without."""
        self.ask(b"qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+")
        self.ask(b"?")
        if self.ask(b"QStartNoAckMode") == b"OK":
            self._acknowledges = False

    def ask(self, body: bytes) -> bytes:
        """Send a packet and return the body of the reply; a guest's console output in between is dropped.

        Raises:
            BenchError: If the stub goes away instead.
        """
        try:
            self._send(body)
            while (reply := self._reply()).startswith(b"O") and reply != b"OK":
                pass
        except OSError as error:
            raise BenchError(f"the stub does not answer {body!r}: {error}") from error
        return reply

    def insert(self, kind: int, address: int, length: int) -> None:
        """Insert a breakpoint (`kind` 0, 1) or a watchpoint (2, 3, 4).

        Raises:
            BenchError: If the stub refuses.
        """
        reply = self.ask(b"Z%d,%x,%x" % (kind, address, length))
        if reply != b"OK":
            raise BenchError(f"the stub refuses Z{kind} at {address:#x}: {reply!r}")

    def resume_to_the_end(self) -> None:
        """Continue until the guest ends the machine.

        QEMU 7.2 just closes the connection then; others say `W` first.

        Raises:
            BenchError: If the guest stops instead.
        """
        try:
            reply = self.ask(b"vCont;c")
        except BenchError:
            return
        if not reply.startswith(b"W"):
            raise BenchError(f"the guest should have run to its end; it stopped: {reply!r}")

    def kill(self) -> None:
        """Ask the stub to end; it need not answer."""
        self._send(b"k")

    def _send(self, body: bytes) -> None:
        self._socket.sendall(b"$%b#%02x" % (body, sum(body) & 255))

    def _reply(self) -> bytes:
        while True:
            begin = self._buffer.find(b"$")
            end = self._buffer.find(b"#", begin + 1) if begin >= 0 else -1
            if end >= 0 and len(self._buffer) >= end + 3:
                reply = self._buffer[begin + 1 : end]
                self._buffer = self._buffer[end + 3 :]
                if self._acknowledges:
                    self._socket.sendall(b"+")
                return reply
            chunk = self._socket.recv(65536)
            if not chunk:
                raise BenchError("the stub closed the connection")
            self._buffer += chunk


def connect(port: int) -> socket.socket:
    """A connection to `port` of this machine, as soon as somebody listens there.

    Raises:
        BenchError: If nobody does in time.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        except ConnectionRefusedError as error:
            if time.monotonic() > deadline:
                raise BenchError(f"nobody listens on port {port}") from error
            time.sleep(0.001)
