"""Looking at a bank of registers byte by byte, as a debugger does."""

from __future__ import annotations

from collections.abc import Callable


def peek_words(read: Callable[[int], int], offset: int, length: int) -> bytes:
    """Bytes of a bank of little-endian 32-bit registers.

    Args:
        read: Gives the register at a multiple of four, without side effects.
        offset: First byte wanted.
        length: Bytes wanted.
    """
    first = offset & ~3
    raw = b"".join(read(at).to_bytes(4, "little") for at in range(first, offset + length, 4))
    return raw[offset - first : offset - first + length]
