"""The table of packets: every row, its order, its strictness, and the quick parsers against the grammars."""

from __future__ import annotations

import random
from dataclasses import fields

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol import grammars, requests
from protocol.capabilities import Capability
from protocol.errors import MalformedPacketError
from protocol.ids import ALL, ANY, ThreadId
from protocol.packets import PACKETS, Answer, Packet, PacketTable
from protocol.requests import (
    MAX_READ,
    ActionKind,
    Attach,
    BreakpointKind,
    ChecksumMemory,
    Continue,
    CountWatchpoints,
    DescribeHost,
    DescribeMemory,
    DescribeProcess,
    DescribeThread,
    Detach,
    EnableErrorStrings,
    EnableExtendedMode,
    GetCurrentThread,
    InsertBreakpoint,
    InterruptTarget,
    IsAttached,
    IsThreadAlive,
    Kill,
    KillProcess,
    ListMoreThreads,
    ListResumeActions,
    ListThreads,
    MonitorCommand,
    Negotiate,
    QemuGetPhysicalMode,
    QemuGetStepMask,
    QemuSetPhysicalMode,
    QemuSetStepMask,
    QemuStepBits,
    QemuSupported,
    ReadDescription,
    ReadMemory,
    ReadMemoryBinary,
    ReadMemoryMap,
    ReadRegister,
    ReadRegisters,
    ReadThreadDetails,
    RemoveBreakpoint,
    Request,
    Restart,
    ResumeAction,
    ResumeThreads,
    ReverseContinue,
    ReverseStep,
    Run,
    SearchMemory,
    SelectResumeThread,
    SelectThread,
    ServerVersion,
    StartNoAckMode,
    Step,
    UnknownPacket,
    WhyStopped,
    WriteMemory,
    WriteRegister,
    WriteRegisters,
)

