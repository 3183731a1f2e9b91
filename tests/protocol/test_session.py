"""The session: its table, its acknowledgements, and what it makes of a debugger's bytes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import FramingError, LocalProtocolError, MalformedPacketError
from protocol.ids import ThreadId
from protocol.replies import ConsoleOutput, Data, Empty, Error, Ok, Reply, StopReply, Text
from protocol.requests import (
    Continue,
    Detach,
    GetCurrentThread,
    Kill,
    MonitorCommand,
    ReadMemory,
    ReadRegisters,
    Request,
    SelectThread,
    UnknownPacket,
    WhyStopped,
)
from protocol.session import (
    RETRANSMISSIONS,
    TRANSITIONS,
    Closed,
    Happening,
    Interrupt,
    Need,
    Session,
    State,
)
from tests.protocol.wire import EVERYTHING, answer, ask, drain, feed, new_session, packet, payloads


def in_state(state: State) -> Session:
    """A session brought to a state by the peer's bytes alone."""
    session = new_session()
    match state:
        case State.IDLE:
            pass
        case State.ANSWERING:
            ask(session, b"g")
        case State.PRINTING:
            ask(session, b"qRcmd,68")
        case State.RUNNING:
            ask(session, b"c")
        case State.STOPPING:
            ask(session, b"c")
            session.receive_data(b"\x03")
            session.next_event()
        case State.CLOSED:
            session.receive_data(b"")
            session.next_event()
    assert session.state is state
    return session


INPUTS = {
    Happening.ASKED: packet(b"g"),
    Happening.COMMANDED: packet(b"qRcmd,68"),
    Happening.RESUMED: packet(b"vCont;c"),
    Happening.ORDERED: packet(b"k"),
    Happening.INTERRUPTED: b"\x03",
    Happening.LOST: b"",
}
OUTPUTS: dict[Happening, Reply] = {Happening.ANSWERED: Ok(), Happening.PRINTED: ConsoleOutput(b"x")}


@pytest.mark.parametrize(("state", "happening"), list(itertools.product(State, OUTPUTS)))
def test_table_of_what_may_be_sent(state: State, happening: Happening) -> None:
    """Each reply in each state moves as the table says, or is our mistake and changes nothing."""
    session = in_state(state)
    target = TRANSITIONS.get((state, happening))
    if target is None:
        with pytest.raises(LocalProtocolError):
            session.send(OUTPUTS[happening])
        assert session.state is state
    else:
        written = session.send(OUTPUTS[happening])
        assert session.state is target
        assert bool(written) is (state is not State.CLOSED)


@pytest.mark.parametrize(("state", "happening"), list(itertools.product(State, INPUTS)))
def test_table_of_what_may_come(state: State, happening: Happening) -> None:
    """Each input in each state moves as the table says; input that does not fit waits, and never raises."""
    session = in_state(state)
    session.receive_data(INPUTS[happening])
    event = session.next_event()
    if state in (State.ANSWERING, State.PRINTING):
        assert event is Need.REPLY
        assert session.state is state
        session.send(Ok())
        event = session.next_event()
        state = State.IDLE
    if state in (State.RUNNING, State.STOPPING) and happening is not Happening.LOST:
        assert event == Interrupt()
        assert session.state is State.STOPPING
    elif state is State.CLOSED:
        assert isinstance(event, Closed)
    else:
        assert session.state is TRANSITIONS[state, happening]


def test_table_has_no_dead_ends() -> None:
    """Every state but the last can be left, every state can be reached, and every happening occurs."""
    assert {state for state, _ in TRANSITIONS} == set(State)
    assert set(TRANSITIONS.values()) == set(State)
    assert {happening for _, happening in TRANSITIONS} == set(Happening)
    assert {TRANSITIONS[pair] for pair in TRANSITIONS if pair[0] is State.CLOSED} == {State.CLOSED}


