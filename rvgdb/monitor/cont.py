"""`cont`."""

from __future__ import annotations

from rvgdb.monitor.command import Command, Scene


def cont(scene: Scene, rest: str) -> str:
    """Let the guest run. A debugger that is attached is not told: it believes what it did itself."""
    if not scene.runner.running:
        scene.runner.resume()
    return ""


COMMAND = Command(("cont", "c"), "", "resume emulation", cont)
