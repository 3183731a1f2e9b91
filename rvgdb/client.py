"""What belongs to one debugger's connection and goes with it; handlers work on it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from protocol.features import Peer
from protocol.ids import ALL, ANY, ThreadId
from protocol.replies import Reply
from rvgdb.runner import Runner
from rvgdb.target.api import TargetError
from rvgdb.target.machine import Target

PROCESS = 1
"""The one process: the machine."""

Execute: TypeAlias = Callable[[str], str]
"""Runs a monitor command line and gives its output."""


class Client:
    """One debugger.

    Attributes:
        target: What it debugs.
        runner: How the guest is resumed.
        execute: The monitor.
        peer: What the debugger understands, as far as it said.
        hart: The hart whose registers and memory are meant (`Hg`).
        resume_hart: The hart that `c` and `s` mean (`Hc`), or None for all.
        said_goodbye: It detached or killed: its end is no surprise.
        in_flight: The guest was resumed for it and it waits for the stop.
    """

    __slots__ = ("execute", "hart", "in_flight", "peer", "resume_hart", "runner", "said_goodbye", "target")

    def __init__(self, target: Target, runner: Runner, execute: Execute) -> None:
        self.target = target
        self.runner = runner
        self.execute = execute
        self.peer = Peer()
        self.hart = 0
        self.resume_hart: int | None = None
        self.said_goodbye = False
        self.in_flight = False

    def hart_of(self, thread: ThreadId, default: int = 0) -> int:
        """The hart that a thread id means; `default` for "any" and "all".

        Raises:
            TargetError: When there is no such thread.
        """
        if thread.process not in (None, ALL, ANY, PROCESS):
            raise TargetError(f"there is no process {thread.process}")
        if thread.thread in (ALL, ANY):
            return default
        if not 1 <= thread.thread <= self.target.harts.count:
            raise TargetError(f"there is no thread {thread.thread}")
        return thread.thread - 1


@cache
def thread_of(hart: int) -> ThreadId:
    """The thread id of a hart."""
    return ThreadId(hart + 1, PROCESS)


Answer: TypeAlias = Reply | tuple[Reply, ...] | None
"""What a handler gives: a reply, console output before a reply, or None when there is nothing to say (yet)."""