EVERYTHING = frozenset(Capability)
TABLE = PacketTable(EVERYTHING)
C, S, T, R = ActionKind.CONTINUE, ActionKind.STEP, ActionKind.STOP, ActionKind.STEP_IN_RANGE
CORPUS: list[tuple[bytes, Request]] = [
    (b"qSupported", Negotiate(())),
    (b"qSupported:multiprocess+;xmlRegisters=i386", Negotiate(("multiprocess+", "xmlRegisters=i386"))),
    (b"QStartNoAckMode", StartNoAckMode()),
    (b"!", EnableExtendedMode()),
    (b"?", WhyStopped()),
    (b"D", Detach()),
    (b"D;ffffffff", Detach(0xFFFFFFFF)),
    (b"k", Kill()),
    (b"vKill;63", KillProcess(0x63)),
    (b"vAttach;2", Attach(2)),
    (b"R00", Restart()),
    (b"R", Restart()),
    (b"vRun;", Run(b"")),
    (b"vRun;612e656c66;2d78;;79", Run(b"a.elf", (b"-x", b"", b"y"))),
    (b"qAttached", IsAttached()),
    (b"qAttached:1", IsAttached(1)),
    (b"qRcmd,68656c70", MonitorCommand("help")),
    (b"qRcmd,", MonitorCommand("")),
    (b"qRcmd,ff", MonitorCommand("\N{REPLACEMENT CHARACTER}")),
    (b"qGDBServerVersion", ServerVersion()),
    (b"vCtrlC", InterruptTarget()),
    (b"QEnableErrorStrings", EnableErrorStrings()),
    (b"qHostInfo", DescribeHost()),
    (b"qProcessInfo", DescribeProcess()),
    (b"qWatchpointSupportInfo:", CountWatchpoints()),
    (b"qMemoryRegionInfo:80001000", DescribeMemory(0x80001000)),
    (b"Hg0", SelectThread(ThreadId(ANY))),
    (b"Hgp0.0", SelectThread(ThreadId(ANY, 0))),
    (b"Hgp1.1f", SelectThread(ThreadId(0x1F, 1))),
    (b"Hc-1", SelectResumeThread(ThreadId(ALL))),
    (b"Hcp1.-1", SelectResumeThread(ThreadId(ALL, 1))),
    (b"Hgp-1", SelectThread(ThreadId(ALL, ALL))),
    (b"Hgp-1.-1", SelectThread(ThreadId(ALL, ALL))),
    (b"Hgp2", SelectThread(ThreadId(ALL, 2))),
    (b"qC", GetCurrentThread()),
    (b"qfThreadInfo", ListThreads()),
    (b"qsThreadInfo", ListMoreThreads()),
    (b"qThreadExtraInfo,p1.2", DescribeThread(ThreadId(2, 1))),
    (b"T1", IsThreadAlive(ThreadId(1))),
    (b"vCont?", ListResumeActions()),
    (b"vCont;c", ResumeThreads((ResumeAction(C),))),
    (
        b"vCont;s:p1.1;c:p1.-1",
        ResumeThreads((ResumeAction(S, ThreadId(1, 1)), ResumeAction(C, ThreadId(ALL, 1)))),
    ),
    (
        b"vCont;C0b:1;S05;t:-1",
        ResumeThreads(
            (
                ResumeAction(ActionKind.CONTINUE_WITH_SIGNAL, ThreadId(1), 11),
                ResumeAction(ActionKind.STEP_WITH_SIGNAL, None, 5),
                ResumeAction(T, ThreadId(ALL)),
            )
        ),
    ),
    (
        b"vCont;r80000000,80000010:p1.1;c",
        ResumeThreads((ResumeAction(R, ThreadId(1, 1), 0, 0x80000000, 0x80000010), ResumeAction(C))),
    ),
    (b"c", Continue()),
    (b"c80000000", Continue(0x80000000)),
    (b"C05", Continue(signal=5)),
    (b"C05;80", Continue(0x80, 5)),
    (b"s", Step()),
    (b"sf", Step(15)),
    (b"S0b;1", Step(1, 11)),
    (b"bc", ReverseContinue()),
    (b"bs", ReverseStep()),
    (b"g", ReadRegisters()),
    (b"G00ff", WriteRegisters(b"\0\xff")),
    (b"p80000000", ReadRegister(0x80000000)),
    (b"p20", ReadRegister(32)),
    (b"P5=11", WriteRegister(5, b"\x11")),
    (b"m80000000,4", ReadMemory(0x80000000, 4)),
    (b"mffffffffffffffff,ffffffffffffffff", ReadMemory(2**64 - 1, MAX_READ)),
    (b"x80000000,0", ReadMemoryBinary(0x80000000, 0)),
    (b"x0,40", ReadMemoryBinary(0, 0x40)),
    (b"M10,2:ABcd", WriteMemory(0x10, b"\xab\xcd")),
    (b"M10,0:", WriteMemory(0x10, b"")),
    (b"X10,0:", WriteMemory(0x10, b"")),
    (b"X10,5:}\x03}\x04}]}\x0a\x00", WriteMemory(0x10, b"#$}*\0")),
    (b"qSearch:memory:80000000;1000;a}\x03", SearchMemory(0x80000000, 0x1000, b"a#")),
    (b"qCRC:80000000,8000000", ChecksumMemory(0x80000000, 0x8000000)),
    (b"Z0,80000000,2", InsertBreakpoint(BreakpointKind.SOFTWARE, 0x80000000, 2)),
    (b"Z1,0,4", InsertBreakpoint(BreakpointKind.HARDWARE, 0, 4)),
    (b"Z2,80001000,100000", InsertBreakpoint(BreakpointKind.WRITE_WATCH, 0x80001000, 0x100000)),
    (b"Z3,1,0", InsertBreakpoint(BreakpointKind.READ_WATCH, 1, 0)),
    (b"z4,7f00000000001000,8", RemoveBreakpoint(BreakpointKind.ACCESS_WATCH, 0x7F00000000001000, 8)),
    (b"z0,80000000,2", RemoveBreakpoint(BreakpointKind.SOFTWARE, 0x80000000, 2)),
    (b"Z0,8,4;X3,260a27", InsertBreakpoint(BreakpointKind.SOFTWARE, 8, 4, (b"\x26\x0a\x27",))),
    (b"Z0,8,4;X1,27X2,2227", InsertBreakpoint(BreakpointKind.SOFTWARE, 8, 4, (b"\x27", b"\x22\x27"))),
    (
        b"Z1,8,4;X1,27;cmds:1,X2,3427",
        InsertBreakpoint(BreakpointKind.HARDWARE, 8, 4, (b"\x27",), (b"\x34\x27",), persistent=True),
    ),
    (b"Z0,8,4;cmds:0,X1,27", InsertBreakpoint(BreakpointKind.SOFTWARE, 8, 4, (), (b"\x27",))),
    (b"qXfer:features:read:target.xml:0,1000", ReadDescription("target.xml", 0, 0x1000)),
    (b"qXfer:features:read::0,10", ReadDescription("", 0, 0x10)),
    (b"qXfer:features:read:t.xml:fff,1ffff", ReadDescription("t.xml", 0xFFF, MAX_READ)),
    (b"qXfer:threads:read::0,1000", ReadThreadDetails(0, 0x1000)),
    (b"qXfer:memory-map:read::0,1000", ReadMemoryMap(0, 0x1000)),
    (b"qqemu.Supported", QemuSupported()),
    (b"qqemu.sstepbits", QemuStepBits()),
    (b"qqemu.sstep", QemuGetStepMask()),
    (b"Qqemu.sstep=7", QemuSetStepMask(7)),
    (b"qqemu.PhyMemMode", QemuGetPhysicalMode()),
    (b"Qqemu.PhyMemMode:1", QemuSetPhysicalMode(enabled=True)),
    (b"Qqemu.PhyMemMode:0", QemuSetPhysicalMode(enabled=False)),
]
UNKNOWN = [
    b"",
    b"vMustReplyEmpty",
    b"vFoo",
    b"qCatchSyscalls",
    b"qCx",
    b"qSupportedX",
    b"qfThreadInfo2",
    b"vContFoo",
    b"qqemu.sstepbits2",
    b"qqemu",
    b"qOffsets",
    b"qSymbol::",
    b"qTStatus",
    b"QThreadSuffixSupported",
    b"qModuleInfo:0",
    b"qXfer:auxv:read::0,1000",
    b"qXfer:features:write:target.xml:0:",
    b"Hs1",
    b"H",
    b"Z5,0,1",
    b"Z",
    b"z9,0,1",
    b"b",
    b"bz",
    b"A",
    b"\x00",
    b"\xff\xfe",
    b"jThreadsInfo",
    b"_M1000,rw",
]
MALFORMED = [
    b"?x",
    b"!1",
    b"gg",
    b"G",
    b"G0",
    b"G0x",
    b"p",
    b"p-1",
    b"p 1",
    b"p1_0",
    b"p0x10",
    b"p10000000000000000",
    b"P5",
    b"P5=",
    b"P5=1",
    b"P=11",
    b"m",
    b"m0",
    b"m0,",
    b"m,4",
    b"m-1,4",
    b"m 0,4",
    b"m0,4 ",
    b"m0,-4",
    b"m0x10,4",
    b"m1_0,4",
    b"m0,4,4",
    b"m10000000000000000,4",
    b"m0,4\0",
    b"M0,2:ab",
    b"M0,1:abcd",
    b"M0,1:a",
    b"M0,1:zz",
    b"M0,1",
    b"X0,2:a",
    b"X0,1:ab",
    b"X0,1:}",
    b"X0,1",
    b"x0",
    b"c-1",
    b"cz",
    b"C",
    b"Czz",
    b"C05;",
    b"S",
    b"s ",
    b"Hg",
    b"Hgp",
    b"Hgp1.",
    b"Hgp-1.1",
    b"Hg-2",
    b"Hgp1.1.1",
    b"Hg1g",
    b"Hc",
    b"T",
    b"Tx",
    b"vCont",
    b"vCont;",
    b"vCont;x",
    b"vCont;c;",
    b"vCont;cc",
    b"vCont;C",
    b"vCont;r80000000",
    b"vCont;r1,",
    b"vCont;c:",
    b"vCont;c:zz",
    b"vCont:c",
    b"D;",
    b"Dx",
    b"D;-1",
    b"D;10000000000000000",
    b"kx",
    b"vKill;",
    b"vKill;zz",
    b"vAttach;",
    b"vRun",
    b"vRun;zz",
    b"vRun;6",
    b"qAttached:",
    b"qAttached;1",
    b"qRcmd,zz",
    b"qRcmd,6",
    b"qThreadExtraInfo,",
    b"qThreadExtraInfo,zz",
    b"qC;",
    b"Z0",
    b"Z0,",
    b"Z0,80000000",
    b"Z0,80000000,",
    b"Z0,-1,4",
    b"Z0,8,4;",
    b"Z0,8,4;X",
    b"Z0,8,4;X1,",
    b"Z0,8,4;X2,27",
    b"Z0,8,4;X1,2727",
    b"Z0,8,4;cmds:2,X1,27",
    b"Z0,8,4;cmds:1,",
    b"Z2,8,4;X1,27",
    b"z0,8,4;X1,27",
    b"qSearch:memory:0;1;",
    b"qSearch:memory:0;1",
    b"qSearch:memory:0;1;}",
    b"qCRC:0",
    b"qCRC:0,z",
    b"qXfer:features:read:target.xml",
    b"qXfer:features:read:target.xml:0",
    b"qXfer:features:read:a:b:0,1",
    b"qXfer:threads:read:x:0,1",
    b"qXfer:threads:read::,",
    b"Qqemu.sstep=",
    b"Qqemu.sstep=z",
    b"Qqemu.PhyMemMode:",
    b"Qqemu.PhyMemMode:2",
    b"R0g",
    b"bcx",
    b"vCtrlC;1",
]


