"""`m`, `M`, `x`, `X`."""

from __future__ import annotations

from protocol.replies import BinaryData, Data, Ok, Reply
from protocol.requests import ReadMemory, ReadMemoryBinary, WriteMemory
from rvgdb.client import Client


def read_memory(client: Client, request: ReadMemory) -> Reply:
    """The bytes up to the first that cannot be read."""
    if request.length == 0:
        return Data(b"")
    return Data(client.target.memory.read_memory(client.hart, request.address, request.length))


def read_memory_binary(client: Client, request: ReadMemoryBinary) -> Reply:
    """The same in binary."""
    if request.length == 0:
        return BinaryData(b"")
    return BinaryData(client.target.memory.read_memory(client.hart, request.address, request.length))


def write_memory(client: Client, request: WriteMemory) -> Reply:
    """Nothing to write is a debugger's question whether this packet is known."""
    if request.data:
        client.target.memory.write_memory(client.hart, request.address, request.data)
    return Ok()


HANDLERS = {
    ReadMemory: read_memory,
    ReadMemoryBinary: read_memory_binary,
    WriteMemory: write_memory,
}
