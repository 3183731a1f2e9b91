"""The fields that packets are made of, as `construct` tokens over ASCII text: strict, bounded, both ways.

construct's own text support is lenient and `int(text, 16)` takes signs, spaces and underscores, so every token here is
matched by a regular expression. Only this module and `grammars.py` know construct; both are imported when the first
packet without a fast parser arrives, because importing construct takes as long as the rest of the package.
"""

from __future__ import annotations

import io
import re
from typing import Any

from construct import Construct, ConstructError

from protocol import framing
from protocol.ids import ALL, ThreadId
from protocol.requests import MAX_READ, ActionKind


class Token(Construct):  # type: ignore[misc]
    """A piece of text that a pattern describes. Subclasses turn it into a value and back.

    Attributes:
        pattern: What the text looks like; matched at the place in the packet where the token stands.
    """

    pattern: re.Pattern[bytes]

    def decode(self, text: bytes) -> Any:
        """The value of `text`, which the pattern has matched.

        Raises:
            ConstructError: It has none after all.
        """
        return text

    def encode(self, value: Any) -> bytes:
        """The text of `value`."""
        return bytes(value)

    def _parse(self, stream: io.BytesIO, context: Any, path: str) -> Any:
        start = stream.tell()
        match = self.pattern.match(stream.read())
        if match is None:
            msg = f"no {type(self).__name__} at offset {start}"
            raise ConstructError(msg, path)
        stream.seek(start + match.end())
        return self.decode(match[0])

    def _build(self, obj: Any, stream: io.BytesIO, context: Any, path: str) -> Any:
        if obj is None:
            msg = f"no value for {type(self).__name__}"
            raise ConstructError(msg, path)
        stream.write(self.encode(obj))
        return obj


class HexNumber(Token):
    """An unsigned number in hex digits without sign or prefix.

    Args:
        bits: How wide the number may be; leading zeros count.
    """

    def __init__(self, bits: int = 64) -> None:
        super().__init__()
        self.pattern = re.compile(rb"[0-9a-fA-F]{1,%d}(?![0-9a-fA-F])" % (bits // 4))

    def decode(self, text: bytes) -> int:
        return int(text, 16)

    def encode(self, value: int) -> bytes:
        return b"%x" % value


class ReadLength(HexNumber):
    """The length of a read, cut to `MAX_READ`."""

    def decode(self, text: bytes) -> int:
        return min(int(text, 16), MAX_READ)


class Signal(HexNumber):
    """A signal number: two hex digits."""

    def __init__(self) -> None:
        super().__init__(8)

    def encode(self, value: int) -> bytes:
        return b"%02x" % value


class Flag(Token):
    """`0` or `1`."""

    pattern = re.compile(rb"[01]")

    def decode(self, text: bytes) -> bool:
        return text == b"1"

    def encode(self, value: bool) -> bytes:
        return b"1" if value else b"0"


class HexData(Token):
    """Bytes as pairs of hex digits, as many as there are.

    Args:
        least: The least number of bytes.
    """

    def __init__(self, least: int = 0) -> None:
        super().__init__()
        self.pattern = re.compile(rb"(?:[0-9a-fA-F]{2}){%d,}" % least)

    def decode(self, text: bytes) -> bytes:
        return bytes.fromhex(text.decode("ascii"))

    def encode(self, value: bytes) -> bytes:
        return value.hex().encode("ascii")


class HexText(Token):
    """Text as hex digits of its UTF-8 form; what is not UTF-8 is replaced."""

    pattern = re.compile(rb"(?:[0-9a-fA-F]{2})*")

    def decode(self, text: bytes) -> str:
        return bytes.fromhex(text.decode("ascii")).decode("utf-8", "replace")

    def encode(self, value: str) -> bytes:
        return value.encode("utf-8", "replace").hex().encode("ascii")


class BinaryData(Token):
    """The rest of the packet as escaped bytes."""

    pattern = re.compile(rb".*", re.DOTALL)

    def decode(self, text: bytes) -> bytes:
        return framing.unescape(text)

    def encode(self, value: bytes) -> bytes:
        return framing.escape(value)


class Annex(Token):
    """The name of a part of a document; may be empty."""

    pattern = re.compile(rb"[!-9;-~]{0,255}(?=:)")

    def decode(self, text: bytes) -> str:
        return text.decode("ascii")

    def encode(self, value: str) -> bytes:
        return value.encode("ascii")


class FeatureList(Token):
    """`name+;name-;name?;name=value...`, and anything else between semicolons, so that old peers can talk to new."""

    pattern = re.compile(rb".*", re.DOTALL)

    def decode(self, text: bytes) -> tuple[str, ...]:
        return tuple(feature for feature in text.decode("ascii", "replace").split(";") if feature)

    def encode(self, value: tuple[str, ...]) -> bytes:
        return ";".join(value).encode("ascii")


class ThreadField(Token):
    """A thread id: `TID`, `pPID` or `pPID.TID`; each number may be -1. All processes have no single thread."""

    pattern = re.compile(
        rb"p(?:-1(?:\.(?:-1|0+(?![0-9a-fA-F])))?|[0-9a-fA-F]{1,8}(?:\.(?:-1|[0-9a-fA-F]{1,8}))?)(?![0-9a-fA-F.])"
        rb"|(?:-1|[0-9a-fA-F]{1,8})(?![0-9a-fA-F.])"
    )

    def decode(self, text: bytes) -> ThreadId:
        if not text.startswith(b"p"):
            return ThreadId(int(text, 16))
        process, dot, thread = text[1:].partition(b".")
        return ThreadId(int(thread, 16) if dot else ALL, int(process, 16))

    def encode(self, value: ThreadId) -> bytes:
        return value.text(multiprocess=value.process is not None).encode("ascii")


class ActionLetter(Token):
    """The letter of a `vCont` action."""

    pattern = re.compile(rb"[cCsStr]")

    def decode(self, text: bytes) -> ActionKind:
        return ActionKind(text.decode("ascii"))

    def encode(self, value: ActionKind) -> bytes:
        return value.value.encode("ascii")


class Expressions(Token):
    """Agent expressions, at least one: `X`, the number of bytes, a comma and the bytes as hex digits, each."""

    pattern = re.compile(rb"(?:X[0-9a-fA-F]{1,8},(?:[0-9a-fA-F]{2})+)+")
    _one = re.compile(rb"X([0-9a-fA-F]+),([0-9a-fA-F]+)")

    def decode(self, text: bytes) -> tuple[bytes, ...]:
        codes = []
        for size, digits in self._one.findall(text):
            code = bytes.fromhex(digits.decode("ascii"))
            if len(code) != int(size, 16):
                msg = f"an agent expression of {len(code)} bytes says it has {int(size, 16)}"
                raise ConstructError(msg)
            codes.append(code)
        return tuple(codes)

    def encode(self, value: tuple[bytes, ...]) -> bytes:
        if not value:
            msg = "no agent expression"
            raise ConstructError(msg)
        return b"".join(b"X%x,%b" % (len(code), code.hex().encode("ascii")) for code in value)
