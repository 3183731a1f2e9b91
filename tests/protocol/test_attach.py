"""How real debuggers attach, packet by packet, and the malformed packets that real stubs fell over."""

from __future__ import annotations

import pytest

from protocol.capabilities import Capability
from protocol.ids import ThreadId
from protocol.replies import (
    Attached,
    CurrentThread,
    Data,
    Empty,
    Facts,
    Ok,
    Reply,
    StopReply,
    Text,
    ThreadList,
    ThreadListEnd,
    XferChunk,
)
from protocol.requests import (
    DescribeHost,
    DescribeProcess,
    GetCurrentThread,
    IsAttached,
    ListMoreThreads,
    ListThreads,
    ReadDescription,
    ReadMemory,
    ReadRegister,
    ReadRegisters,
    Request,
    ServerVersion,
    UnknownPacket,
    WhyStopped,
)
from protocol.session import Closed, Need, Session
from tests.protocol.wire import EVERYTHING, ask, drain, packet, payloads

REPLIES: dict[type[Request], Reply] = {
    UnknownPacket: Empty(),
    ReadDescription: XferChunk(b"<target/>", last=True),
    WhyStopped: StopReply(5, ThreadId(1)),
    ListThreads: ThreadList((ThreadId(1),)),
    ListMoreThreads: ThreadListEnd(),
    IsAttached: Attached(),
    GetCurrentThread: CurrentThread(ThreadId(1)),
    ReadRegisters: Data(bytes(33 * 8)),
    ReadRegister: Data(bytes(8)),
    ReadMemory: Data(bytes(4)),
    ServerVersion: Text("name:rvgdb;"),
    DescribeHost: Facts((("triple", b"\0"),)),
    DescribeProcess: Facts((("pid", "1"),)),
}

OFFER = (
    b"qSupported:multiprocess+;swbreak+;hwbreak+;qRelocInsn+;fork-events+;vfork-events+;exec-events+;vContSupported+;"
    b"QThreadEvents+;QThreadOptions+;no-resumed+;memory-tagging+;single-inf-arg+;xmlRegisters=i386;error-message+;"
    b"multi-wp-addr+"
)
GDB = [
    (
        OFFER,
        b"PacketSize=20000;",
    ),
    (b"vCont?", b"vCont;c;C;s;S;t;r"),
    (b"vMustReplyEmpty", b""),
    (b"QStartNoAckMode", b"OK"),
    (b"qExecAndArgs", b""),
    (b"!", b"OK"),
    (b"Hgp0.0", b"OK"),
    (b"qXfer:features:read:target.xml:0,1000", b"l<target/>"),
    (b"qTStatus", b""),
    (b"?", b"T05thread:p1.1;"),
    (b"qfThreadInfo", b"mp1.1"),
    (b"qsThreadInfo", b"l"),
    (b"qAttached:1", b"1"),
    (b"Hc-1", b"OK"),
    (b"qC", b"QCp1.1"),
    (b"qOffsets", b""),
    (b"g", b"0" * 528),
    (b"m80000000,4", b"00000000"),
    (b"qSymbol::", b""),
]
LLDB = [
    (b"QStartNoAckMode", b"OK"),
    (b"qSupported:xmlRegisters=i386,arm,mips,arc;multiprocess+;fork-events+;vfork-events+", b"PacketSize=20000;"),
    (b"QThreadSuffixSupported", b""),
    (b"QListThreadsInStopReply", b""),
    (b"qHostInfo", b"triple:00;"),
    (b"vCont?", b"vCont;c;C;s;S;t;r"),
    (b"qVAttachOrWaitSupported", b""),
    (b"QEnableErrorStrings", b"OK"),
    (b"qProcessInfo", b"pid:1;"),
    (b"qC", b"QCp1.1"),
    (b"qfThreadInfo", b"mp1.1"),
    (b"qsThreadInfo", b"l"),
    (b"?", b"T05thread:p1.1;"),
    (b"qXfer:features:read:target.xml:0,1ffff", b"l<target/>"),
    (b"Hg1", b"OK"),
    (b"p0", b"0" * 16),
    (b"qOffsets", b""),
    (b"qStructuredDataPlugins", b""),
    (b"qSymbol::", b""),
    (b"qGDBServerVersion", b"name:rvgdb;"),
]


