"""One debugger: the loop between its bytes and the handlers, and what its coming and going does to the guest."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import trio

from protocol.replies import ErrorText, Reply
from protocol.requests import Request
from protocol.session import Closed, Interrupt, Need, Session
from rvgdb.client import Client
from rvgdb.dispatch import dispatch
from rvgdb.handlers.stops import stop_reply
from rvgdb.runner import Halt, StepMask
from rvgdb.settings import OnDisconnect
from rvgdb.wire import Wire, WireBroken

_log = logging.getLogger("rvgdb.session")

REFUSAL: Final = "another debugger is attached to this guest; one at a time can be"

REFUSAL_SECONDS: Final = 5.0
"""How long a second debugger may take to ask something before it is turned away without an answer."""


class Connection:
    """Serves one debugger.

    The guest is halted when the debugger first asks something, not when it connects: a port scan leaves it alone.

    Args:
        wire: The debugger's bytes. It stays open.
        session: A fresh protocol session.
        client: A fresh state for the handlers.
        on_disconnect: What happens to the guest when the debugger vanishes.
        report: Prints a line for the user.
    """

    def __init__(
        self,
        wire: Wire,
        session: Session,
        client: Client,
        on_disconnect: OnDisconnect,
        report: Callable[[str], None],
    ) -> None:
        self._wire = wire
        self._session = session
        self._client = client
        self._on_disconnect = on_disconnect
        self._report = report
        self._attached = False
        self._chatting = False
        """An answer was just sent: debuggers ask the next question at once."""
        self._delivered = trio.Event()

    async def serve(self) -> None:
        """Answer until the debugger is gone, then leave the guest as it should be."""
        try:
            await self._converse()
        except WireBroken as error:
            _log.info("the debugger is gone: %s", error)
        except Exception as error:  # noqa: BLE001 - a mistake in here must cost a debugger and not the guest
            _log.debug("internal error", exc_info=True)
            self._report(f"internal error, the debugger was disconnected and the guest lives on: {error!r}")
        if self._attached:
            await self._leave()

    async def _converse(self) -> None:
        session = self._session
        while True:
            event = session.next_event()
            if isinstance(event, Request):
                await self._answer(event)
            elif isinstance(event, Need):
                await self._read()
            elif isinstance(event, Interrupt):
                self._client.runner.request_halt()
            else:
                await self._say_last_words(event)
                return

    async def _read(self) -> None:
        """Write what the session has to say, then wait for more from the debugger."""
        waiting = self._session.data_to_send()
        if waiting:
            await self._wire.send(waiting)
        if not self._session.wants_data and self._client.in_flight:
            self._delivered = trio.Event()
            await self._delivered.wait()
        data = self._wire.poll() if self._chatting else None
        self._chatting = False
        self._session.receive_data(await self._wire.receive() if data is None else data)
        if _log.isEnabledFor(logging.INFO):
            for fault in self._session.take_faults():
                _log.info("the debugger broke the protocol: %s", fault)

    async def _answer(self, request: Request) -> None:
        client = self._client
        if not self._attached or client.runner.running:
            await self._take_over()
        client.peer = self._session.peer
        answer = dispatch(client, request)
        if answer is not None:
            if isinstance(answer, tuple):
                data = b"".join([self._session.send(reply) for reply in answer])
            else:
                data = self._session.send(answer)
            self._chatting = True
            rest = self._wire.send_now(data)
            if rest:
                await self._wire.send(rest)

    async def _take_over(self) -> None:
        """Halt the guest: a debugger expects it halted whenever it asks something."""
        if not self._attached:
            self._attached = True
            self._client.runner.listener = self._deliver
        await self._client.runner.halt()

    async def _deliver(self, halt: Halt) -> None:
        """Tell the debugger of a halt, if it waits for one."""
        if not self._client.in_flight:
            return
        self._client.in_flight = False
        try:
            await self._wire.send(self._session.send(stop_reply(self._client, halt)))
        except WireBroken as error:
            _log.info("the debugger did not hear of the halt: %s", error)
        self._delivered.set()

    async def _say_last_words(self, closed: Closed) -> None:
        _log.info("session over: %s", closed.reason)
        waiting = self._session.data_to_send()
        if waiting:
            await self._wire.send(waiting)

    async def _leave(self) -> None:
        """Take back what the debugger changed about the machine's behaviour, and let the guest go on or not."""
        client, runner = self._client, self._client.runner
        was_running = runner.running
        client.in_flight = False
        await runner.halt()
        runner.listener = None
        runner.step_mask = StepMask.ALL
        client.target.breakpoints.clear()
        client.target.memory.physical = False
        if client.said_goodbye or self._on_disconnect is OnDisconnect.AS_IT_WAS:
            goes_on = was_running
        else:
            goes_on = self._on_disconnect is OnDisconnect.CONTINUE
        if goes_on:
            runner.resume()


async def refuse(wire: Wire, session: Session) -> None:
    """Answer a second debugger's first question with the reason why it cannot attach."""
    reply: Reply = ErrorText(REFUSAL)
    with trio.move_on_after(REFUSAL_SECONDS):
        try:
            while True:
                event = session.next_event()
                if isinstance(event, Request):
                    await wire.send(session.send(reply))
                    return
                if isinstance(event, Closed):
                    return
                waiting = session.data_to_send()
                if waiting:
                    await wire.send(waiting)
                session.receive_data(await wire.receive())
        except WireBroken as error:
            _log.info("a second debugger left before it was refused: %s", error)
