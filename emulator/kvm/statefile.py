"""The file that a saved virtual machine is: a description and memory, sealed so that damage is noticed before use.

8 bytes   `RVGDBKVM`
4 bytes   version, little-endian, as all numbers
8 bytes   length of the body
32 bytes  SHA-256 of the body
body      compressed with zlib: 8 bytes length of the description, the description in JSON, pages of memory
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any, Final

from emulator.errors import EmulatorError

MAGIC: Final = b"RVGDBKVM"
VERSION: Final = 2
HEAD: Final = len(MAGIC) + 4 + 8 + hashlib.sha256().digest_size
LIMIT: Final = 1 << 40
"""Bytes of a body after decompression: more is no virtual machine of this emulator."""


class StateError(EmulatorError):
    """Raised when a saved state is refused; nothing has changed.

    Attributes:
        register: Name of the register that this host or kernel does not take, empty where the file itself is at fault.
    """

    def __init__(self, message: str, register: str = "") -> None:
        super().__init__(message)
        self.register = register


def seal(description: dict[str, Any], memory: bytes) -> bytes:
    """Build a file."""
    text = json.dumps(description, separators=(",", ":")).encode()
    body = zlib.compress(len(text).to_bytes(8, "little") + text + memory, 1)
    numbers = VERSION.to_bytes(4, "little") + len(body).to_bytes(8, "little")
    return MAGIC + numbers + hashlib.sha256(body).digest() + body


def unseal(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Take a file apart.

    Returns:
        The description and the memory behind it.

    Raises:
        StateError: If it is no such file, of another version, cut short, or altered.
    """
    if not data.startswith(MAGIC):
        raise StateError("this is no saved virtual machine of rvgdb")
    if len(data) < HEAD:
        raise StateError("the saved virtual machine is cut short")
    version = int.from_bytes(data[8:12], "little")
    if version != VERSION:
        raise StateError(f"the saved virtual machine has version {version}; this rvgdb reads version {VERSION}")
    size, digest, body = int.from_bytes(data[12:20], "little"), data[20:HEAD], data[HEAD:]
    if len(body) != size:
        raise StateError(
            f"the saved virtual machine has {len(body)} bytes where {size} belong: it is cut short or padded"
        )
    if hashlib.sha256(body).digest() != digest:
        raise StateError("the saved virtual machine has been altered: its checksum does not fit")
    return _open(body)


def _open(body: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        content = zlib.decompressobj().decompress(body, LIMIT)
        end = 8 + int.from_bytes(content[:8], "little")
        description = json.loads(content[8:end])
    except (zlib.error, ValueError) as error:
        raise StateError(f"the saved virtual machine cannot be read: {error}") from error
    if not isinstance(description, dict):
        raise StateError("the saved virtual machine has no description")
    return description, content[end:]
