"""The debugger's end of a session, for tests: sends packets, reads what comes back."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from protocol.capabilities import Capability
from protocol.framing import checksum, expand_runs
from protocol.replies import Empty, Ok, Reply, StopReply
from protocol.requests import (
    Continue,
    Request,
    ResumeThreads,
    ReverseContinue,
    ReverseStep,
    Step,
    UnknownPacket,
)
from protocol.session import Closed, Event, Interrupt, Need, Session

EVERYTHING = frozenset(Capability)
RESUMES = (Continue, Step, ResumeThreads, ReverseContinue, ReverseStep)

_PACKET = re.compile(rb"\$([^#]*)#([0-9a-f]{2})", re.DOTALL)


def packet(payload: bytes) -> bytes:
    """A payload as a debugger frames it."""
    return b"$" + payload + b"#%02x" % (sum(payload) % 256)


def payloads(stream: bytes) -> list[bytes]:
    """The payloads of all packets in what a session wrote; their checksums must be right."""
    found = []
    for match in _PACKET.finditer(stream):
        assert int(match[2], 16) == checksum(match[1])
        found.append(expand_runs(match[1]))
    return found


def new_session(capabilities: Collection[Capability] = EVERYTHING, *, acknowledge: bool = False) -> Session:
    """A session; without acknowledgements unless asked for."""
    session = Session(capabilities)
    if not acknowledge:
        session.receive_data(packet(b"QStartNoAckMode") + b"+")
        assert session.next_event() is Need.DATA
        assert session.data_to_send() == b"+" + packet(b"OK")
    return session


def usual_reply(request: Request) -> Reply:
    """A reply of a kind that fits the request's place in the session."""
    if isinstance(request, UnknownPacket):
        return Empty()
    return StopReply(5) if isinstance(request, RESUMES) else Ok()


def drain(session: Session) -> tuple[list[Event], bytes]:
    """Answer everything at hand: the events until the session wants more, and the bytes it wrote."""
    events: list[Event] = []
    written = b""
    while True:
        event = session.next_event()
        if isinstance(event, Need):
            assert event is Need.DATA
            if session.state.name in ("RUNNING", "STOPPING"):
                written += session.send(StopReply(2))
                continue
            return events, written + session.data_to_send()
        events.append(event)
        if isinstance(event, Closed):
            return events, written + session.data_to_send()
        if isinstance(event, Interrupt):
            continue
        if session.state.name != "IDLE":
            written += session.send(usual_reply(event))


def ask(session: Session, payload: bytes) -> Event:
    """Send one packet and give the event it makes."""
    session.receive_data(packet(payload))
    return session.next_event()


def answer(session: Session, payload: bytes) -> bytes:
    """Send one packet that the session answers itself, and give the answer's payload."""
    assert ask(session, payload) is Need.DATA
    (reply,) = payloads(session.data_to_send())
    return reply


def feed(session: Session, pieces: Iterable[bytes]) -> tuple[list[Event], bytes]:
    """Feed pieces one by one, answering after each."""
    events: list[Event] = []
    written = b""
    for piece in pieces:
        session.receive_data(piece)
        more, bytes_written = drain(session)
        events += more
        written += bytes_written
    return events, written
