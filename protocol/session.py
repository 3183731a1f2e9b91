"""One debugger's connection as a state machine without I/O: bytes in, requests out; replies in, bytes out."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final, TypeAlias

from protocol.capabilities import Capability
from protocol.errors import FramingError, LocalProtocolError, MalformedPacketError, RemoteProtocolError
from protocol.features import Peer, announcement, read_offer, resume_actions
from protocol.framing import ACK, NAK, Framer, Mark, frame
from protocol.packets import Answer, PacketTable
from protocol.replies import ErrorText, Ok, Reply, Text
from protocol.requests import EnableErrorStrings, ListResumeActions, Negotiate, Request, StartNoAckMode

DEFAULT_PACKET_SIZE: Final = 0x20000

RETRANSMISSIONS: Final = 3
"""How often one packet is sent again when the peer refuses it; GDB gives up after as many."""

_UNACKNOWLEDGED: Final = 8
"""Sent packets kept for a retransmission; more than two are on their way only while console output streams."""

_FAULTS: Final = 16

_HELD_PACKETS: Final = 8
"""How many longest packets of unread input end the session, for a caller that does not look at `wants_data`."""


class Need(Enum):
    """What `next_event` waits for when there is no event."""

    DATA = auto()
    REPLY = auto()


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The debugger asks the running target to stop (Ctrl-C). The stop reply is the answer to the resume before it."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The session is over; nothing more will be read or sent.

    Attributes:
        reason: For the log: the peer went away, or spoke another protocol.
    """

    reason: str


Event: TypeAlias = Request | Interrupt | Need | Closed


class State(Enum):
    """Where the session stands."""

    IDLE = auto()
    """The target is halted and nothing is asked."""
    ANSWERING = auto()
    """A request waits for its reply."""
    PRINTING = auto()
    """A monitor command waits for its reply, with console output before it."""
    RUNNING = auto()
    """The target runs; its stop is the reply."""
    STOPPING = auto()
    """As running, and the peer has asked for the stop."""
    CLOSED = auto()


class Happening(Enum):
    """What moves the session."""

    ASKED = auto()
    COMMANDED = auto()
    RESUMED = auto()
    ORDERED = auto()
    INTERRUPTED = auto()
    ANSWERED = auto()
    PRINTED = auto()
    LOST = auto()


TRANSITIONS: Final = {
    (State.IDLE, Happening.ASKED): State.ANSWERING,
    (State.IDLE, Happening.COMMANDED): State.PRINTING,
    (State.IDLE, Happening.RESUMED): State.RUNNING,
    (State.IDLE, Happening.ORDERED): State.IDLE,
    (State.IDLE, Happening.INTERRUPTED): State.IDLE,  # it crossed a stop reply on the way
    (State.IDLE, Happening.LOST): State.CLOSED,
    (State.ANSWERING, Happening.ANSWERED): State.IDLE,
    (State.ANSWERING, Happening.LOST): State.CLOSED,
    (State.PRINTING, Happening.PRINTED): State.PRINTING,
    (State.PRINTING, Happening.ANSWERED): State.IDLE,
    (State.PRINTING, Happening.LOST): State.CLOSED,
    (State.RUNNING, Happening.PRINTED): State.RUNNING,
    (State.RUNNING, Happening.INTERRUPTED): State.STOPPING,
    (State.RUNNING, Happening.ANSWERED): State.IDLE,
    (State.RUNNING, Happening.LOST): State.CLOSED,
    (State.STOPPING, Happening.PRINTED): State.STOPPING,
    (State.STOPPING, Happening.INTERRUPTED): State.STOPPING,
    (State.STOPPING, Happening.ANSWERED): State.IDLE,
    (State.STOPPING, Happening.LOST): State.CLOSED,
    (State.CLOSED, Happening.PRINTED): State.CLOSED,  # the target's last words, after the peer has gone
    (State.CLOSED, Happening.ANSWERED): State.CLOSED,
    (State.CLOSED, Happening.LOST): State.CLOSED,
}
"""The whole machine; a pair that is not here is a `LocalProtocolError`."""

_ANSWERED_BY: Final = {
    Answer.REPLY: Happening.ASKED,
    Answer.OUTPUT_AND_REPLY: Happening.COMMANDED,
    Answer.STOP: Happening.RESUMED,
    Answer.NONE: Happening.ORDERED,
}