def by_name(payload: object) -> str:
    """A test id out of a payload."""
    return repr(payload) if isinstance(payload, bytes) else ""


@pytest.mark.parametrize(("payload", "request_"), CORPUS, ids=by_name)
def test_packet_makes_its_request(payload: bytes, request_: Request) -> None:
    """Each packet of the corpus gives the request written beside it."""
    assert TABLE.parse(payload)[0] == request_


@pytest.mark.parametrize(("payload", "request_"), CORPUS, ids=by_name)
def test_grammar_alone_makes_the_same_request(payload: bytes, request_: Request) -> None:
    """The construct grammar needs no quick parser beside it, and builds what it parses."""
    row = TABLE.find(payload)
    assert row is not None
    assert row.parse_by_grammar(payload[len(row.prefix) :]) == request_
    assert TABLE.parse(row.build(request_))[0] == request_


@pytest.mark.parametrize("payload", UNKNOWN, ids=by_name)
def test_unknown_packets(payload: bytes) -> None:
    """Names of no row, and longer names that begin with one, are unknown packets."""
    assert TABLE.parse(payload) == (UnknownPacket(payload), Answer.REPLY)


@pytest.mark.parametrize("payload", MALFORMED, ids=by_name)
def test_malformed_packets(payload: bytes) -> None:
    """A known packet with a body its grammar does not allow is an error that names the packet."""
    row = TABLE.find(payload)
    assert row is not None
    with pytest.raises(MalformedPacketError, match="malformed") as caught:
        TABLE.parse(payload)
    assert caught.value.errno == 22