def test_a_question_and_its_answer() -> None:
    """With acknowledgements: the packet is acknowledged with its reply, and the peer's acknowledgement is no event."""
    session = new_session(acknowledge=True)
    assert ask(session, b"qC") == GetCurrentThread()
    assert session.next_event() is Need.REPLY
    assert session.send(Text("QC1")) == b"+" + packet(b"QC1")
    session.receive_data(b"+")
    assert session.next_event() is Need.DATA
    assert session.data_to_send() == b""


def test_a_resume_is_acknowledged_before_its_reply() -> None:
    """The acknowledgement of a packet whose reply takes long can be written at once."""
    session = new_session(acknowledge=True)
    assert ask(session, b"c") == Continue()
    assert session.data_to_send() == b"+"
    assert session.next_event() is Need.DATA
    assert session.send(StopReply(5)) == packet(b"T05")


def test_no_ack_mode_begins_after_its_ok() -> None:
    """`QStartNoAckMode` is acknowledged itself, and nothing after it."""
    session = new_session()
    assert ask(session, b"qC") == GetCurrentThread()
    assert session.send(Ok()) == packet(b"OK")


def test_no_ack_mode_ends_with_the_session() -> None:
    """A new connection acknowledges again."""
    new_session()
    session = new_session(acknowledge=True)
    ask(session, b"qC")
    assert session.send(Ok()).startswith(b"+")


def test_bad_checksum_is_refused_and_sent_again() -> None:
    """A damaged packet gets `-` and makes no request; sent again it does."""
    session = new_session(acknowledge=True)
    session.receive_data(b"$qC#00")
    assert session.next_event() is Need.DATA
    assert session.data_to_send() == b"-"
    assert isinstance(session.take_faults()[0], FramingError)
    assert ask(session, b"qC") == GetCurrentThread()


def test_retransmission_is_bounded() -> None:
    """A refused reply is sent again, at most three times."""
    session = new_session(acknowledge=True)
    ask(session, b"qC")
    session.send(Text("QC1"))
    session.receive_data(b"-" * 1000)
    assert session.next_event() is Need.DATA
    assert session.data_to_send() == packet(b"QC1") * RETRANSMISSIONS
    session.receive_data(b"+-")
    assert session.next_event() is Need.DATA
    assert session.data_to_send() == b""


def test_retransmission_takes_the_oldest_unacknowledged() -> None:
    """While output streams, a refusal means the first packet the peer has not acknowledged."""
    session = new_session(acknowledge=True)
    ask(session, b"qRcmd,68")
    session.send(ConsoleOutput(b"a"))
    session.send(ConsoleOutput(b"b"))
    session.send(Ok())
    session.receive_data(b"+-")
    session.next_event()
    assert session.data_to_send() == packet(b"O62")


def test_refusal_of_nothing() -> None:
    """`-` before anything was sent does nothing."""
    session = new_session(acknowledge=True)
    session.receive_data(b"---")
    assert session.next_event() is Need.DATA
    assert session.data_to_send() == b""


def test_memory_of_a_long_output_without_acknowledgements() -> None:
    """Packets that the peer never acknowledges are not kept for ever."""
    session = new_session(acknowledge=True)
    ask(session, b"c")
    for _ in range(100):
        session.send(ConsoleOutput(b"x"))
    assert len(session._sent) <= 8


def test_negotiation() -> None:
    """The answer announces exactly what there is; the peer's offer is recorded."""
    session = new_session(EVERYTHING)
    offered = (
        b"qSupported:multiprocess+;swbreak+;hwbreak-;error-message+;xmlRegisters=i386;vContSupported+;QThreadOptions?"
    )
    reply = answer(session, offered)
    features = reply.split(b";")
    assert features[0] == b"PacketSize=20000"
    for feature in (
        b"multiprocess+",
        b"QStartNoAckMode+",
        b"vContSupported+",
        b"swbreak+",
        b"ReverseStep+",
        b"binary-upload+",
    ):
        assert feature in features
    assert len(set(features)) == len(features)
    peer = session.peer
    assert (peer.multiprocess, peer.software_breaks, peer.hardware_breaks, peer.error_text) == (True, True, False, True)
    assert peer.resume_list
    assert peer.features["xmlRegisters"] == "i386"
    assert peer.features["QThreadOptions"] == "?"


