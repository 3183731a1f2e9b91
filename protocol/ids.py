"""Thread ids as the protocol writes them: `TID`, `pPID`, `pPID.TID`, with -1 for all and 0 for any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

ALL = -1
"""A process or thread number that stands for all of them."""

ANY = 0
"""A process or thread number that stands for any one of them."""


@dataclass(frozen=True, slots=True)
class ThreadId:
    """One thread, or a set of threads.

    Attributes:
        thread: Thread number counted from 1, `ALL` or `ANY`.
        process: Process number counted from 1, `ALL` or `ANY`; None when the peer did not name one, which means
            the process at hand. In replies None stands for process 1.
    """

    thread: int
    process: int | None = None

    EVERY: ClassVar[ThreadId]

    def matches(self, other: ThreadId) -> bool:
        """Whether `other`, a single thread, is one of the threads this id stands for (`ANY` matches all)."""
        process_fits = self.process in (None, ALL, ANY) or self.process == (other.process or 1)
        return process_fits and (self.thread in (ALL, ANY) or self.thread == other.thread)

    def text(self, *, multiprocess: bool) -> str:
        """The id as it goes on the wire; the process is written only with the multiprocess extension."""
        thread = "-1" if self.thread == ALL else f"{self.thread:x}"
        if not multiprocess:
            return thread
        process = 1 if self.process is None else self.process
        return f"p{'-1' if process == ALL else format(process, 'x')}.{thread}"


ThreadId.EVERY = ThreadId(ALL)
