"""Where and why a program stopped, as GDB tells it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rvgdb.sessions.mi import Fields, fields_of, number_of, text_of


class StopReason(Enum):
    """Why GDB says that the program stopped; the values are MI's own words."""

    BREAKPOINT = "breakpoint-hit"
    WATCH = "watchpoint-trigger"
    READ_WATCH = "read-watchpoint-trigger"
    ACCESS_WATCH = "access-watchpoint-trigger"
    WATCH_SCOPE = "watchpoint-scope"
    STEPPED = "end-stepping-range"
    FINISHED = "function-finished"
    REACHED = "location-reached"
    SIGNAL = "signal-received"
    EXITED = "exited"
    EXITED_NORMALLY = "exited-normally"
    EXITED_BY_SIGNAL = "exited-signalled"
    NO_HISTORY = "no-history"
    UNSAID = "unsaid"
    """MI gives no reason, which it does when it has just connected."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of the call stack.

    Attributes:
        level: 0 is the innermost frame.
        address: The program counter in this frame.
        function: The function's name; None where the debugger knows none.
        file: The source file as the debug information names it.
        line: The line in it.
    """

    level: int
    address: int
    function: str | None = None
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """One thread, which for an emulator is one hart.

    Attributes:
        number: GDB's number, counted from 1.
        target_id: The remote's id as GDB prints it, for example `Thread 1.2`.
        details: The stub's own text about it; None when it gives none.
        frame: The innermost frame; None while it runs.
    """

    number: int
    target_id: str
    details: str | None
    frame: Frame | None


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop of the program.

    Attributes:
        reason: Why.
        frame: Where; None once the program is gone.
        thread: The thread that caused it, by GDB's number.
        number: The breakpoint or watchpoint that was hit.
        expression: What the watchpoint watches.
        old: The watched value before, as GDB prints it.
        new: The watched value after; for a read watchpoint the value that was read.
        signal: The signal's name for `StopReason.SIGNAL`.
        returned: The value that `finish` saw being returned.
    """

    reason: StopReason
    frame: Frame | None = None
    thread: int | None = None
    number: int | None = None
    expression: str | None = None
    old: str | None = None
    new: str | None = None
    signal: str | None = None
    returned: str | None = None

    @property
    def address(self) -> int | None:
        """The program counter, when there still is a program."""
        return None if self.frame is None else self.frame.address

    @property
    def function(self) -> str | None:
        """The name of the function that it stopped in."""
        return None if self.frame is None else self.frame.function

    @property
    def line(self) -> int | None:
        """The source line that it stopped at."""
        return None if self.frame is None else self.frame.line


def frame_from(fields: Fields) -> Frame:
    """Read MI's `frame={...}`."""
    return Frame(
        level=number_of(fields, "level") or 0,
        address=number_of(fields, "addr") or 0,
        function=None if (function := text_of(fields, "func")) == "??" else function,
        file=text_of(fields, "file"),
        line=number_of(fields, "line"),
    )


def thread_from(fields: Fields) -> Thread:
    """Read one row of MI's thread list."""
    frame = fields_of(fields, "frame")
    return Thread(
        number=number_of(fields, "id") or 0,
        target_id=text_of(fields, "target-id") or "",
        details=text_of(fields, "details"),
        frame=None if frame is None else frame_from(frame),
    )


def stop_from(fields: Fields) -> Stop:
    """Read the fields of MI's `*stopped`."""
    reason = text_of(fields, "reason")
    frame = fields_of(fields, "frame")
    watched = fields_of(fields, "wpt") or fields_of(fields, "hw-rwpt") or fields_of(fields, "hw-awpt") or {}
    values = fields_of(fields, "value") or {}
    return Stop(
        reason=StopReason.UNSAID if reason is None else StopReason(reason),
        frame=None if frame is None else frame_from(frame),
        thread=number_of(fields, "thread-id"),
        number=number_of(watched, "number") or number_of(fields, "bkptno") or number_of(fields, "wpnum"),
        expression=text_of(watched, "exp"),
        old=text_of(values, "old"),
        new=text_of(values, "new") or text_of(values, "value"),
        signal=text_of(fields, "signal-name"),
        returned=text_of(fields, "return-value"),
    )
