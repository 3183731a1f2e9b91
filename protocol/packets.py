"""The table of packets: one row each, and the parser that reads it. A new packet is a row and a class in `requests.py`.

The order of the rows means nothing: the longest prefix wins, and a prefix that is a name (`qC`) matches only the whole
word, so that `qCRC:` and packets not invented yet are not taken for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from enum import Enum, auto
from typing import Any, Final

from protocol import quick
from protocol.capabilities import Capability
from protocol.errors import FramingError, MalformedPacketError
from protocol.requests import (
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


class Answer(Enum):
    """How a packet is answered, which decides what may be sent and received until then."""

    REPLY = auto()
    """One reply, at once."""
    OUTPUT_AND_REPLY = auto()
    """Console output, then one reply."""
    STOP = auto()
    """The target runs: console output and interrupts until a stop reply."""
    NONE = auto()
    """No reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A row of the table.

    Attributes:
        prefix: What the payload begins with.
        grammar: Name of the body's grammar in `grammars.py`.
        request: The class of the request.
        fixed: Fields of the request that the prefix says.
        quick: Parser of the common form, for packets that come in loops.
        needs: The capability without which the packet is unknown.
        offers: What `qSupported` announces when the packet is known.
        answer: How it is answered.
    """

    prefix: bytes
    grammar: str
    request: type[Request]
    fixed: tuple[tuple[str, Any], ...] = ()
    quick: quick.QuickParser | None = None
    needs: Capability | None = None
    offers: str | None = None
    answer: Answer = Answer.REPLY

    @property
    def is_word(self) -> bool:
        """Whether the prefix is a whole name, which no letter, digit, dot or dash may continue."""
        return self.prefix[:1] in b"qQv" and self.prefix[-1:].isalnum()

    def parse(self, body: bytes) -> Request:
        """The request that the packet makes with `body` behind its prefix.

        Raises:
            MalformedPacketError: The grammar does not allow the body.
        """
        if self.quick is not None and (request := self.quick(body)) is not None:
            return request
        return self.parse_by_grammar(body)

    def parse_by_grammar(self, body: bytes) -> Request:
        """As `parse`, by the grammar alone."""
        if self.grammar == "NOTHING" and not body:
            return self.request(**dict(self.fixed))
        grammars, construct_error = _construct()
        try:
            values = getattr(grammars, self.grammar).parse(body)
        except (construct_error, FramingError) as error:
            name = self.prefix.decode("ascii")
            msg = f"malformed {name} packet: {_first_line(error)}"
            raise MalformedPacketError(msg) from error
        given = {name: value for name, value in values.items() if not name.startswith("_") and value is not None}
        return self.request(**dict(self.fixed), **given)

    def build(self, request: Request) -> bytes:
        """The payload that makes `request`: the debugger's side, for tests and tools."""
        values = {one.name: getattr(request, one.name) for one in fields(request) if one.name not in dict(self.fixed)}
        body: bytes = getattr(_construct()[0], self.grammar).build(values)
        return self.prefix + body


def _construct() -> tuple[Any, type[Exception]]:
    """The grammars and construct's error; imported here because construct would double the package's import time."""
    from construct import ConstructError

    from protocol import grammars

    return grammars, ConstructError


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[-1] if lines else type(error).__name__


def prepare() -> None:
    """Import construct and build every grammar now, so that the first packet does not wait for it (30 ms)."""
    _construct()


def _point(digit: bytes, kind: BreakpointKind, needs: Capability, *, code: bool = False) -> tuple[Packet, Packet]:
    """The rows of `Z` and `z` with one type digit."""
    fixed = (("kind", kind),)
    insert, remove = quick.point(InsertBreakpoint, kind), quick.point(RemoveBreakpoint, kind)
    grammar = "POINT_WITH_CODE" if code else "POINT"
    return (
        Packet(prefix=b"Z" + digit, grammar=grammar, request=InsertBreakpoint, fixed=fixed, quick=insert, needs=needs),
        Packet(prefix=b"z" + digit, grammar="POINT", request=RemoveBreakpoint, fixed=fixed, quick=remove, needs=needs),
    )


