"""What the walk-through types into GDB: a list of scenes, and the batch script made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PROMPT: Final = "(gdb) "
SCENE: Final = "## "
"""Begins a line of GDB's output that is the title of a scene."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A few commands that show one thing.

    Attributes:
        title: What is shown, for the reader.
        commands: GDB commands, in order.
    """

    title: str
    commands: tuple[str, ...]


SCENES: Final = (
    Scene(
        "Run to a breakpoint, look at the stack, finish the function",
        ("break volume_of", "continue", "backtrace", "print *box", "finish", "delete"),
    ),
    Scene(
        "The hart: its registers, a CSR, the code at the program counter",
        ("info registers", "print/x $mstatus", "x/4i $pc"),
    ),
    Scene(
        "A watchpoint stops where a variable changes",
        ("watch total_volume", "continue", "print total_volume", "delete"),
    ),
    Scene(
        "Inside a timer interrupt: the backtrace crosses the trap",
        ("break on_timer", "continue", "backtrace", "print/x $mcause", "delete"),
    ),
    Scene(
        "The second hart, while it answers the greeting of the first",
        ("break on_greeting", "continue", "info threads", "backtrace 1", "delete"),
    ),
    Scene("Let the guest run to its end", ("continue",)),
)


def batch_script(port: int) -> str:
    """A GDB script that attaches to `port` on this machine and plays every scene, each command after a prompt.

    Args:
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
    for scene in SCENES:
        lines.append(f"echo \\n{SCENE}{scene.title}\\n")
        for command in scene.commands:
            lines.extend((f"echo {PROMPT}{command}\\n", command))
    return "\n".join(lines) + "\n"
