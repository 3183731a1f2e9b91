"""Archives that Linux unpacks as its initial file system.

Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass

TRAILER = "TRAILER!!!"
"""The name of the entry behind the last."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, folder or device.

    Attributes:
        name: Its path, without a slash in front.
        mode: Type and permissions, as `stat` has them.
        data: A file's bytes.
        device: A device's numbers, major and minor.
    """

    name: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def program(name: str, data: bytes) -> Entry:
    """An executable file."""
    return Entry(name, stat.S_IFREG | 0o755, data)


def folder(name: str) -> Entry:
    """A folder."""
    return Entry(name, stat.S_IFDIR | 0o755)


def character_device(name: str, major: int, minor: int) -> Entry:
    """A character device."""
    return Entry(name, stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: Iterable[Entry]) -> bytes:
    """The archive, in the format "newc": headers of hexadecimal digits, everything padded to four bytes."""
    found = b"".join(_record(number, entry) for number, entry in enumerate(entries, 1))
    return found + _record(0, Entry(TRAILER, 0))


def _record(number: int, entry: Entry) -> bytes:
    name = entry.name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    owner = group = time = checksum = 0
    file_system = (0, 0)
    fields = (number, entry.mode, owner, group, links, time, len(entry.data))
    header = "".join(f"{field:08X}" for field in (*fields, *file_system, *entry.device, len(name), checksum))
    return _padded(b"070701" + header.encode() + name) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
