"""QEMU's monitor, as far as rvgdb has it: one command a file. GDB's `monitor` and `-monitor stdio` end up here."""

from __future__ import annotations

from rvgdb.monitor.command import MonitorError, Scene
from rvgdb.monitor.registry import Monitor

__all__ = ["Monitor", "MonitorError", "Scene"]
