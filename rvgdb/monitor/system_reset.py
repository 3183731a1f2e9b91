"""`system_reset`."""

from __future__ import annotations

from rvgdb.monitor.command import Command, Scene


def system_reset(scene: Scene, rest: str) -> str:
    """Power the machine on again; it runs afterwards if it ran before."""
    scene.runner.reset()
    return ""


COMMAND = Command(("system_reset",), "", "reset the system", system_reset)
