"""`info version`."""

from __future__ import annotations

from rvgdb import __version__
from rvgdb.monitor.command import Command, Scene


def info_version(scene: Scene, rest: str) -> str:
    """The version."""
    return f"rvgdb {__version__}\n"


COMMAND = Command(("version",), "", "show the version of rvgdb", info_version)