PACKETS: Final[tuple[Packet, ...]] = (
    # session
    Packet(prefix=b"qSupported", grammar="FEATURES", request=Negotiate),
    Packet(prefix=b"QStartNoAckMode", grammar="NOTHING", request=StartNoAckMode, offers="QStartNoAckMode+"),
    Packet(prefix=b"QEnableErrorStrings", grammar="NOTHING", request=EnableErrorStrings),
    Packet(prefix=b"!", grammar="NOTHING", request=EnableExtendedMode, needs=Capability.RESTART),
    Packet(prefix=b"?", grammar="NOTHING", request=WhyStopped),
    Packet(prefix=b"D", grammar="PROCESS_AFTER_SEMICOLON", request=Detach),
    Packet(prefix=b"k", grammar="NOTHING", request=Kill, answer=Answer.NONE),
    Packet(prefix=b"vKill;", grammar="PROCESS", request=KillProcess, needs=Capability.PROCESSES),
    Packet(prefix=b"vAttach;", grammar="PROCESS", request=Attach, needs=Capability.PROCESSES),
    Packet(prefix=b"R", grammar="RESTART", request=Restart, needs=Capability.RESTART, answer=Answer.NONE),
    Packet(prefix=b"vRun", grammar="RUN", request=Run, needs=Capability.RESTART),
    Packet(prefix=b"qAttached", grammar="PROCESS_AFTER_COLON", request=IsAttached),
    Packet(
        prefix=b"qRcmd,",
        grammar="MONITOR",
        request=MonitorCommand,
        needs=Capability.MONITOR,
        answer=Answer.OUTPUT_AND_REPLY,
    ),
    Packet(prefix=b"qGDBServerVersion", grammar="NOTHING", request=ServerVersion, needs=Capability.SERVER_VERSION),
    Packet(prefix=b"qHostInfo", grammar="NOTHING", request=DescribeHost, needs=Capability.HOST_FACTS),
    Packet(prefix=b"qProcessInfo", grammar="NOTHING", request=DescribeProcess, needs=Capability.HOST_FACTS),
    Packet(
        prefix=b"qWatchpointSupportInfo:",
        grammar="NOTHING",
        request=CountWatchpoints,
        needs=Capability.HOST_FACTS,
    ),
    Packet(
        prefix=b"qMemoryRegionInfo:",
        grammar="ADDRESS",
        request=DescribeMemory,
        needs=Capability.HOST_FACTS,
    ),
    Packet(prefix=b"vCtrlC", grammar="NOTHING", request=InterruptTarget),
    # threads
    Packet(prefix=b"Hg", grammar="THREAD", request=SelectThread, quick=quick.thread(SelectThread)),
    Packet(prefix=b"Hc", grammar="THREAD", request=SelectResumeThread, quick=quick.thread(SelectResumeThread)),
    Packet(prefix=b"qC", grammar="NOTHING", request=GetCurrentThread),
    Packet(prefix=b"qfThreadInfo", grammar="NOTHING", request=ListThreads),
    Packet(prefix=b"qsThreadInfo", grammar="NOTHING", request=ListMoreThreads),
    Packet(prefix=b"qThreadExtraInfo,", grammar="THREAD", request=DescribeThread, quick=quick.thread(DescribeThread)),
    Packet(prefix=b"T", grammar="THREAD", request=IsThreadAlive, quick=quick.thread(IsThreadAlive)),
    # running
    Packet(prefix=b"vCont?", grammar="NOTHING", request=ListResumeActions, offers="vContSupported+"),
    Packet(prefix=b"vCont", grammar="ACTIONS", request=ResumeThreads, quick=quick.resume_threads, answer=Answer.STOP),
    Packet(prefix=b"c", grammar="RESUME", request=Continue, quick=quick.resume(Continue), answer=Answer.STOP),
    Packet(prefix=b"C", grammar="RESUME_WITH_SIGNAL", request=Continue, answer=Answer.STOP),
    Packet(prefix=b"s", grammar="RESUME", request=Step, quick=quick.resume(Step), answer=Answer.STOP),
    Packet(prefix=b"S", grammar="RESUME_WITH_SIGNAL", request=Step, answer=Answer.STOP),
    Packet(
        prefix=b"bc",
        grammar="NOTHING",
        request=ReverseContinue,
        needs=Capability.REVERSE,
        offers="ReverseContinue+",
        answer=Answer.STOP,
    ),
    Packet(
        prefix=b"bs",
        grammar="NOTHING",
        request=ReverseStep,
        needs=Capability.REVERSE,
        offers="ReverseStep+",
        answer=Answer.STOP,
    ),
    # registers and memory
    Packet(prefix=b"g", grammar="NOTHING", request=ReadRegisters),
    Packet(prefix=b"G", grammar="REGISTERS", request=WriteRegisters),
    Packet(prefix=b"p", grammar="REGISTER", request=ReadRegister, quick=quick.read_register),
    Packet(prefix=b"P", grammar="REGISTER_VALUE", request=WriteRegister),
    Packet(prefix=b"m", grammar="READ", request=ReadMemory, quick=quick.read_memory),
    Packet(prefix=b"M", grammar="WRITE", request=WriteMemory, quick=quick.write_memory),
    Packet(
        prefix=b"x",
        grammar="READ",
        request=ReadMemoryBinary,
        quick=quick.read_memory_binary,
        needs=Capability.BINARY_MEMORY,
        offers="binary-upload+",
    ),
    Packet(prefix=b"X", grammar="WRITE_BINARY", request=WriteMemory, needs=Capability.BINARY_MEMORY),
    Packet(prefix=b"qSearch:memory:", grammar="SEARCH", request=SearchMemory, needs=Capability.SEARCH),
    Packet(prefix=b"qCRC:", grammar="REGION", request=ChecksumMemory, needs=Capability.CHECKSUM),
    # documents
    Packet(
        prefix=b"qXfer:features:read:",
        grammar="DOCUMENT_PART",
        request=ReadDescription,
        needs=Capability.TARGET_DESCRIPTION,
        offers="qXfer:features:read+",
    ),
    Packet(
        prefix=b"qXfer:threads:read:",
        grammar="PART",
        request=ReadThreadDetails,
        needs=Capability.THREAD_DETAILS,
        offers="qXfer:threads:read+",
    ),
    Packet(
        prefix=b"qXfer:memory-map:read:",
        grammar="PART",
        request=ReadMemoryMap,
        needs=Capability.MEMORY_MAP,
        offers="qXfer:memory-map:read+",
    ),
    # QEMU's own
    Packet(prefix=b"qqemu.Supported", grammar="NOTHING", request=QemuSupported, needs=Capability.QEMU_STEP_MASK),
    Packet(prefix=b"qqemu.sstepbits", grammar="NOTHING", request=QemuStepBits, needs=Capability.QEMU_STEP_MASK),
    Packet(prefix=b"qqemu.sstep", grammar="NOTHING", request=QemuGetStepMask, needs=Capability.QEMU_STEP_MASK),
    Packet(prefix=b"Qqemu.sstep=", grammar="MASK", request=QemuSetStepMask, needs=Capability.QEMU_STEP_MASK),
    Packet(
        prefix=b"qqemu.PhyMemMode",
        grammar="NOTHING",
        request=QemuGetPhysicalMode,
        needs=Capability.QEMU_PHYSICAL_MEMORY,
    ),
    Packet(
        prefix=b"Qqemu.PhyMemMode:",
        grammar="SWITCH",
        request=QemuSetPhysicalMode,
        needs=Capability.QEMU_PHYSICAL_MEMORY,
    ),
    # Breakpoints and watchpoints.
    *_point(b"0", BreakpointKind.SOFTWARE, Capability.SOFTWARE_BREAKPOINTS, code=True),
    *_point(b"1", BreakpointKind.HARDWARE, Capability.HARDWARE_BREAKPOINTS, code=True),
    *_point(b"2", BreakpointKind.WRITE_WATCH, Capability.WATCHPOINTS),
    *_point(b"3", BreakpointKind.READ_WATCH, Capability.WATCHPOINTS),
    *_point(b"4", BreakpointKind.ACCESS_WATCH, Capability.WATCHPOINTS),
)
"""Every packet this side knows, `vMustReplyEmpty` not among them: it is the name no packet may ever have."""

