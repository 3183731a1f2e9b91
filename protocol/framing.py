"""The bytes of the wire: packets in both directions, acknowledgements, escapes and run lengths.

Nothing else in the package knows what `$`, `#`, `+`, `-`, `%`, `}`, `*` and 0x03 mean. See GDB's manual, "Overview" of
the remote serial protocol.
"""

from __future__ import annotations

import re
import zlib
from enum import Enum, auto
from typing import Final

from protocol.errors import FramingError, LocalProtocolError

ACK: Final = b"+"
NAK: Final = b"-"

_START: Final = b"$"
_END: Final = b"#"
_INTERRUPT: Final = 0x03
_ESCAPE: Final = b"}"
_REPEAT: Final = b"*"

_CHECKSUMS: Final = {
    b"%c%c" % (a, b): int(bytes((a, b)), 16) for a in b"0123456789abcdefABCDEF" for b in b"0123456789abcdefABCDEF"
}
_GREETINGS: Final = frozenset(b"+-$\x03")
_MEANINGFUL: Final = re.compile(rb"[-+$\x03]")

_ACKS: Final = re.compile(rb"\++")
_MOST_ACKS: Final = 64
"""Acknowledgements in a row that can mean something: far more than a session has packets on the way."""

_SUM_EXACT: Final = 256
"""Bytes whose sum stays below Adler-32's modulus: 256 * 255 + 1 < 65521."""

_SUM_EXACT_ASCII: Final = 512
"""The same for bytes below 128: 512 * 127 + 1 < 65521."""


class Mark(Enum):
    """What the peer's bytes can hold besides packets."""

    ACKNOWLEDGED = auto()
    REFUSED = auto()
    INTERRUPT = auto()
    BAD_CHECKSUM = auto()
    OVER_LONG = auto()
    FOREIGN = auto()
    CUT_OFF = auto()
    """A packet that the next one's start cut off; dropped inside the framer."""


_MARKS: Final = {ACK[0]: Mark.ACKNOWLEDGED, NAK[0]: Mark.REFUSED, _INTERRUPT: Mark.INTERRUPT}


def checksum(payload: bytes) -> int:
    """The sum of the payload's bytes modulo 256.

    Summed by zlib: the low half of Adler-32 is 1 plus the sum, exact for short inputs, and ten times as fast as `sum`.
    """
    if len(payload) <= _SUM_EXACT:
        return (zlib.adler32(payload) - 1) & 0xFF
    size = _SUM_EXACT_ASCII if payload.isascii() else _SUM_EXACT
    total = 0
    for start in range(0, len(payload), size):
        total += zlib.adler32(payload[start : start + size]) - 1
    return total & 0xFF


# --- input ---


class Framer:
    """The receive buffer: finds packets and marks in any split of the peer's bytes, in bounded memory.

    Args:
        limit: The longest payload in bytes; a longer packet gives `Mark.OVER_LONG` and is dropped.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 1  # bytes of the packet at the front that hold neither its end nor another start
        self._skipping = False  # inside an over-long packet: nothing counts until the next start
        self._fresh = True

    @property
    def pending(self) -> int:
        """Bytes held that `next_item` has not consumed."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Append bytes from the peer."""
        self._buffer += data

    def next_item(self) -> bytes | Mark | None:
        """The payload of the next good packet, the next mark, or None when more bytes are needed."""
        buffer = self._buffer
        while buffer:
            first = buffer[0]
            if self._fresh:
                self._fresh = False
                if first not in _GREETINGS:
                    buffer.clear()
                    return Mark.FOREIGN
            if first == _START[0]:
                self._skipping = False
                item = self._packet()
                if item is not Mark.CUT_OFF:
                    return item
            elif self._skipping:
                self._drop_before(buffer.find(_START))
            elif first in _MARKS:
                if first == ACK[0] and len(buffer) > _MOST_ACKS:
                    self._thin_acks()
                del buffer[0]
                return _MARKS[first]
            else:
                found = _MEANINGFUL.search(buffer)
                self._drop_before(found.start() if found else -1)
        return None

    def _thin_acks(self) -> None:
        """Drop what is too much of the acknowledgements at the front: a flood of them costs no time."""
        found = _ACKS.match(self._buffer)
        if found is not None and found.end() > _MOST_ACKS:
            del self._buffer[: found.end() - _MOST_ACKS]

    def _drop_before(self, position: int) -> None:
        if position < 0:
            self._buffer.clear()
        else:
            del self._buffer[:position]

    def _consume(self, length: int) -> None:
        del self._buffer[:length]
        self._searched = 1

    def _packet(self) -> bytes | Mark | None:
        """The packet at the front of the buffer, or `Mark.CUT_OFF` after dropping it."""
        buffer = self._buffer
        restart = buffer.find(
            _START, self._searched
        )  # first, so that many starts in a row cost no search for an end each
        stop = restart if restart >= 0 else len(buffer)
        end = buffer.find(_END, self._searched, stop)
        if end >= 0:
            stop = end
        if stop - 1 > self._limit:
            self._skipping = True
            self._consume(stop)
            return Mark.OVER_LONG
        if end < 0 <= restart:
            self._consume(restart)
            return Mark.CUT_OFF
        if end < 0 or len(buffer) < end + 3:
            self._searched = stop
            return None
        payload = bytes(buffer[1:end])
        claimed = _CHECKSUMS.get(bytes(buffer[end + 1 : end + 3]))
        if claimed is None:  # not digits: they may be the start of the next packet, so leave them
            self._consume(end + 1)
            return Mark.BAD_CHECKSUM
        self._consume(end + 3)
        return payload if checksum(payload) == claimed else Mark.BAD_CHECKSUM