_AWAITING_REPLY: Final = (State.ANSWERING, State.PRINTING)
_TARGET_RUNS: Final = (State.RUNNING, State.STOPPING)


class Session:
    """The server's side of one connection.

    The loop around it::

        while True:
            match session.next_event():
                case Need.DATA: write(session.data_to_send()); session.receive_data(read())   # b"" at the end
                case Interrupt(): stop the target
                case Closed(): break
                case request: write(session.send(handle(request)))

    Acknowledgements, retransmissions, bad checksums, `qSupported`, `vCont?`, `QStartNoAckMode` and the answers to
    malformed packets are dealt with inside; they are bytes in `data_to_send` and not events. Between a request and its
    final reply `next_event` gives `Need.REPLY`, except after a request that sets the target running: then it gives
    `Interrupt` and `Closed` as they come. A packet that arrives while the target runs interrupts it, as in QEMU, and
    becomes a request after the stop.

    Args:
        capabilities: What the target can do.
        packet_size: The longest payload accepted, in bytes; announced to the peer.
        run_length: Shorten runs of equal characters in long replies.
    """

    def __init__(
        self, capabilities: Collection[Capability], *, packet_size: int = DEFAULT_PACKET_SIZE, run_length: bool = True
    ) -> None:
        self._capabilities = frozenset(capabilities)
        self._packet_size = packet_size
        self._run_length = run_length
        self._table = PacketTable(self._capabilities)
        self._framer = Framer(packet_size)
        self._peer = Peer()
        self._state = State.IDLE
        self._held: bytes | Mark | None = None  # came while the target ran
        self._ended = False
        self._reason = ""
        self._acknowledging = True
        self._greeting = b""
        self._outgoing: list[bytes] = []
        self._sent: deque[bytes] = deque(maxlen=_UNACKNOWLEDGED)
        self._retransmissions = 0
        self._faults: deque[RemoteProtocolError] = deque(maxlen=_FAULTS)

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    @property
    def peer(self) -> Peer:
        """What the debugger said it can do."""
        return self._peer

    @property
    def wants_data(self) -> bool:
        """False while so much unread input is held that the caller should stop reading until the next `send`."""
        return self._framer.pending < 2 * self._packet_size

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer; `b""` says that it closed the connection. Never raises."""
        if self._state is State.CLOSED:
            return
        if not data:
            self._ended = True
            return
        self._framer.feed(data)
        if self._state is not State.IDLE and self._framer.pending > _HELD_PACKETS * self._packet_size:
            self._lose("the peer sent too much without waiting for a reply")

    def next_event(self) -> Event:
        """The next request, interrupt or end, or what is needed for one. Never raises because of the peer's bytes."""
        if self._state in _AWAITING_REPLY:
            return Need.REPLY
        while self._state is not State.CLOSED:
            event = self._next_while_running() if self._state in _TARGET_RUNS else self._next_while_idle()
            if event is not None:
                return event
        return Closed(self._reason)

    def send(self, reply: Reply) -> bytes:
        """Answer the request at hand.

        Returns:
            Every byte to write now: what `data_to_send` would give, then the reply. Nothing once the session is closed.

        Raises:
            LocalProtocolError: Nothing was asked, or console output is not allowed here, or the reply cannot be
                written.
        """
        self._emit(reply)
        return self.data_to_send()

    def data_to_send(self) -> bytes:
        """Acknowledgements and answers the session made itself since the last write; often empty."""
        outgoing = b"".join(self._outgoing)
        self._outgoing.clear()
        return outgoing

    def take_faults(self) -> tuple[RemoteProtocolError, ...]:
        """What the peer did wrong since the last call, newest last, at most 16; for the log."""
        faults = tuple(self._faults)
        self._faults.clear()
        return faults

    # --- inside ---

    def _advance(self, happening: Happening) -> None:
        """The one place that changes the state."""
        try:
            self._state = TRANSITIONS[self._state, happening]
        except KeyError:
            msg = f"{happening.name} is not possible in state {self._state.name}"
            raise LocalProtocolError(msg) from None

    def _lose(self, reason: str, fault: RemoteProtocolError | None = None) -> None:
        if fault is not None:
            self._faults.append(fault)
        self._reason = reason
        self._held = None
        self._outgoing.clear()
        self._framer = Framer(self._packet_size)
        self._advance(Happening.LOST)

    def _emit(self, reply: Reply) -> None:
        """Queue a reply's packets. Nothing has changed if that fails."""
        frames = [
            frame(part.payload(self._peer), run_length=self._run_length, clean=part.clean)
            for part in reply.parts(self._packet_size)
        ]
        self._advance(Happening.ANSWERED if reply.final else Happening.PRINTED)
        if self._state is State.CLOSED:
            return
        self._outgoing += frames
        if self._acknowledging:
            self._sent += frames

    def _next_while_idle(self) -> Event | None:
        """An event, or None when the item at hand was dealt with here."""
        item, self._held = self._held, None
        if item is None:
            item = self._next_item()
        if item is None:
            if not self._ended:
                return Need.DATA
            self._lose("the peer closed the connection")
        elif item is Mark.OVER_LONG:
            self._refuse(MalformedPacketError(f"packet longer than {self._packet_size} bytes"))
        elif item is Mark.INTERRUPT:
            self._advance(Happening.INTERRUPTED)
        elif isinstance(item, bytes):
            return self._take_packet(item)
        return None

    def _next_while_running(self) -> Event | None:
        """As `_next_while_idle`: packets wait until the target has stopped, and make it stop."""
        item = self._next_item() if self._held is None else None
        if item is None:
            if not self._ended:
                return Need.DATA
            self._lose("the peer closed the connection while the target was running")
        elif item is Mark.INTERRUPT or item is Mark.OVER_LONG or isinstance(item, bytes):
            self._held = None if item is Mark.INTERRUPT else item
            self._advance(Happening.INTERRUPTED)
            return Interrupt()
        return None

    def _next_item(self) -> bytes | Mark | None:
        """The framer's next item, its acknowledgement sent; marks that concern only the link are dealt with."""
        item = self._framer.next_item()
        if isinstance(item, bytes):
            if self._acknowledging:
                self._outgoing.append(ACK)
        elif item is Mark.ACKNOWLEDGED:
            if self._sent:
                self._sent.popleft()
                self._retransmissions = 0
        elif item is Mark.REFUSED:
            self._retransmit()
        elif item is Mark.BAD_CHECKSUM:
            self._faults.append(FramingError("bad checksum"))
            self._outgoing.append(NAK)
        elif item is Mark.OVER_LONG and self._acknowledging:
            self._outgoing.append(ACK)  # a refusal would only bring it again
        elif item is Mark.FOREIGN:
            self._lose("the peer does not speak this protocol", FramingError("the first byte begins no packet"))
        return item

    def _retransmit(self) -> None:
        """Send the oldest packet that the peer has not acknowledged once more."""
        if self._sent and self._retransmissions < RETRANSMISSIONS:
            self._retransmissions += 1
            self._outgoing.append(self._sent[0])

    def _asked_again(self, request: Request, payload: bytes) -> bool:
        """Whether a debugger repeats its first question because we were slow to start, and has one answer under way.

        GDB repeats a packet after `remotetimeout`, two seconds, in which a process at the other end of a pipe may still
        be starting. Two answers would be taken for one to its next question.
        """
        if not isinstance(request, Negotiate):
            return False
        repeated = payload == self._greeting and bool(self._sent)
        self._greeting = payload if self._acknowledging else b""
        return repeated

    def _take_packet(self, payload: bytes) -> Event | None:
        try:
            request, answer = self._table.parse(payload)
        except MalformedPacketError as error:
            self._refuse(error)
            return None
        if self._asked_again(request, payload):
            return None
        self._advance(_ANSWERED_BY[answer])
        reply = self._own_reply(request)
        if reply is None:
            return request
        self._emit(reply)
        if isinstance(request, StartNoAckMode):
            self._acknowledging = False
        return None

    def _refuse(self, error: MalformedPacketError) -> None:
        """Answer what is no request with an error."""
        self._faults.append(error)
        self._advance(Happening.ASKED)
        self._emit(ErrorText(str(error), error.errno))

    def _own_reply(self, request: Request) -> Reply | None:
        """The answer to requests that concern the session only."""
        match request:
            case Negotiate(features=features):
                self._peer = read_offer(features, self._capabilities)
                return Text(announcement(self._capabilities, self._table.offers, self._packet_size))
            case StartNoAckMode():
                return Ok()
            case EnableErrorStrings():
                self._peer = replace(self._peer, error_strings=True)
                return Ok()
            case ListResumeActions():
                return Text(resume_actions(self._capabilities))
            case _:
                return None
