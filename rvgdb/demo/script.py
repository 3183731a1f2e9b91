"""The batch script that plays a part's scenes in GDB."""

from __future__ import annotations

from typing import Final

from rvgdb.demo.parts import Part

PROMPT: Final = "(gdb) "
SCENE: Final = "## "
"""Begins a line of GDB's output that is the title of a scene."""


def batch_script(part: Part, port: int) -> str:
    """A GDB script that attaches to `port` on this machine and plays every scene, each command after a prompt.

    Args:
        part: What is played.
        port: TCP port where the emulator listens.

    Returns:
        Text for `gdb -batch -x`.
    """
    lines = [
        "set pagination off",
        "set confirm off",
        "set width 0",
        "set style enabled off",
        "set tcp connect-timeout 60",
        f"target remote 127.0.0.1:{port}",
    ]
    for scene in part.scenes:
        lines.append(f"echo \\n{SCENE}{scene.title}\\n")
        for command in scene.commands:
            lines.extend((f"echo {PROMPT}{command}\\n", command))
    return "\n".join(lines) + "\n"