def unescape(data: bytes) -> bytes:
    """Binary data as the peer escaped it.

    Raises:
        FramingError: The data end inside an escape.
    """
    if _ESCAPE not in data:
        return data
    return re.sub(rb"\}(.?)", _unescaped, data, flags=re.DOTALL)


def _unescaped(escape: re.Match[bytes]) -> bytes:
    if not escape[1]:
        msg = "binary data end inside an escape"
        raise FramingError(msg)
    return bytes((escape[1][0] ^ 0x20,))


# --- output ---


_ESCAPES: Final = tuple(
    (special, _ESCAPE + bytes((special[0] ^ 0x20,))) for special in (_ESCAPE, _START, _END, _REPEAT)
)
_SANITISED: Final = bytes(
    ord("?") if code in b"$#}*" else ord(" ") if code < 0x20 or code == 0x7F else code for code in range(256)
)

RUN_LENGTH_FROM: Final = 4096
"""Replies shorter than this fit a few network packets as they are: shortening would only cost time."""

_RUN_CHARACTERS: Final = (b"0", b"f", b"x", b" ", b"\0")
_RUN_LENGTHS: Final = (98, 34, 16, 9)
# A count character is 28 plus the run's length: ~ > , % here, which are neither special nor run characters themselves,
# so that one replacement cannot match inside the result of another.
_RUNS: Final = tuple(
    tuple((character * length, character + _REPEAT + bytes((28 + length,))) for length in _RUN_LENGTHS)
    for character in _RUN_CHARACTERS
)


def escape(data: bytes) -> bytes:
    """Binary data in the form that a reply can hold."""
    for special, escaped in _ESCAPES:
        data = data.replace(special, escaped)
    return data


def sanitise(text: str) -> bytes:
    """Text for a reply that has no escapes: UTF-8, with what framing would misread replaced."""
    return text.encode("utf-8", "replace").translate(_SANITISED)


def shorten_runs(payload: bytes) -> bytes:
    """The payload with long runs of the common characters written as one character and a count.

    Escaped characters are never in `_RUN_CHARACTERS`, so a run cannot begin inside an escape.
    """
    for runs in _RUNS:
        if runs[-1][0] not in payload:
            continue
        for run, short in runs:
            payload = payload.replace(run, short)
    return payload


def expand_runs(payload: bytes) -> bytes:
    """What a client makes of a reply's payload: every run written out.

    Raises:
        FramingError: A count without a character before it, or a count that is not one.
    """
    pieces = payload.split(_REPEAT)
    expanded = bytearray(pieces[0])
    for piece in pieces[1:]:
        if not expanded or not piece or not 29 <= piece[0] <= 126:
            msg = f"run length {piece[:1]!r} is not one"
            raise FramingError(msg)
        expanded += expanded[-1:] * (piece[0] - 29)
        expanded += piece[1:]
    return bytes(expanded)


def frame(payload: bytes, *, run_length: bool = True, clean: bool = False) -> bytes:
    """One packet, ready to be written.

    Args:
        payload: What it says.
        run_length: Whether runs may be shortened, where that is worth the time.
        clean: The payload cannot hold a special byte, as hex digits cannot: do not look.

    Raises:
        LocalProtocolError: The payload holds a byte that should have been escaped.
    """
    if not clean and (_START in payload or _END in payload or _REPEAT in payload):
        msg = f"a reply holds a byte that must be escaped: {payload[:60]!r}"
        raise LocalProtocolError(msg)
    if run_length and len(payload) >= RUN_LENGTH_FROM:
        payload = shorten_runs(payload)
    return b"$%b#%02x" % (payload, checksum(payload))


def frame_notification(payload: bytes) -> bytes:
    """One notification (`%Stop:...`): a packet that no acknowledgement answers."""
    return b"%" + frame(payload, run_length=False)[1:]
