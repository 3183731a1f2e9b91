"""Read-only memory on the bus. Harts execute and load from it directly; the bus sees what goes around that."""

from __future__ import annotations


class Rom:
    """A span of bytes that a guest can read but not change.

    Stores are discarded without a fault, as QEMU's mask ROM does.
    """

    def __init__(self, content: memoryview) -> None:
        """Make a ROM.

        Args:
            content: The bytes; the owner may change them.
        """
        self.size = len(content)
        self._content = content

    def load(self, offset: int, width: int) -> int:
        """Read `width` bytes, little-endian."""
        return int.from_bytes(self._content[offset : offset + width], "little")

    def store(self, offset: int, width: int, value: int) -> None:
        """Discard the store."""

    def peek(self, offset: int, length: int) -> bytes:
        """The bytes themselves."""
        return bytes(self._content[offset : offset + length])

    def reset(self) -> None:
        """Nothing to do: the content stays."""
