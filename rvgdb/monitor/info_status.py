"""`info status`."""

from __future__ import annotations

from rvgdb.monitor.command import Command, Scene


def info_status(scene: Scene, rest: str) -> str:
    """Whether the guest runs."""
    return f"VM status: {'running' if scene.runner.running else 'paused'}\n"


COMMAND = Command(("status",), "", "show the current VM status (running|paused)", info_status)
