"""`info cpus`."""

from __future__ import annotations

from rvgdb.monitor.command import Command, Scene


def info_cpus(scene: Scene, rest: str) -> str:
    """One line a hart; the one that commands mean is starred."""
    lines = []
    for hart in range(scene.target.harts.count):
        star = "*" if hart == scene.hart else " "
        pc = scene.target.debug.read_pc(hart)
        lines.append(f"{star} CPU #{hart}: pc={pc:#018x} {scene.target.harts.describe(hart)}\n")
    return "".join(lines)


COMMAND = Command(("cpus",), "", "show infos for each CPU", info_cpus)
