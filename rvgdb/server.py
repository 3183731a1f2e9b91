"""The debug port: who may attach, one at a time, and where."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

import trio

from protocol.capabilities import Capability
from protocol.session import Session
from rvgdb.chardev import Stdio, Unix
from rvgdb.client import Client, Execute
from rvgdb.connection import Connection, refuse
from rvgdb.dispatch import CAPABILITIES
from rvgdb.listening import address_text, listen
from rvgdb.runner import Runner
from rvgdb.settings import GdbOption
from rvgdb.target.machine import Target
from rvgdb.wire import SocketWire, StreamWire, Wire

HANDOVER_SECONDS: Final = 0.3
"""How long a debugger waits for the one before it to leave, before it is refused."""


class Server:
    """Serves one machine to debuggers.

    Args:
        target: What is debugged.
        runner: Runs it.
        execute: The monitor.
        option: Where to listen, and what a debugger that vanishes leaves behind.
        report: Prints a line for the user.
    """

    def __init__(
        self, target: Target, runner: Runner, execute: Execute, option: GdbOption, report: Callable[[str], None]
    ) -> None:
        self._target = target
        self._runner = runner
        self._execute = execute
        self._option = option
        self._report = report
        self._vacant: trio.Event | None = None
        """Set when the debugger at hand has left; None when there is none."""
        extra = {Capability.MEMORY_MAP} if option.memory_map else set()
        self._capabilities = CAPABILITIES | extra

    @property
    def busy(self) -> bool:
        """Whether a debugger is being served."""
        return self._vacant is not None

    async def serve(self, *, task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen and serve until cancelled. Started with the addresses once debuggers can connect.

        Raises:
            ListenError: When the address cannot be had.
        """
        device = self._option.device
        if isinstance(device, Stdio):
            task_status.started(["stdio"])
            await self._serve_stdio()
            return
        listeners = await listen(device)
        addresses = [address_text(listener.socket.getsockname()) for listener in listeners]
        for address in addresses:
            self._report(f"gdb listening on {address}")
        task_status.started(addresses)
        try:
            await trio.serve_listeners(self._accept, listeners)
        finally:
            if isinstance(device, Unix):
                device.path.unlink(missing_ok=True)

    async def _serve_stdio(self) -> None:
        streams = [trio.lowlevel.FdStream(os.dup(fd)) for fd in (1, 0)]
        await self.attend(StreamWire(trio.StapledStream(*streams)))

    async def _accept(self, stream: trio.SocketStream) -> None:
        await self.attend(SocketWire(stream.socket))

    async def attend(self, wire: Wire) -> None:
        """Serve the debugger at the other end, or refuse it when there is one already; then close the wire."""
        try:
            if await self._wait_for_vacancy():
                await self._serve_one(wire)
            else:
                await refuse(wire, Session(()))
        finally:
            with trio.CancelScope(shield=True):
                await wire.close()

    async def _wait_for_vacancy(self) -> bool:
        """Whether there is no debugger, now or soon: one that reattaches may overtake the end of its connection."""
        with trio.move_on_after(HANDOVER_SECONDS):
            while self._vacant is not None:
                await self._vacant.wait()
        return self._vacant is None

    async def _serve_one(self, wire: Wire) -> None:
        vacant = self._vacant = trio.Event()
        try:
            client = Client(self._target, self._runner, self._execute)
            session = Session(self._capabilities)
            await Connection(wire, session, client, self._option.on_disconnect, self._report).serve()
        finally:
            self._vacant = None
            vacant.set()