def test_every_row_has_a_case() -> None:
    """The corpus leaves out no row, and every class of request comes from a row."""
    found = [TABLE.find(payload) for payload, _ in CORPUS]
    same_shape = {b"z1", b"z2", b"z3", b"Z4"}
    assert {row.prefix for row in found if row} == {row.prefix for row in PACKETS} - same_shape
    classes = {one for one in vars(requests).values() if isinstance(one, type) and issubclass(one, Request)}
    assert {row.request for row in PACKETS} == classes - {Request, UnknownPacket}


def test_rows_are_well_formed() -> None:
    """Prefixes are unique, grammars exist, and fixed fields are fields of the request."""
    assert len({row.prefix for row in PACKETS}) == len(PACKETS)
    for row in PACKETS:
        assert hasattr(grammars, row.grammar)
        assert {name for name, _ in row.fixed} <= {one.name for one in fields(row.request)}


@pytest.mark.parametrize("seed", range(5))
def test_order_of_the_rows_means_nothing(seed: int) -> None:
    """A shuffled table parses every packet alike."""
    rows = list(PACKETS)
    random.Random(seed).shuffle(rows)
    shuffled = PacketTable(EVERYTHING, rows)
    for payload in [*(payload for payload, _ in CORPUS), *UNKNOWN]:
        assert shuffled.parse(payload) == TABLE.parse(payload)
    for payload in MALFORMED:
        assert shuffled.find(payload) is TABLE.find(payload)
    assert shuffled.offers == TABLE.offers


