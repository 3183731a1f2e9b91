"""What breakpoints print (GDB's `dprintf` with `set dprintf-style agent`), until a debugger takes it."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final, TypeAlias

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
_SIGNED: Final = {b"hh": "b", b"h": "h", None: "i"}
_WORD: Final = "q"
"""Codes of `struct` for an integer of each length, signed; in upper case unsigned."""

StringAt: TypeAlias = Callable[[int], bytes]


class Format:
    r"""A text in the notation of C's printf, made ready for many prints at once.

    Args:
        text: The format, in whose text GDB leaves escapes as they were written (`\n`). A conversion that is none, or
            that has no value left, is printed as it is written.
        arguments: How many values each print has.
    """

    def __init__(self, text: bytes, arguments: int) -> None:
        self._stride = 1 + arguments
        self._columns: list[str] = []
        unescaped = _ESCAPE.sub(_unescape, text)
        pieces, at = [], 0
        for field in _FIELD.finditer(unescaped):
            pieces += [_literal(unescaped[at : field.start()]), self._conversion(field)]
            at = field.end()
        self._template = b"".join(pieces) + _literal(unescaped[at:])

    def _conversion(self, field: re.Match[bytes]) -> bytes:
        """Python's conversion for one of C's; notes which value it takes, and how."""
        kind, start = field["kind"], b"%" + field["flags"]
        if kind == b"%":
            return b"%%"
        if kind not in b"diuxXocspeEfFgG" or len(self._columns) + 1 == self._stride:
            return _literal(field[0])
        signed = _SIGNED.get(field["length"], _WORD)
        code, converted = {
            b"s": ("s", start + b"s"),
            b"c": ("B", start + b"c"),
            b"p": ("Q", b"%#x"),
            b"d": (signed, start + b"d"),
            b"i": (signed, start + b"d"),
            b"u": (signed.upper(), start + b"d"),
        }.get(kind, ("d" if kind in b"eEfFgG" else signed.upper(), start + kind))
        self._columns.append(code)
        return converted

    def of(self, words: memoryview, string_at: StringAt) -> bytes:
        """The text of some prints.

        Args:
            words: For each print a 64-bit word that means nothing, and its values.
            string_at: Reads the bytes of a string in memory.
        """
        count = len(words) // self._stride
        columns = [self._column(words, code, at, string_at) for at, code in enumerate(self._columns, 1)]
        return self._template * count % tuple(chain.from_iterable(zip(*columns, strict=True)))

    def _column(self, words: memoryview, code: str, at: int, string_at: StringAt) -> Sequence[object]:
        """One value of each print."""
        if code == "s":
            return [string_at(address) for address in words[at :: self._stride]]
        parts = 8 // struct.calcsize(code)  # the value is in the first: both sides are little-endian
        return words.cast("B").cast(code)[at * parts :: self._stride * parts].tolist()  # type: ignore[call-overload, no-any-return]


def _literal(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")


def _unescape(escape: re.Match[bytes]) -> bytes:
    digits = escape[1]
    if digits[:1] in b"01234567":
        return bytes([int(digits, 8) & 0xFF])
    return _ESCAPES.get(digits, digits)


@lru_cache(maxsize=256)
def _format(text: bytes, arguments: int) -> Format:
    return Format(text, arguments)


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

    def _print(self, hart: int, text: bytes, stride: int, words: memoryview) -> None:
        self._text += _format(text, stride - 1).of(words, lambda address: self._string(hart, address))

    def _string(self, hart: int, address: int) -> bytes:
        found = bytearray()
        try:
            while len(found) < LONGEST_STRING and b"\0" not in found:
                found += self._debug.read_memory(hart, address + len(found), 64 - (address + len(found)) % 64)
        except MemoryUnavailable as error:
            found += f"<{error}>".encode() + b"\0"
        return bytes(found.partition(b"\0")[0])
