"""A machine in this very process: the whole of `rvgdb run` but for the terminal, with the guest's time at hand.

It starts in milliseconds, and a script can look at the machine itself besides what GDB shows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import trio

from emulator.errors import EmulatorError
from rvgdb.console import Transmitter
from rvgdb.errors import OptionError, RvgdbError
from rvgdb.options import parse
from rvgdb.run import Assembly, build
from rvgdb.sessions.background import begun
from rvgdb.sessions.console import OUTPUT_LIMIT, GuestConsole
from rvgdb.sessions.errors import EmulatorGone
from rvgdb.sessions.transcript import time_limit
from rvgdb.settings import Topic

QUIET: Final = ("-display", "none", "-serial", "null", "-monitor", "none", "-gdb", "tcp:127.0.0.1:0")


class InsideMachine(GuestConsole):
    """A machine that runs in this process. Make one with `open_inside`.

    Attributes:
        machine: The machine itself; look at it only while the guest is halted.
    """

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__()
        self.transcript.sent(" ".join(("rvgdb run", *words)))
        try:
            settings = parse((*QUIET, *words))
            if isinstance(settings, Topic):
                raise OptionError(f"'{' '.join(words)}' asks a question and runs nothing")
            self._token = trio.lowlevel.current_trio_token()
            transmitter = Transmitter()
            transmitter.write = self._show
            self.machine = build(settings, transmitter.transmit, self._say)
        except (RvgdbError, EmulatorError) as error:
            raise EmulatorGone(str(error), self.transcript.text()) from None
        self._assembly = Assembly(settings, self.machine, transmitter, self._say)

    @property
    def exit_status(self) -> int | None:
        """Its exit status; None while it runs."""
        runner = self._assembly.runner
        return runner.exit_status if runner.finished.is_set() else None

    @property
    def guest_time(self) -> int:
        """Nanoseconds of guest time since power-on: virtual, a count of instructions, whatever the wall clock says."""
        return self.machine.steps << self.machine.config.icount.shift

    async def send(self, text: str) -> None:
        """Type `text` at the guest's console."""
        self._assembly.runner.feed(text.encode())
        await trio.lowlevel.checkpoint()

    async def wait(self, *, limit: float = OUTPUT_LIMIT) -> int:
        """Wait for the guest to end of itself; returns the exit status."""
        with time_limit(limit, "the end of the guest", self.transcript):
            await self._assembly.runner.finished.wait()
        return self._assembly.runner.exit_status

    def terminate(self) -> None:
        """End the machine."""
        self._assembly.runner.end(0)

    async def serve(self, *, task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED) -> None:
        """Run it until it ends; the task that `open_inside` runs beside its caller."""
        await self._assembly.serve(task_status=task_status)
        self._announce()

    async def _ended(self) -> int | None:
        await trio.lowlevel.checkpoint()  # what the guest has written last is on its way
        return self.exit_status

    def _show(self, data: bytes) -> None:
        """Take the guest's output, from whichever thread runs it."""
        self._token.run_sync_soon(self._take, data)

    def _say(self, line: str) -> None:
        self._token.run_sync_soon(partial(self._take, f"rvgdb: {line}\n".encode(), error=True))


@asynccontextmanager
async def open_inside(*options: str) -> AsyncIterator[InsideMachine]:
    """Start a machine in this process with `rvgdb run`'s options; it ends with the `with` block.

    Raises:
        EmulatorGone: The options are wrong, or an image cannot be loaded; the error says what rvgdb would have said.
    """
    inside = InsideMachine(options)
    async with begun(inside.serve) as addresses:
        inside.address = addresses[0]
        try:
            yield inside
        finally:
            inside.terminate()
