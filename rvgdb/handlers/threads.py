"""Harts as threads: `Hg`, `Hc`, `qC`, `T`, the lists and what is known of each."""

from __future__ import annotations

from protocol.description import ThreadDetails, thread_list
from protocol.ids import ALL, ANY
from protocol.replies import CurrentThread, Data, Ok, Reply, ThreadList, ThreadListEnd, XferChunk
from protocol.requests import (
    DescribeThread,
    GetCurrentThread,
    IsThreadAlive,
    ListMoreThreads,
    ListThreads,
    ReadThreadDetails,
    SelectResumeThread,
    SelectThread,
)
from rvgdb.client import Client, thread_of


def select_thread(client: Client, request: SelectThread) -> Reply:
    """Choose a hart for registers and memory; "any" keeps the one at hand."""
    client.hart = client.hart_of(request.thread, client.hart)
    return Ok()


def select_resume_thread(client: Client, request: SelectResumeThread) -> Reply:
    """Choose a hart for `c` and `s`."""
    hart = client.hart_of(request.thread)
    client.resume_hart = None if request.thread.thread in (ALL, ANY) else hart
    return Ok()


def current_thread(client: Client, request: GetCurrentThread) -> Reply:
    """The chosen hart."""
    return CurrentThread(thread_of(client.hart))


def list_threads(client: Client, request: ListThreads) -> Reply:
    """All harts in one reply."""
    return ThreadList(tuple(thread_of(hart) for hart in range(client.target.harts.count)))


def list_more_threads(client: Client, request: ListMoreThreads) -> Reply:
    """There are no more."""
    return ThreadListEnd()


def describe_thread(client: Client, request: DescribeThread) -> Reply:
    """The hart's name and mode."""
    hart = client.hart_of(request.thread, client.hart)
    return Data(f"hart{hart} {client.target.harts.describe(hart)}".encode())


def is_thread_alive(client: Client, request: IsThreadAlive) -> Reply:
    """A hart always is."""
    client.hart_of(request.thread)
    return Ok()


def read_thread_details(client: Client, request: ReadThreadDetails) -> Reply:
    """The list as a document, with names and cores."""
    harts = client.target.harts
    rows = (ThreadDetails(thread_of(hart), f"hart{hart}", hart, harts.describe(hart)) for hart in range(harts.count))
    document = thread_list(rows, multiprocess=client.peer.multiprocess)
    return XferChunk.of(document, request.offset, request.length)


HANDLERS = {
    SelectThread: select_thread,
    SelectResumeThread: select_resume_thread,
    GetCurrentThread: current_thread,
    ListThreads: list_threads,
    ListMoreThreads: list_more_threads,
    DescribeThread: describe_thread,
    IsThreadAlive: is_thread_alive,
    ReadThreadDetails: read_thread_details,
}
