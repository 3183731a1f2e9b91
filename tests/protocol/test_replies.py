"""Replies as they go on the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import replies
from protocol.errors import LocalProtocolError
from protocol.features import Peer
from protocol.framing import frame, unescape
from protocol.ids import ALL, ANY, ThreadId
from protocol.replies import (
    Attached,
    BinaryData,
    Checksum,
    ConsoleOutput,
    CurrentThread,
    Data,
    Empty,
    Error,
    ErrorText,
    Exited,
    Facts,
    HardwareBreak,
    HistoryEnd,
    Killed,
    Ok,
    Registers,
    Reply,
    SearchResult,
    SoftwareBreak,
    StopReply,
    Text,
    ThreadList,
    ThreadListEnd,
    WatchHit,
    XferChunk,
)
from protocol.requests import BreakpointKind

PLAIN = Peer()
FULL = Peer(multiprocess=True, software_breaks=True, hardware_breaks=True, error_text=True)
T1, T1F = ThreadId(1), ThreadId(0x1F, 2)

CASES: list[tuple[Reply, bytes, bytes]] = [
    (Ok(), b"OK", b"OK"),
    (Empty(), b"", b""),
    (Error(), b"E22", b"E22"),
    (Error(14), b"E14", b"E14"),
    (Error(1), b"E01", b"E01"),
    (ErrorText("no CSR #7c0 at $pc*", 14), b"E14", b"E.no CSR ?7c0 at ?pc?"),
    (ErrorText("two\nlines"), b"E22", b"E.two lines"),
    (Data(b"\0\xab"), b"00ab", b"00ab"),
    (Registers((b"\x01\x02", 4, b"\xff")), b"0102xxxxxxxxff", b"0102xxxxxxxxff"),
    (BinaryData(b"a#$}*"), b"ba}\x03}\x04}]}\n", b"ba}\x03}\x04}]}\n"),
    (BinaryData(b""), b"b", b"b"),
    (Text("ENABLE=1,NOIRQ=2"), b"ENABLE=1,NOIRQ=2", b"ENABLE=1,NOIRQ=2"),
    (ConsoleOutput(b"hi\n"), b"O68690a", b"O68690a"),
    (Facts((("num", "4"), ("triple", b"rv"))), b"num:4;triple:7276;", b"num:4;triple:7276;"),
    (CurrentThread(T1), b"QC1", b"QCp1.1"),
    (CurrentThread(T1F), b"QC1f", b"QCp2.1f"),
    (ThreadList((T1, T1F)), b"m1,1f", b"mp1.1,p2.1f"),
    (ThreadListEnd(), b"l", b"l"),
    (Attached(), b"1", b"1"),
    (Attached(existed=False), b"0", b"0"),
    (XferChunk(b"<a/>", last=True), b"l<a/>", b"l<a/>"),
    (XferChunk(b"<#", last=False), b"m<}\x03", b"m<}\x03"),
    (SearchResult(0x80000000), b"1,80000000", b"1,80000000"),
    (SearchResult(None), b"0", b"0"),
    (Checksum(0xDEADBEEF), b"Cdeadbeef", b"Cdeadbeef"),
    (StopReply(5), b"T05", b"T05"),
    (StopReply(2, T1, 0), b"T02thread:1;core:0;", b"T02thread:p1.1;core:0;"),
    (StopReply(5, reason=SoftwareBreak()), b"T05", b"T05swbreak:;"),
    (StopReply(5, reason=HardwareBreak()), b"T05", b"T05hwbreak:;"),
    (StopReply(5, reason=WatchHit(BreakpointKind.WRITE_WATCH, 16)), b"T05watch:10;", b"T05watch:10;"),
    (StopReply(5, reason=WatchHit(BreakpointKind.READ_WATCH, 16)), b"T05rwatch:10;", b"T05rwatch:10;"),
    (StopReply(5, reason=WatchHit(BreakpointKind.ACCESS_WATCH, 16)), b"T05awatch:10;", b"T05awatch:10;"),
    (StopReply(5, reason=HistoryEnd(at_start=True)), b"T05replaylog:begin;", b"T05replaylog:begin;"),
    (StopReply(5, reason=HistoryEnd(at_start=False)), b"T05replaylog:end;", b"T05replaylog:end;"),
    (StopReply(5, registers=((32, b"\0\1"), (2, b"\xff"))), b"T0520:0001;02:ff;", b"T0520:0001;02:ff;"),
    (StopReply(5, registers=((0x1042, b"\1"),)), b"T051042:01;", b"T051042:01;"),
    (Exited(3), b"W03", b"W03;process:1"),
    (Killed(9), b"X09", b"X09;process:1"),
]


@pytest.mark.parametrize(("reply", "plain", "full"), CASES, ids=lambda value: repr(value)[:50])
def test_payloads(reply: Reply, plain: bytes, full: bytes) -> None:
    """Each reply, to a peer that offered nothing and to one that offered everything."""
    assert reply.payload(PLAIN) == plain
    assert reply.payload(FULL) == full
    assert frame(plain).startswith(b"$")


def test_errors_for_lldb() -> None:
    """LLDB's form of an error's text is hex digits behind the number (lldbgdbremote.md, "QEnableErrorStrings")."""
    assert ErrorText("no", 14).payload(Peer(error_strings=True)) == b"E14;6e6f"


def test_every_reply_has_a_case() -> None:
    """No class of reply is untested."""
    classes = {one for one in vars(replies).values() if isinstance(one, type) and issubclass(one, Reply)}
    assert {type(reply) for reply, _, _ in CASES} == classes - {Reply}


@pytest.mark.parametrize("errno", [0, -1, 100])
def test_error_numbers_have_two_digits(errno: int) -> None:
    """A number that does not fit is our mistake."""
    with pytest.raises(LocalProtocolError):
        Error(errno).payload(PLAIN)


def test_thread_ids() -> None:
    """-1 and 0 keep their meaning with and without processes."""
    assert ThreadId(ALL).text(multiprocess=False) == "-1"
    assert ThreadId(ALL, ALL).text(multiprocess=True) == "p-1.-1"
    assert ThreadId(ANY, ANY).text(multiprocess=True) == "p0.0"


@pytest.mark.parametrize(
    ("pattern", "thread", "fits"),
    [
        (ThreadId(ALL), ThreadId(3), True),
        (ThreadId(ANY), ThreadId(3), True),
        (ThreadId(3), ThreadId(3), True),
        (ThreadId(3), ThreadId(2), False),
        (ThreadId(ALL, 1), ThreadId(3), True),
        (ThreadId(ALL, 2), ThreadId(3), False),
        (ThreadId(3, ALL), ThreadId(3, 2), True),
        (ThreadId(3, 2), ThreadId(3, 2), True),
        (ThreadId(3, 1), ThreadId(3, 2), False),
    ],
)
def test_thread_ids_match(pattern: ThreadId, thread: ThreadId, fits: bool) -> None:
    """Sets of threads, by thread and by process."""
    assert pattern.matches(thread) is fits


@given(st.binary(max_size=99), st.integers(1, 30))
def test_documents_in_parts(document: bytes, step: int) -> None:
    """Reading a document part by part until the last gives the document."""
    read = b""
    while True:
        chunk = XferChunk.of(document, len(read), step)
        read += unescape(chunk.payload(PLAIN)[1:])
        if chunk.last:
            break
    assert read == document
    assert XferChunk.of(document, len(document) + 1, step) == XferChunk(b"", last=True)


def test_long_console_output_is_split() -> None:
    """Each packet of console output fits the limit; other replies are never split."""
    data = bytes(range(256))
    parts = list(ConsoleOutput(data).parts(100))
    assert all(len(part.payload(PLAIN)) <= 100 for part in parts)
    assert b"".join(bytes.fromhex(part.payload(PLAIN)[1:].decode()) for part in parts) == data
    assert list(ConsoleOutput(b"").parts(100)) == []
    assert list(Data(data).parts(100)) == [Data(data)]
