"""`qXfer:features` and `qXfer:memory-map`."""

from __future__ import annotations

from protocol.replies import Error, Reply, XferChunk
from protocol.requests import ReadDescription, ReadMemoryMap
from rvgdb.client import Client


def read_description(client: Client, request: ReadDescription) -> Reply:
    """The target description."""
    document = client.target.documents.description(request.annex)
    return Error() if document is None else XferChunk.of(document, request.offset, request.length)


def read_memory_map(client: Client, request: ReadMemoryMap) -> Reply:
    """RAM and ROM by physical address; only offered when the user asked for it."""
    return XferChunk.of(client.target.documents.memory_map(), request.offset, request.length)


HANDLERS = {
    ReadDescription: read_description,
    ReadMemoryMap: read_memory_map,
}
