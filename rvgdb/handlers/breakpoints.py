"""`Z0` to `Z4` and `z0` to `z4`."""

from __future__ import annotations

from protocol.replies import Ok, Reply
from protocol.requests import InsertBreakpoint, RemoveBreakpoint
from rvgdb.client import Client
from rvgdb.target.judging import make_judgement


def insert_breakpoint(client: Client, request: InsertBreakpoint) -> Reply:
    """Twice the same is once; what conditions and commands say replaces what they said before."""
    target = client.target
    judgement = make_judgement(request.conditions, request.commands, target.registers.steps)
    target.breakpoints.insert(request.kind, request.address, request.length, judgement)
    return Ok()


def remove_breakpoint(client: Client, request: RemoveBreakpoint) -> Reply:
    """One that is not there is no error."""
    client.target.breakpoints.remove(request.kind, request.address, request.length)
    return Ok()


HANDLERS = {
    InsertBreakpoint: insert_breakpoint,
    RemoveBreakpoint: remove_breakpoint,
}
