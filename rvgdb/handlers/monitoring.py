"""`qRcmd`: GDB's `monitor` command."""

from __future__ import annotations

from protocol.replies import ConsoleOutput, Ok, Reply
from protocol.requests import MonitorCommand
from rvgdb.client import Client


def monitor_command(client: Client, request: MonitorCommand) -> tuple[Reply, ...]:
    """The command's output as console text; a command that fails says so in it, as QEMU's do."""
    text = client.execute(request.line)
    return (ConsoleOutput(text.encode()), Ok()) if text else (Ok(),)


HANDLERS = {MonitorCommand: monitor_command}
