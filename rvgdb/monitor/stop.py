"""`stop`."""

from __future__ import annotations

from rvgdb.monitor.command import Command, Scene


def stop(scene: Scene, rest: str) -> str:
    """Halt the guest."""
    scene.runner.request_halt()
    return ""


COMMAND = Command(("stop", "s"), "", "stop emulation", stop)