def test_a_greeting_said_again_has_one_answer() -> None:
    """GDB repeats it while we start; once its answer is acknowledged, the same words are a new question."""
    session = new_session(acknowledge=True)
    greeting = packet(b"qSupported:multiprocess+")
    session.receive_data(b"+" + greeting * 3)
    assert session.next_event() is Need.DATA
    written = session.data_to_send()
    assert len(payloads(written)) == 1
    assert written.startswith(b"+$")
    assert written.endswith(b"++")
    session.receive_data(b"+" + packet(b"vMustReplyEmpty"))
    assert isinstance(session.next_event(), UnknownPacket)
    session.send(Empty())
    session.receive_data(b"+" + greeting)
    assert session.next_event() is Need.DATA
    assert len(payloads(session.data_to_send())) == 1


def test_negotiation_without_capabilities() -> None:
    """A bare target announces only what the session does itself, and no extension comes into force."""
    session = new_session(())
    reply = answer(session, b"qSupported:multiprocess+;swbreak+;hwbreak+;error-message+")
    assert reply == b"PacketSize=20000;QStartNoAckMode+;vContSupported+;error-message+"
    assert not session.peer.multiprocess
    assert not session.peer.software_breaks


def test_a_second_negotiation_replaces_the_first() -> None:
    """What a peer no longer offers is no longer in force."""
    session = new_session()
    answer(session, b"qSupported:multiprocess+")
    assert session.peer.multiprocess
    answer(session, b"qSupported:swbreak+")
    assert not session.peer.multiprocess


def test_list_of_actions() -> None:
    """`vCont?` lists the four that GDB insists on, and ranges if there are any."""
    assert answer(new_session(), b"vCont?") == b"vCont;c;C;s;S;t;r"
    assert answer(new_session(()), b"vCont?") == b"vCont;c;C;s;S;t"


def test_thread_ids_follow_the_negotiation() -> None:
    """Processes are written only to a peer that asked for them."""
    session = new_session()
    ask(session, b"?")
    assert payloads(session.send(StopReply(5, ThreadId(2)))) == [b"T05thread:2;"]
    answer(session, b"qSupported:multiprocess+")
    ask(session, b"?")
    assert payloads(session.send(StopReply(5, ThreadId(2)))) == [b"T05thread:p1.2;"]


def test_malformed_packets_are_answered_here() -> None:
    """A malformed packet is an error to the peer, with words if it understands them, and no event."""
    session = new_session()
    assert answer(session, b"mzz,4") == b"E22"
    answer(session, b"qSupported:error-message+")
    assert answer(session, b"mzz,4").startswith(b"E.malformed m packet: ")
    assert [type(fault) for fault in session.take_faults()] == [MalformedPacketError] * 2
    assert session.take_faults() == ()


def test_over_long_packets_are_answered() -> None:
    """A packet of 10 MB gets one error, leaves nothing behind, and the next packet is served."""
    session = new_session(acknowledge=True)
    session.receive_data(b"$")
    for _ in range(100):
        session.receive_data(b"a" * 100_000)
        assert session.next_event() is Need.DATA
        assert session._framer.pending <= 0x20000
    session.receive_data(b"#00" + packet(b"qC"))
    assert session.next_event() == GetCurrentThread()
    assert b"$E22#" in session.data_to_send()


def test_unknown_packets_are_events() -> None:
    """The caller answers unknown packets, with the empty reply."""
    session = new_session()
    assert ask(session, b"vMustReplyEmpty") == UnknownPacket(b"vMustReplyEmpty")
    assert session.send(Empty()) == b"$#00"


def test_interrupt_of_a_running_target() -> None:
    """0x03 in the segment of the resume itself, and again: each is an event."""
    session = new_session()
    session.receive_data(packet(b"vCont;c") + b"\x03")
    assert isinstance(session.next_event(), Request)
    assert session.next_event() == Interrupt()
    assert session.next_event() is Need.DATA
    session.receive_data(b"\x03")
    assert session.next_event() == Interrupt()
    assert payloads(session.send(StopReply(2))) == [b"T02"]
    assert session.state is State.IDLE