_WORD_CHARACTERS: Final = b"._-"


class PacketTable:
    """The rows that a target's capabilities leave, ready for parsing.

    Args:
        capabilities: What the target can do.
        rows: The table; another order of the same rows makes no difference.
    """

    def __init__(self, capabilities: Collection[Capability], rows: Iterable[Packet] = PACKETS) -> None:
        known = [row for row in rows if row.needs is None or row.needs in capabilities]
        self.offers = tuple(sorted(row.offers for row in known if row.offers is not None))
        self._by_first: dict[int, list[tuple[bytes, bool, Packet]]] = {}
        for row in sorted(known, key=lambda row: len(row.prefix), reverse=True):
            self._by_first.setdefault(row.prefix[0], []).append((row.prefix, row.is_word, row))

    def find(self, payload: bytes) -> Packet | None:
        """The row that begins `payload`, which need not be well-formed; None for an unknown packet."""
        for prefix, is_word, row in self._by_first.get(payload[0], ()) if payload else ():
            if payload.startswith(prefix):
                following = payload[len(prefix) : len(prefix) + 1]
                if not is_word or not following or not (following.isalnum() or following in _WORD_CHARACTERS):
                    return row
        return None

    def parse(self, payload: bytes) -> tuple[Request, Answer]:
        """The request that a payload makes, and how it is answered; `UnknownPacket` when no row begins it.

        Raises:
            MalformedPacketError: A row begins it and its grammar does not allow the rest.
        """
        row = self.find(payload)
        if row is None:
            return UnknownPacket(payload), Answer.REPLY
        return row.parse(payload[len(row.prefix) :]), row.answer
