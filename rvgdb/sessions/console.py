"""A guest's console as a script sees it: what it has shown, what is expected of it, what is typed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import trio

from rvgdb.sessions.errors import EmulatorGone
from rvgdb.sessions.transcript import Transcript, time_limit

OUTPUT_LIMIT: Final = 60.0
"""Seconds that an expected console output or the emulator's end may take unless the caller says otherwise."""


class GuestConsole:
    """The console and the messages of an emulator, whichever way it runs.

    Attributes:
        output: What the guest has shown so far.
        errors: What the emulator itself has said so far.
        address: Where GDB attaches.
        transcript: The last lines of both.
    """

    def __init__(self) -> None:
        self._changed = trio.Event()
        self._matched = 0
        self.output = b""
        self.errors = b""
        self.address = ""
        self.transcript = Transcript()

    async def expect_output(self, text: str, *, limit: float = OUTPUT_LIMIT) -> None:
        """Wait until the guest's console shows `text`, after whatever was expected of it before.

        Raises:
            SessionTimeout: It did not within `limit` seconds.
            EmulatorGone: The emulator ended first.
        """
        wanted = text.encode()
        await self._until(lambda: wanted in self.output[self._matched :], f"{text!r} on the console", limit)
        self._matched = self.output.index(wanted, self._matched) + len(wanted)

    async def expect_error(self, pattern: str, *, limit: float = OUTPUT_LIMIT) -> re.Match[str]:
        """Wait until the emulator's messages contain the regular expression `pattern`; returns the match."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            match = re.search(pattern, self.errors.decode("utf-8", "replace"))
            found.extend([match] if match else [])
            return match is not None

        await self._until(look, f"{pattern!r} on stderr", limit)
        return found[0]

    async def _ended(self) -> int | None:
        """The exit status if nothing more will be shown, else None."""
        raise AssertionError("a subclass knows")

    async def _until(self, condition: Callable[[], bool], awaited: str, limit: float) -> None:
        with time_limit(limit, awaited, self.transcript):
            while not condition():
                status = await self._ended()
                if status is not None:
                    raise EmulatorGone(
                        f"the emulator ended with status {status} before {awaited}", self.transcript.text()
                    )
                await self._changed.wait()

    def _take(self, chunk: bytes, *, error: bool = False) -> None:
        if error:
            self.errors += chunk
        else:
            self.output += chunk
        self.transcript.received_chunk(chunk.decode("utf-8", "replace"))
        self._announce()

    def _announce(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
