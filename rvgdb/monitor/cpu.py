"""`cpu`."""

from __future__ import annotations

from rvgdb.monitor.command import Command, MonitorError, Scene


def cpu(scene: Scene, rest: str) -> str:
    """Choose the hart that `info registers` and `x` mean."""
    if not rest:
        raise MonitorError(f"which CPU? for example: cpu {scene.target.harts.count - 1}; 'info cpus' lists them")
    scene.hart = hart_number(scene, rest)
    return ""


def hart_number(scene: Scene, text: str) -> int:
    """A hart's number as typed.

    Raises:
        MonitorError: When there is no such hart.
    """
    last = scene.target.harts.count - 1
    if not text.isascii() or not text.isdigit() or int(text) > last:
        raise MonitorError(f"there is no CPU '{text}'; the last one is {last}")
    return int(text)


COMMAND = Command(("cpu",), "index", "set the default CPU", cpu)
