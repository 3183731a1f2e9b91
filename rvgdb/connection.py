"""One debugger: the loop between its bytes and the handlers, and what its coming and going does to the guest."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import trio

from protocol.replies import ConsoleOutput, ErrorText, Reply
from protocol.requests import Request
from protocol.session import Closed, Interrupt, Need, Session
from rvgdb.client import Client
from rvgdb.dispatch import dispatch
from rvgdb.handlers.stops import stop_answer
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
        """An answer was just sent."""
        self._unsent = b""
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
        """The loop. What a stepping debugger goes through ten thousand times a second awaits nothing but the socket."""
        session, wire = self._session, self._wire
        while True:
            event = session.next_event()
            if isinstance(event, Request):
                if not self._attached or self._client.runner.running:
                    await self._take_over()
                data = self._answer(event)
                if data:
                    self._chatting = True
                    rest = wire.send_now(data)
                    if rest:
                        await wire.send(rest)
            elif isinstance(event, Need):
                session.receive_data(self._receive_at_once() or await self._receive())
            elif isinstance(event, Interrupt):
                self._client.runner.request_halt()
                await self._delivery()  # what interrupted may be a packet, which is the next event after the stop
            else:
                await self._say_last_words(event)
                return

    def _answer(self, request: Request) -> bytes:
        """What to write in answer to a request; nothing when the answer comes later or there is none."""
        client = self._client
        client.peer = self._session.peer
        answer = dispatch(client, request)
        if answer is None:
            return b""
        if isinstance(answer, tuple):
            return b"".join([self._session.send(reply) for reply in answer])
        return self._session.send(answer)

    def _receive_at_once(self) -> bytes | None:
        """The next packet of a debugger that was just answered: it usually asks the next question at once."""
        if not self._chatting:
            return None
        self._chatting = False
        waiting = self._session.data_to_send()
        if waiting:
            self._unsent = self._wire.send_now(waiting)
        return None if self._unsent else self._wire.poll()

    async def _receive(self) -> bytes:
        """Write what the session has to say, then wait for more from the debugger."""
        waiting = self._unsent + self._session.data_to_send()
        self._unsent = b""
        if waiting:
            await self._wire.send(waiting)
        if not self._session.wants_data:
            await self._delivery()
        if _log.isEnabledFor(logging.INFO):
            for fault in self._session.take_faults():
                _log.info("the debugger broke the protocol: %s", fault)
        return await self._wire.receive()

    async def _delivery(self) -> None:
        """Wait until the debugger has been told of the stop that it waits for; at once when it waits for none."""
        if self._client.in_flight:
            self._delivered = trio.Event()
            await self._delivered.wait()

    async def _take_over(self) -> None:
        """Halt the guest: a debugger expects it halted whenever it asks something."""
        if not self._attached:
            self._attached = True
            self._client.runner.listener = self._deliver
            self._client.runner.speaker = self._speak
        await self._client.runner.halt()

    async def _deliver(self, halt: Halt) -> None:
        """Tell the debugger of a halt, if it waits for one."""
        if not self._client.in_flight:
            return
        self._client.in_flight = False
        try:
            for reply in stop_answer(self._client, halt):
                await self._wire.send(self._session.send(reply))
        except WireBroken as error:
            _log.info("the debugger did not hear of the halt: %s", error)
        self._delivered.set()

    async def _speak(self) -> None:
        """Pass on what breakpoints printed; a debugger that has left hears nothing."""
        text = self._client.target.printed.take()
        if text and self._client.in_flight:
            try:
                await self._wire.send(self._session.send(ConsoleOutput(text)))
            except WireBroken as error:
                _log.info("the debugger did not hear what a breakpoint printed: %s", error)

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
        runner.speaker = None
        runner.step_mask = StepMask.ALL
        client.target.breakpoints.clear()
        client.target.points.clear()
        client.target.memory.physical = False
        if client.said_goodbye or self._on_disconnect is OnDisconnect.AS_IT_WAS:
            goes_on = was_running
        else:
            goes_on = self._on_disconnect is OnDisconnect.CONTINUE
        if goes_on:
            runner.resume()


async def refuse(wire: Wire, session: Session) -> None:
    """Answer a second debugger's first question with the reason why it cannot attach."""
    reply: Reply = ErrorText(REFUSAL, always=True)
    with trio.move_on_after(REFUSAL_SECONDS):
        try:
            while True:
                event = session.next_event()
                if isinstance(event, Request):
                    await wire.send(session.send(reply))
                    await wire.receive()  # it has read that, or left; an end before its answer would hide the reason
                    return
                if isinstance(event, Closed):
                    return
                waiting = session.data_to_send()
                if waiting:
                    await wire.send(waiting)
                session.receive_data(await wire.receive())
        except WireBroken as error:
            _log.info("a second debugger left before it was refused: %s", error)
