"""The conversation with a process, kept for error messages, and time limits that quote it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio

from rvgdb.sessions.errors import SessionTimeout

KEPT_LINES: Final = 80
"""Lines quoted in an error: enough for the stop in question and what led to it."""

LINE_WIDTH: Final = 400
"""A longer line (a memory dump, a register list) is cut."""


class Transcript:
    """The last lines that went to a process (`>`) and came from it (`<`)."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._rest = ""

    def sent(self, line: str) -> None:
        """Record a line that was written to the process."""
        self._lines.append("> " + line)

    def received(self, line: str) -> None:
        """Record a line that the process wrote."""
        self._lines.append("< " + line)

    def received_chunk(self, chunk: str) -> None:
        """Record text that arrives in pieces of any length; a line is kept once it is whole."""
        *lines, self._rest = (self._rest + chunk).split("\n")
        for line in lines:
            self.received(line.rstrip("\r"))

    def text(self) -> str:
        """All of it, one line each, long ones cut."""
        lines = [*self._lines, "< " + self._rest] if self._rest else self._lines
        return "\n".join(line if len(line) <= LINE_WIDTH else line[:LINE_WIDTH] + " ..." for line in lines)


@contextmanager
def time_limit(seconds: float, awaited: str, transcript: Transcript) -> Iterator[None]:
    """Bound a wait.

    Args:
        seconds: The absolute limit.
        awaited: What is waited for, as the subject of a sentence.
        transcript: Quoted in the error.

    Raises:
        SessionTimeout: The body did not finish in time.
    """
    try:
        with trio.fail_after(seconds):
            yield
    except trio.TooSlowError:
        raise SessionTimeout(f"{awaited} did not come within {seconds:g} s", transcript.text()) from None
