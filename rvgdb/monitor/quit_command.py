"""`quit`."""

from __future__ import annotations

from rvgdb.monitor.command import Command, Scene


def leave(scene: Scene, rest: str) -> str:
    """End the emulator with status 0, as QEMU."""
    scene.runner.end(0)
    return ""


COMMAND = Command(("quit", "q"), "", "quit the emulator", leave)
