"""`gdbserver`."""

from __future__ import annotations

from rvgdb.monitor.command import Command, MonitorError, Scene


def gdbserver(scene: Scene, rest: str) -> str:
    """Say where a debugger can attach; the port itself is chosen on the command line.

    Raises:
        MonitorError: When a device is given.
    """
    if rest not in ("", "info"):
        raise MonitorError("the debug port is opened at the start; run rvgdb with -s or -gdb DEV")
    if not scene.gdb_addresses:
        return "no debug port is open; run rvgdb with -s or -gdb DEV\n"
    return "".join(f"gdb listening on {address}\n" for address in scene.gdb_addresses)


COMMAND = Command(("gdbserver",), "[info]", "show where a debugger can attach", gdbserver)
