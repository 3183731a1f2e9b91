"""What breakpoints print (GDB's `dprintf` with `set dprintf-style agent`), until a debugger takes it."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from typing import Final

from emulator.errors import MemoryUnavailable
from rvgdb.target.api import Debug

LONGEST_STRING: Final = 4096
"""Bytes of a `%s` without an end that are printed."""

_FIELD: Final = re.compile(
    rb"%(?P<flags>[-+ #0]*[0-9]{0,4}(?:\.[0-9]{0,4})?)(?P<length>hh|h|ll|l|j|z|t|L|q)?(?P<kind>.)", re.DOTALL
)
_ESCAPE: Final = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_ESCAPES: Final = {
    b"a": b"\a",
    b"b": b"\b",
    b"e": b"\x1b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
}
_BITS: Final = {b"hh": 8, b"h": 16, None: 32}
WIDEST: Final = 64


def format_text(text: bytes, values: Sequence[int], string_at: Callable[[int], bytes]) -> bytes:
    r"""C's printf.

    Args:
        text: The format, in whose text GDB leaves escapes as they were written (`\n`). A conversion that is none, or
            that has no value left, is printed as it is written.
        values: The arguments, each in 64 bits.
        string_at: Reads the bytes of a string in memory.
    """
    left = list(values)

    def convert(field: re.Match[bytes]) -> bytes:
        kind = field["kind"]
        if kind == b"%":
            return b"%"
        if kind not in b"diuxXocspeEfFgG" or not left:
            return field[0]
        return _convert(b"%" + field["flags"], kind, _BITS.get(field["length"], WIDEST), left.pop(0), string_at)

    return _FIELD.sub(convert, _ESCAPE.sub(_unescape, text))


def _unescape(escape: re.Match[bytes]) -> bytes:
    digits = escape[1]
    if digits[:1] in b"01234567":
        return bytes([int(digits, 8) & 0xFF])
    return _ESCAPES.get(digits, digits)


def _convert(start: bytes, kind: bytes, bits: int, value: int, string_at: Callable[[int], bytes]) -> bytes:
    if kind == b"s":
        return (start + b"s") % string_at(value)
    if kind == b"c":
        return (start + b"c") % (value & 0xFF)
    if kind == b"p":
        return b"%#x" % value
    if kind in b"eEfFgG":
        return (start + kind) % struct.unpack("<d", value.to_bytes(8, "little"))
    value &= (1 << bits) - 1
    if kind in b"di":
        return (start + b"d") % (value - (1 << bits) if value >> bits - 1 else value)
    return (start + (b"d" if kind == b"u" else kind)) % value


class Printed:
    """Collects what breakpoints print.

    Args:
        debug: The machine, for the strings in its memory.
    """

    def __init__(self, debug: Debug) -> None:
        self._debug = debug
        self._text = bytearray()
        debug.printer = self._print

    def take(self) -> bytes:
        """What was printed since the last time."""
        text = bytes(self._text)
        self._text.clear()
        return text

    def _print(self, hart: int, text: bytes, values: tuple[int, ...]) -> None:
        self._text += format_text(text, values, lambda address: self._string(hart, address))

    def _string(self, hart: int, address: int) -> bytes:
        found = bytearray()
        try:
            while len(found) < LONGEST_STRING and b"\0" not in found:
                found += self._debug.read_memory(hart, address + len(found), 64 - (address + len(found)) % 64)
        except MemoryUnavailable as error:
            found += f"<{error}>".encode() + b"\0"
        return bytes(found.partition(b"\0")[0])