@pytest.mark.parametrize("sequence", [GDB, LLDB], ids=["gdb", "lldb"])
def test_attach(sequence: list[tuple[bytes, bytes]]) -> None:
    """Every packet of an attach gets the one answer that the debugger can use, acknowledged until it asks otherwise."""
    session = Session(EVERYTHING)
    session.receive_data(b"+")
    acknowledging = True
    for sent, expected in sequence:
        event = ask(session, sent)
        if event is Need.DATA:
            written = session.data_to_send()
        else:
            assert isinstance(event, Request)
            written = session.send(REPLIES.get(type(event), Ok()))
        assert written.startswith(b"+") is acknowledging
        if acknowledging:
            session.receive_data(b"+")
        (reply,) = payloads(written)
        assert reply == expected or (expected.endswith(b";") and reply.startswith(expected))
        acknowledging = acknowledging and sent != b"QStartNoAckMode"
    assert session.take_faults() == ()


MALFORMED_FOR_QEMU = [
    (b"p80000000", "request"),
    (b"pf0000000", "request"),
    (b"pffffffff", "request"),
    (b"D;5", "request"),
    (b"D;ffffffff", "request"),
    (b"vKill;99", "request"),
    (b"G00", "request"),
    (b"P5=11", "request"),
    (b"G", "error"),
    (b"vCont", "error"),
    (b"qThreadExtraInfo,", "error"),
    (b"qThreadExtraInfo,p9.9", "request"),
    (b"Qqemu.sstep=", "error"),
    (b"Z0,80000000,0", "request"),
    (b"Z1,80000000,3", "request"),
    (b"Z2,80000000,0", "request"),
    (b"qRcmd,zz", "error"),
    (b"qXfer:features:read::0,10", "request"),
    (b"qC\0garbage", "error"),
    (b"\0", "request"),
]


@pytest.mark.parametrize(("payload", "outcome"), MALFORMED_FOR_QEMU, ids=repr)
def test_what_other_stubs_fall_over(payload: bytes, outcome: str) -> None:
    """Each is answered: with an error here, or as a request whose values are plain numbers for the target to check."""
    session = Session(EVERYTHING)
    event = ask(session, payload)
    if outcome == "request":
        assert isinstance(event, Request)
        assert payloads(session.send(Empty())) == [b""]
    else:
        assert event is Need.DATA
        assert payloads(session.data_to_send()) == [b"E22"]
    assert isinstance(ask(session, b"qC"), GetCurrentThread)


@pytest.mark.parametrize(
    ("stream", "written"),
    [
        pytest.param(packet(b"qC")[:-2] + b"00", b"-", id="wrong checksum"),
        pytest.param(packet(b"qC")[:-2] + b"zz", b"-", id="checksum not hex"),
        pytest.param(b"$$$$$$", b"", id="starts"),
        pytest.param(b"$" + b"m" * 0x20001 + b"#00", b"+$E22#a9", id="over-long"),
        pytest.param(b"$m0,4", b"", id="half a packet"),
    ],
)
def test_a_good_packet_after_bad_bytes_is_served(stream: bytes, written: bytes) -> None:
    """Bad bytes are answered as the protocol says and swallow nothing."""
    session = Session(EVERYTHING)
    session.receive_data(b"+" + stream)
    assert session.next_event() is Need.DATA
    assert session.data_to_send() == written
    assert isinstance(ask(session, b"qC"), GetCurrentThread)


def test_a_browser_reaches_nothing() -> None:
    """A POST whose body is a packet closes the session before any request."""
    session = Session(EVERYTHING)
    session.receive_data(b"POST / HTTP/1.1\r\n\r\n" + packet(b"k"))
    events, written = drain(session)
    assert [type(event) for event in events] == [Closed]
    assert written == b""


def test_reverse_packets_are_unknown_without_history() -> None:
    """`bc` and `bs` get the empty reply from a target that keeps no history, and are not announced."""
    session = Session(EVERYTHING - {Capability.REVERSE})
    for payload in (b"bc", b"bs"):
        assert ask(session, payload) == UnknownPacket(payload)
        session.send(Empty())
    ask(session, b"qSupported")
    assert b"Reverse" not in session.data_to_send()
