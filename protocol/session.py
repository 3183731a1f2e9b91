"""One debugger's connection as a state machine without I/O: bytes in, requests out; replies in, bytes out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from protocol.capabilities import Capability
from protocol.errors import RemoteProtocolError
from protocol.features import Peer
from protocol.replies import Reply
from protocol.requests import Request

DEFAULT_PACKET_SIZE = 0x20000


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


class Session:
    """The server's side of one connection.

    The loop around it::

        while True:
            match session.next_event():
                case Need.DATA: write(session.data_to_send()); session.receive_data(read())   # b"" at the end
                case Interrupt(): stop the target
                case Closed(): break
                case request: write(session.send(handle(request)))

    Acknowledgements, retransmissions, bad checksums, `qSupported`, `vCont?`, `QStartNoAckMode` and the answers to malformed
    packets are dealt with inside; they are bytes in `data_to_send` and not events. Between a request and its final reply
    `next_event` gives `Need.REPLY`, except after a request that sets the target running: then it gives `Interrupt` and `Closed` as they come.

    Args:
        capabilities: What the target can do.
        packet_size: The longest payload accepted, in bytes; announced to the peer.
        run_length: Shorten runs of equal characters in long replies.
    """

    def __init__(
        self, capabilities: Collection[Capability], *, packet_size: int = DEFAULT_PACKET_SIZE, run_length: bool = True
    ) -> None:
        self._capabilities = frozenset(capabilities)
        self._peer = Peer()

    @property
    def peer(self) -> Peer:
        """What the debugger said it can do."""
        return self._peer

    @property
    def wants_data(self) -> bool:
        """False while so much unread input is held that the caller should stop reading until the next `send`."""
        return True

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer; `b""` says that it closed the connection. Never raises."""

    def next_event(self) -> Event:
        """The next request, interrupt or end, or what is needed for one. Never raises because of the peer's bytes."""
        return Need.DATA

    def send(self, reply: Reply) -> bytes:
        """Answer the request at hand.

        Returns:
            Every byte to write now: what `data_to_send` would give, then the reply. Nothing once the session is closed.

        Raises:
            LocalProtocolError: Nothing was asked, or console output is not allowed here.
        """
        return b""

    def data_to_send(self) -> bytes:
        """Acknowledgements and answers the session made itself since the last write; often empty."""
        return b""

    def take_faults(self) -> tuple[RemoteProtocolError, ...]:
        """What the peer did wrong since the last call, newest last, at most 16; for the log."""
        return ()