@pytest.mark.parametrize("capability", Capability)
def test_without_a_capability_its_packets_are_unknown(capability: Capability) -> None:
    """Taking a capability away makes exactly its rows unknown."""
    table = PacketTable(EVERYTHING - {capability})
    for payload, request in CORPUS:
        row = TABLE.find(payload)
        assert row is not None
        found = table.parse(payload)[0]
        assert found == (UnknownPacket(payload) if row.needs is capability else request)


def test_conditions_are_refused_on_watchpoints() -> None:
    """Only the two kinds of breakpoint can carry expressions."""
    assert {row.prefix for row in PACKETS if row.grammar == "POINT_WITH_CODE"} == {b"Z0", b"Z1"}


NUMBER = st.one_of(
    st.integers(0, 2**64 - 1).map(lambda value: b"%x" % value),
    st.sampled_from([b"", b"-1", b"0", b"00", b"g", b" 1", b"0" * 16, b"0" * 17, b"F" * 16, b"p", b"+1", b"1_0"]),
)
PIECE = st.one_of(
    NUMBER, st.sampled_from([b",", b":", b";", b".", b"p", b"c", b"s", b"t", b"r", b"S", b"C", b"\0", b"\n", b"\xff"])
)
THREAD = st.one_of(
    NUMBER, st.tuples(NUMBER, NUMBER).map(lambda pair: b"p%b.%b" % pair), NUMBER.map(lambda one: b"p" + one)
)
ACTION = st.tuples(
    st.sampled_from([b";c", b";s", b";t", b";C05", b";S0b", b";r1,2", b";r1", b"c", b";x"]),
    st.one_of(st.just(b""), THREAD.map(lambda one: b":" + one)),
).map(b"".join)
BODY = st.one_of(
    st.lists(PIECE, max_size=7).map(b"".join),
    st.lists(ACTION, max_size=4).map(b"".join),
    THREAD,
    st.tuples(NUMBER, NUMBER).map(lambda pair: b"%b,%b" % pair),
    st.tuples(NUMBER, NUMBER).map(lambda pair: b",%b,%b" % pair),
    st.tuples(NUMBER, st.binary(max_size=6)).map(
        lambda pair: b"%b,%x:%b" % (pair[0], len(pair[1]), pair[1].hex().encode())
    ),
    st.binary(max_size=12),
)


