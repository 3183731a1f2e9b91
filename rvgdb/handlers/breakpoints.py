"""`Z0` to `Z4` and `z0` to `z4`."""

from __future__ import annotations

from protocol.replies import Ok, Reply
from protocol.requests import InsertBreakpoint, RemoveBreakpoint
from rvgdb.client import Client


def insert_breakpoint(client: Client, request: InsertBreakpoint) -> Reply:
    """Twice the same is once."""
    client.target.breakpoints.insert(request.kind, request.address, request.length)
    return Ok()


def remove_breakpoint(client: Client, request: RemoveBreakpoint) -> Reply:
    """One that is not there is no error."""
    client.target.breakpoints.remove(request.kind, request.address, request.length)
    return Ok()


HANDLERS = {
    InsertBreakpoint: insert_breakpoint,
    RemoveBreakpoint: remove_breakpoint,
}
