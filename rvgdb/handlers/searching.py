"""`qSearch:memory` and `qCRC`: work over a lot of memory that would cost a debugger as many packets."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from protocol.replies import Checksum, Reply, SearchResult
from protocol.requests import ChecksumMemory, SearchMemory
from rvgdb.client import Client
from rvgdb.target.api import EFAULT, TargetError

BLOCK: Final = 1 << 16

_REVERSED_BITS: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _blocks(client: Client, address: int, length: int) -> Iterator[bytes]:
    """Memory piece by piece, up to `length` bytes or the first that cannot be read."""
    end = min(address + length, 1 << 64)
    while address < end:
        wanted = min(BLOCK, end - address)
        try:
            data = client.target.memory.read_memory(client.hart, address, wanted)
        except TargetError:
            return
        yield data
        if len(data) < wanted:
            return
        address += wanted


def search_memory(client: Client, request: SearchMemory) -> Reply:
    """The first place where the pattern is. The search ends where memory does.

    Raises:
        TargetError: When not even the first byte can be read.
    """
    kept = b""
    position = request.address
    read = 0
    for block in _blocks(client, request.address, request.length):
        window = kept + block
        found = window.find(request.pattern)
        if found >= 0:
            return SearchResult(position + found)
        read += len(block)
        kept = window[len(window) - min(len(window), len(request.pattern) - 1) :]
        position = request.address + read - len(kept)
    if read == 0 and request.length:
        raise TargetError(f"cannot access memory at {request.address:#x}", EFAULT)
    return SearchResult(None)


def checksum(data: bytes, before: int = 0xFFFF_FFFF) -> int:
    """GDB's CRC-32: polynomial 0x04c11db7, most significant bit first, begun with ones, not inverted at the end.

    It is zlib's with the bits of every byte and of the result in the other order.

    Args:
        data: The bytes.
        before: The checksum of what came before them.
    """
    mirrored = int(f"{before:032b}"[::-1], 2) ^ 0xFFFF_FFFF
    mirrored = zlib.crc32(data.translate(_REVERSED_BITS), mirrored) ^ 0xFFFF_FFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def checksum_memory(client: Client, request: ChecksumMemory) -> Reply:
    """The checksum of a whole range.

    Raises:
        TargetError: When a part of it cannot be read.
    """
    value = 0xFFFF_FFFF
    read = 0
    for block in _blocks(client, request.address, request.length):
        value = checksum(block, value)
        read += len(block)
    if read < request.length:
        raise TargetError(f"cannot access memory at {request.address + read:#x}", EFAULT)
    return Checksum(value)


HANDLERS = {
    SearchMemory: search_memory,
    ChecksumMemory: checksum_memory,
}