@pytest.mark.parametrize("row", [row for row in PACKETS if row.quick], ids=lambda row: row.prefix.decode())
@given(body=BODY)
@example(body=b"1\n")
@example(body=b"0,4\n")
@example(body=b";c\n")
def test_quick_parsers_agree_with_the_grammars(row: Packet, body: bytes) -> None:
    """Whatever a quick parser takes, the grammar takes too, and makes the same request of it."""
    assert row.quick is not None
    request = row.quick(body)
    if request is not None:
        assert row.parse_by_grammar(body) == request


NUMBERS = st.integers(0, 2**64 - 1)
SMALL = st.integers(0, 2**31)
THREADS = st.builds(ThreadId, st.one_of(st.just(ALL), SMALL), st.one_of(st.none(), SMALL))
SIGNALS = st.integers(0, 255)
ACTIONS = st.one_of(
    st.builds(ResumeAction, st.sampled_from([C, S, T]), st.one_of(st.none(), THREADS)),
    st.builds(
        ResumeAction,
        st.sampled_from([ActionKind.CONTINUE_WITH_SIGNAL, ActionKind.STEP_WITH_SIGNAL]),
        st.one_of(st.none(), THREADS),
        SIGNALS,
    ),
    st.builds(ResumeAction, st.just(R), st.one_of(st.none(), THREADS), st.just(0), NUMBERS, NUMBERS),
)
CODE = st.lists(st.binary(min_size=1, max_size=9), max_size=3).map(tuple)
REQUESTS = st.one_of(
    st.tuples(st.just(b"m"), st.builds(ReadMemory, NUMBERS, st.integers(0, MAX_READ))),
    st.tuples(st.just(b"x"), st.builds(ReadMemoryBinary, NUMBERS, st.integers(0, MAX_READ))),
    st.tuples(st.sampled_from([b"M", b"X"]), st.builds(WriteMemory, NUMBERS, st.binary(max_size=40))),
    st.tuples(st.just(b"P"), st.builds(WriteRegister, NUMBERS, st.binary(min_size=1, max_size=16))),
    st.tuples(st.just(b"vCont"), st.builds(ResumeThreads, st.lists(ACTIONS, min_size=1, max_size=4).map(tuple))),
    st.tuples(st.just(b"Hg"), st.builds(SelectThread, THREADS)),
    st.tuples(
        st.just(b"qSearch:memory:"), st.builds(SearchMemory, NUMBERS, NUMBERS, st.binary(min_size=1, max_size=20))
    ),
    st.tuples(st.just(b"qRcmd,"), st.builds(MonitorCommand, st.text(st.characters(exclude_categories=["Cs"])))),
    st.tuples(
        st.just(b"vRun"), st.builds(Run, st.binary(max_size=9), st.lists(st.binary(max_size=9), max_size=3).map(tuple))
    ),
    st.tuples(
        st.just(b"Z0"),
        st.builds(InsertBreakpoint, st.just(BreakpointKind.SOFTWARE), NUMBERS, NUMBERS, CODE, CODE, st.booleans()).map(
            lambda one: one if one.commands else InsertBreakpoint(one.kind, one.address, one.length, one.conditions)
        ),
    ),
)


@given(REQUESTS)
def test_requests_round_trip(case: tuple[bytes, Request]) -> None:
    """A request built into a packet by the grammar is parsed back to the same request."""
    prefix, request = case
    (row,) = (row for row in PACKETS if row.prefix == prefix)
    assert TABLE.parse(row.build(request))[0] == request


@given(
    st.one_of(st.binary(max_size=60), st.tuples(st.sampled_from([row.prefix for row in PACKETS]), BODY).map(b"".join))
)
def test_any_payload_parses_or_is_malformed(payload: bytes) -> None:
    """No payload raises anything but the one error."""
    try:
        request, _ = TABLE.parse(payload)
    except MalformedPacketError:
        return
    assert isinstance(request, Request)
    assert hash(request) is not None
