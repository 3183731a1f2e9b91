"""What can go wrong in a scripted session. Every error quotes the end of the conversation, to explain itself."""

from __future__ import annotations

from rvgdb.errors import RvgdbError


class SessionError(RvgdbError):
    """Root of the errors of `rvgdb.sessions`.

    Args:
        problem: One sentence that says what failed.
        transcript: The last lines exchanged with the process in question; empty when there are none.
    """

    def __init__(self, problem: str, transcript: str = "") -> None:
        super().__init__(f"{problem}\n--- transcript ---\n{transcript}" if transcript else problem)
        self.problem = problem
        self.transcript = transcript


class CommandFailed(SessionError):
    """Raised when GDB answers a command with an error; `problem` is GDB's own text."""


class SessionTimeout(SessionError):
    """Raised when an answer, a stop or an expected output did not come within its time limit."""


class DebuggerGone(SessionError):
    """Raised when the GDB process ended, or never started, while something was expected of it."""


class EmulatorGone(SessionError):
    """Raised when the emulator ended, or never started, while something was expected of it."""


class UnexpectedStop(SessionError):
    """Raised when the program stopped, but not in the way the script said it would."""
