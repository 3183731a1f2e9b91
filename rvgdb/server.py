"""The debug port: who may attach, one at a time, and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import trio

from protocol.capabilities import Capability
from protocol.session import Session
from rvgdb.chardev import Stdio, Unix
from rvgdb.client import Client, Execute
from rvgdb.connection import Connection, refuse
from rvgdb.dispatch import CAPABILITIES
from rvgdb.listening import address_text, listen
from rvgdb.peers import is_loopback
from rvgdb.runner import Runner
from rvgdb.settings import GdbOption, OnDisconnect
from rvgdb.target.machine import Target
from rvgdb.wire import SocketWire, StreamWire, Wire, standard_streams

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
        self._refused = False
        """A peer that `allow=` does not name was there, and the user knows."""
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
        if not isinstance(device, Unix):
            self._warn(addresses, [listener.socket.getsockname()[0] for listener in listeners])
        for address in addresses:
            self._report(f"gdb listening on {address}")
        task_status.started(addresses)
        try:
            await trio.serve_listeners(self._accept, listeners)
        finally:
            if isinstance(device, Unix):
                device.path.unlink(missing_ok=True)

    def _warn(self, addresses: Sequence[str], hosts: Sequence[str]) -> None:
        """Say what it means that others than this host can connect."""
        exposed = [address for address, host in zip(addresses, hosts, strict=True) if not is_loopback(host)]
        if exposed:
            where = " and ".join(exposed)
            whom = "whoever allow= admits" if self._option.allowed.networks else "whoever reaches it"
            self._report(
                f"warning: {where} is open to other hosts, and the protocol has no authentication: {whom} controls "
                "the guest; 'ssh HOST rvgdb connect PORT' needs no such address"
            )

    async def _serve_stdio(self) -> None:
        """The one debugger that can come this way; the run ends with it, unless the guest was to go on."""
        await self.attend(StreamWire(standard_streams()))
        if self._option.on_disconnect is not OnDisconnect.CONTINUE:
            self._runner.end(0)

    async def _accept(self, stream: trio.SocketStream) -> None:
        if self._admits(stream):
            await self.attend(SocketWire(stream.socket))

    def _admits(self, stream: trio.SocketStream) -> bool:
        """Whether the peer may say anything; who may not is disconnected before it is read from."""
        if not self._option.allowed.networks:
            return True
        try:
            host = stream.socket.getpeername()[0]
        except OSError:  # it has left already
            return False
        if self._option.allowed.admits(host):
            return True
        if not self._refused:
            self._refused = True
            self._report(f"a connection from {host} was refused: allow= does not name it (said once)")
        return False

    async def attend(self, wire: Wire) -> None:
        """Serve the debugger at the other end, or refuse it when there is one already; then close the wire.

        Who says nothing is no debugger: a port scan, or a connection left open, keeps nobody out.
        """
        try:
            first = await wire.receive()
            if not first:
                return
            session = Session(self._capabilities if await self._wait_for_vacancy() else ())
            session.receive_data(first)
            if self._vacant is None:
                await self._serve_one(wire, session)
            else:
                await refuse(wire, session)
        finally:
            with trio.CancelScope(shield=True):
                await wire.close()

    async def _wait_for_vacancy(self) -> bool:
        """Whether there is no debugger, now or soon: one that reattaches may overtake the end of its connection."""
        with trio.move_on_after(HANDOVER_SECONDS):
            while self._vacant is not None:
                await self._vacant.wait()
        return self._vacant is None

    async def _serve_one(self, wire: Wire, session: Session) -> None:
        vacant = self._vacant = trio.Event()
        try:
            client = Client(self._target, self._runner, self._execute)
            await Connection(wire, session, client, self._option.on_disconnect, self._report).serve()
        finally:
            self._vacant = None
            vacant.set()
