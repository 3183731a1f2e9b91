"""What every verb stands on: one GDB, and the raw command that the verbs are made of."""

from __future__ import annotations

from rvgdb.sessions.mi import quote
from rvgdb.sessions.process import COMMAND_LIMIT, Answer, MiProcess


class Verbs:
    """Base of the verb classes that make up `Gdb`."""

    def __init__(self, mi: MiProcess) -> None:
        self._mi = mi

    async def mi(self, command: str, *, limit: float = COMMAND_LIMIT) -> Answer:
        """Send a raw MI command; for what has no verb.

        Raises:
            CommandFailed: GDB answered with an error.
            SessionTimeout: It did not answer within `limit` seconds.
            DebuggerGone: It ended.
        """
        return await self._mi.command(command, limit=limit)

    async def console(self, command: str, *, limit: float = COMMAND_LIMIT) -> str:
        """Run a command as typed at GDB's prompt; returns what it printed."""
        answer = await self._mi.command(f"-interpreter-exec console {quote(command)}", limit=limit)
        return answer.printed

    @property
    def transcript(self) -> str:
        """The last lines exchanged with GDB."""
        return self._mi.transcript.text()