def test_interrupt_of_a_halted_target_is_dropped() -> None:
    """0x03 that crosses a stop reply must not stop the next run."""
    session = new_session()
    session.receive_data(b"\x03\x03" + packet(b"c"))
    assert session.next_event() == Continue()
    assert session.next_event() is Need.DATA


def test_a_packet_while_running_interrupts_and_waits() -> None:
    """As in QEMU any packet stops the target; it is acknowledged at once and becomes a request after the stop."""
    session = new_session(acknowledge=True)
    ask(session, b"c")
    session.receive_data(packet(b"g") + packet(b"?"))
    assert session.next_event() == Interrupt()
    assert session.next_event() is Need.DATA
    assert session.data_to_send() == b"++"
    session.send(StopReply(2))
    assert session.next_event() == ReadRegisters()
    session.send(Data(b"\0"))
    assert session.next_event() == WhyStopped()


def test_an_over_long_packet_while_running() -> None:
    """Its error must not be taken for the stop: it comes after it."""
    session = new_session()
    ask(session, b"c")
    session.receive_data(b"$" + b"a" * 0x20001)
    assert session.next_event() == Interrupt()
    assert session.data_to_send() == b""
    assert payloads(session.send(StopReply(2))) == [b"T02"]
    assert session.next_event() is Need.DATA
    assert payloads(session.data_to_send()) == [b"E22"]


def test_bad_checksum_while_running() -> None:
    """Line noise does not stop the target."""
    session = new_session()
    ask(session, b"c")
    session.receive_data(b"$g#00")
    assert session.next_event() is Need.DATA
    assert session.data_to_send() == b"-"
    assert session.state is State.RUNNING


def test_console_output_while_running_and_in_a_monitor_command() -> None:
    """Output comes before the answer in the two places where debuggers expect it."""
    session = new_session()
    assert ask(session, b"qRcmd,68690a") == MonitorCommand("hi\n")
    assert payloads(session.send(ConsoleOutput(b"x"))) == [b"O78"]
    assert payloads(session.send(Ok())) == [b"OK"]
    ask(session, b"c")
    assert payloads(session.send(ConsoleOutput(b"x" * 0x20000)))[0].startswith(b"O7878")
    assert session.state is State.RUNNING


def test_kill_has_no_answer() -> None:
    """`k` is an event, and the session waits for the next packet."""
    session = new_session()
    assert ask(session, b"k") == Kill()
    assert session.next_event() is Need.DATA
    with pytest.raises(LocalProtocolError):
        session.send(Ok())


def test_a_reply_that_cannot_be_written_can_be_replaced() -> None:
    """After a mistake of ours the request can still be answered."""
    session = new_session()
    ask(session, b"g")
    with pytest.raises(LocalProtocolError):
        session.send(Error(1000))
    assert payloads(session.send(Error(22))) == [b"E22"]


def test_end_of_the_stream() -> None:
    """Packets before the end are served, half a packet is dropped, then the session is closed for good."""
    session = new_session()
    session.receive_data(packet(b"D") + b"$hal")
    session.receive_data(b"")
    assert session.next_event() == Detach()
    session.send(Ok())
    assert isinstance(session.next_event(), Closed)
    session.receive_data(packet(b"g"))
    assert isinstance(session.next_event(), Closed)
    assert session.send(Ok()) == b""
    assert session.data_to_send() == b""


def test_end_of_the_stream_while_running() -> None:
    """The end is seen at once, even with a packet waiting for the stop."""
    for before in (b"", packet(b"g")):
        session = new_session()
        ask(session, b"c")
        session.receive_data(before)
        session.receive_data(b"")
        events = [session.next_event(), session.next_event()]
        assert isinstance(events[1], Closed)
        assert session.send(StopReply(2)) == b""


def test_another_protocol_ends_the_session() -> None:
    """A browser tricked into posting to the port executes nothing."""
    session = new_session(acknowledge=True)
    session.receive_data(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n" + packet(b"k"))
    assert isinstance(session.next_event(), Closed)
    assert session.data_to_send() == b""
    assert isinstance(session.take_faults()[0], FramingError)


def test_flood_while_a_reply_is_owed() -> None:
    """The caller is told to stop reading, and one that does not is cut off before memory grows without bound."""
    session = new_session()
    ask(session, b"g")
    assert session.wants_data
    fed = 0
    while session.state is not State.CLOSED:
        session.receive_data(packet(b"m0,4") * 1000)
        fed += 8000
        assert session.wants_data is (session._framer.pending < 0x40000)
        assert fed < 2_000_000
    assert isinstance(session.next_event(), Closed)


def test_a_flood_is_served_in_order() -> None:
    """Ten thousand packets in one segment are ten thousand answers."""
    session = new_session()
    events, written = feed(session, [b"".join(packet(b"m%x,4" % number) for number in range(10_000))])
    assert events == [ReadMemory(number, 4) for number in range(10_000)]
    assert payloads(written) == [b"OK"] * 10_000


STREAM_PIECES = st.one_of(
    st.sampled_from(
        [
            packet(b"qSupported:multiprocess+;error-message+"),
            packet(b"m80000000,4"),
            packet(b"Hgp1.1"),
            packet(b"vCont;s:p1.1;c"),
            packet(b"c"),
            packet(b"k"),
            packet(b"qRcmd,68"),
            packet(b"mzz"),
            packet(b"vMustReplyEmpty"),
            packet(b"X10,5:}\x03}\x04}]}\x0a\x00"),
            b"$g#00",
            b"$g#zz",
            b"$$$$",
            b"$half",
            b"+",
            b"-",
            b"\x03",
            b"#",
            b"junk",
        ]
    ),
    st.binary(max_size=6),
)


@given(st.lists(STREAM_PIECES, max_size=14), st.lists(st.integers(0, 300), max_size=6))
def test_any_split_gives_the_same_requests(stream_pieces: list[bytes], cuts: list[int]) -> None:
    """However the network cuts a stream, the same requests are made and the same replies written, in the same order."""
    stream = b"+" + b"".join(stream_pieces)
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    ways = [
        [stream],
        [bytes((byte,)) for byte in stream],
        [stream[a:b] for a, b in itertools.pairwise(places)],
    ]
    outcomes = []
    for pieces in ways:
        session = new_session()
        events, written = feed(session, pieces)
        requests = [event for event in events if not isinstance(event, Interrupt)]
        outcomes.append((requests, payloads(written), session.peer, session._framer.pending))
    assert outcomes[0] == outcomes[1] == outcomes[2]


@settings(max_examples=200)
@given(st.binary(max_size=300), st.binary(max_size=300))
def test_random_bytes_never_raise(first: bytes, second: bytes) -> None:
    """Any garbage is answered, dropped or ends the session; memory stays bounded."""
    session = Session(EVERYTHING, packet_size=64)
    for data in (b"+" + first, second):
        session.receive_data(data)
        drain(session)
        assert session._framer.pending <= 64 + 4
    assert len(session.take_faults()) <= 16


@given(st.lists(st.binary(max_size=40).filter(lambda one: not set(one) & set(b"#$")), max_size=8))
def test_every_good_packet_is_answered(bodies: list[bytes]) -> None:
    """One answer for every packet with a right checksum, whatever is in it; `k` and `R` have none by definition."""
    session = new_session()
    for body in bodies:
        session.receive_data(packet(body))
        events, written = drain(session)
        silent = body == b"k" or body.startswith(b"R")
        assert len(payloads(written)) == 1 or silent, (body, events)


def test_what_selects_a_thread() -> None:
    """The class of a request says which of the two selections it is."""
    assert ask(new_session(), b"Hgp0.0") == SelectThread(ThreadId(0, 0))
