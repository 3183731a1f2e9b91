"""What a debugger can ask: one frozen class a packet, with the packet's fields as plain Python values.

Addresses and register numbers are non-negative and below 2**64; the lengths of memory reads are already cut to what one
reply can carry, which the protocol allows. Which packet makes which request is in `packets.py`. A class without fields
inherits all of `Request`: making a dataclass takes half a millisecond, and there are many.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from protocol.ids import ThreadId

MAX_READ = 0x10000
"""The longest read in bytes; its answer as hex digits fills a packet of the default size. Longer ones are cut to it."""


@dataclass(frozen=True, slots=True)
class Request:
    """Base of all requests."""


@dataclass(frozen=True, slots=True)
class UnknownPacket(Request):
    """A packet this side does not know, or whose capability is absent; the answer is `Empty`.

    Attributes:
        payload: The whole payload.
    """

    payload: bytes


# --- session ---


@dataclass(frozen=True, slots=True)
class Negotiate(Request):
    """`qSupported`: what the peer can do. Answered inside the session.

    Attributes:
        features: Each feature as written: `name+`, `name-`, `name?` or `name=value`.
    """

    features: tuple[str, ...]


class StartNoAckMode(Request):
    """`QStartNoAckMode`: no more `+` and `-`. Answered inside the session."""

    __slots__ = ()


class EnableErrorStrings(Request):
    """`QEnableErrorStrings` (LLDB's): errors may carry text as `Enn;hex`. Answered inside the session."""

    __slots__ = ()


class DescribeHost(Request):
    """`qHostInfo` (LLDB's): what kind of machine this is. Answer: `Facts`."""

    __slots__ = ()


class DescribeProcess(Request):
    """`qProcessInfo` (LLDB's): what kind of program runs on it. Answer: `Facts`."""

    __slots__ = ()


class CountWatchpoints(Request):
    """`qWatchpointSupportInfo:` (LLDB's): how many watchpoints there can be. Answer: `Facts`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class DescribeMemory(Request):
    """`qMemoryRegionInfo:address` (LLDB's): what is around an address. Answer: `Facts`."""

    address: int


class ListResumeActions(Request):
    """`vCont?`. Answered inside the session."""

    __slots__ = ()


class EnableExtendedMode(Request):
    """`!`: the connection outlives the program. Answer: `Ok`."""

    __slots__ = ()


class WhyStopped(Request):
    """`?`: why the target is halted; a debugger expects it to halt now, if it runs. Answer: a stop reply."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Detach(Request):
    """`D` and `D;pid`: the target goes on without the debugger. Answer: `Ok`.

    Attributes:
        process: The process to leave; None for all.
    """

    process: int | None = None


class Kill(Request):
    """`k`: end the target. It has no answer at all."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class KillProcess(Request):
    """`vKill;pid`. Answer: `Ok`, or `Error` for another process than ours."""

    process: int


@dataclass(frozen=True, slots=True)
class Attach(Request):
    """`vAttach;pid`. Answer: a stop reply."""

    process: int


class Restart(Request):
    """`R XX`: start the program again. It has no answer at all."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Run(Request):
    """`vRun;file;arg...`: start the program. Answer: a stop reply.

    Attributes:
        program: File name as sent; empty for the program at hand.
        arguments: The arguments as sent.
    """

    program: bytes
    arguments: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class IsAttached(Request):
    """`qAttached[:pid]`: was the target there before the debugger? Answer: `Attached`."""

    process: int | None = None


@dataclass(frozen=True, slots=True)
class MonitorCommand(Request):
    """`qRcmd`: a command line for the target's monitor.

    Answer: any number of `ConsoleOutput`, then `Ok` (or one `Data` with the output, or an error).

    Attributes:
        line: The command, decoded as UTF-8 with replacement of what is not.
    """

    line: str


class ServerVersion(Request):
    """`qGDBServerVersion`. Answer: `Text("name:...;version:...;")`."""

    __slots__ = ()


class InterruptTarget(Request):
    """`vCtrlC`: an interrupt in the form of a packet; when it arrives here the target is halted. Answer: `Ok`."""

    __slots__ = ()


# --- threads ---


@dataclass(frozen=True, slots=True)
class SelectThread(Request):
    """`Hg tid`: the thread whose registers and memory the next packets mean. Answer: `Ok` or `Error`."""

    thread: ThreadId


@dataclass(frozen=True, slots=True)
class SelectResumeThread(Request):
    """`Hc tid`: the thread that `c` and `s` resume. Answer: `Ok` or `Error`."""

    thread: ThreadId


class GetCurrentThread(Request):
    """`qC`. Answer: `CurrentThread`."""

    __slots__ = ()


class ListThreads(Request):
    """`qfThreadInfo`. Answer: `ThreadList`."""

    __slots__ = ()


class ListMoreThreads(Request):
    """`qsThreadInfo`. Answer: `ThreadList`, or `ThreadListEnd` after the last thread."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class DescribeThread(Request):
    """`qThreadExtraInfo,tid`: words about one thread. Answer: `Data` with the text."""

    thread: ThreadId


@dataclass(frozen=True, slots=True)
class IsThreadAlive(Request):
    """`T tid`. Answer: `Ok` or `Error`."""

    thread: ThreadId


# --- running ---


class ActionKind(Enum):
    """What one action of `vCont` does to a thread; the values are the letters on the wire."""

    CONTINUE = "c"
    CONTINUE_WITH_SIGNAL = "C"
    STEP = "s"
    STEP_WITH_SIGNAL = "S"
    STOP = "t"
    STEP_IN_RANGE = "r"


@dataclass(frozen=True, slots=True)
class ResumeAction:
    """One action of `vCont`.

    Attributes:
        kind: What to do.
        thread: To which threads; None for all that no earlier action names.
        signal: Signal to deliver, for the two kinds that have one.
        start: First address of the range to step in.
        end: First address after the range.
    """

    kind: ActionKind
    thread: ThreadId | None = None
    signal: int = 0
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class ResumeThreads(Request):
    """`vCont;action[:tid]...`. Answer: a stop reply, when the target stops."""

    actions: tuple[ResumeAction, ...]

    def action_for(self, thread: ThreadId) -> ResumeAction | None:
        """The action that `thread` takes (the leftmost that fits it); None leaves it halted."""
        for action in self.actions:
            if action.thread is None or action.thread.matches(thread):
                return action
        return None


@dataclass(frozen=True, slots=True)
class Continue(Request):
    """`c [addr]` and `C sig[;addr]`. Answer: a stop reply, when the target stops.

    Attributes:
        address: Where to go on; None for where the thread is.
        signal: Signal to deliver, 0 for none.
    """

    address: int | None = None
    signal: int = 0


@dataclass(frozen=True, slots=True)
class Step(Request):
    """`s [addr]` and `S sig[;addr]`. Answer: a stop reply. Attributes as of `Continue`."""

    address: int | None = None
    signal: int = 0


class ReverseContinue(Request):
    """`bc`. Answer: a stop reply."""

    __slots__ = ()


class ReverseStep(Request):
    """`bs`. Answer: a stop reply."""

    __slots__ = ()


# --- registers and memory ---


class ReadRegisters(Request):
    """`g`. Answer: `Data`, or `Registers` where some have no value."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class WriteRegisters(Request):
    """`G data`: all the registers of `g`, in target byte order. Answer: `Ok`."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ReadRegister(Request):
    """`p n`. Answer: `Data`."""

    number: int


@dataclass(frozen=True, slots=True)
class WriteRegister(Request):
    """`P n=data`: one register in target byte order; the length is the handler's to check. Answer: `Ok`."""

    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ReadMemory(Request):
    """`m addr,length`. Answer: `Data`, shorter than asked when only a prefix can be read."""

    address: int
    length: int


@dataclass(frozen=True, slots=True)
class ReadMemoryBinary(Request):
    """`x addr,length`. Answer: `BinaryData`, shorter than asked when only a prefix can be read."""

    address: int
    length: int


@dataclass(frozen=True, slots=True)
class WriteMemory(Request):
    """`M addr,length:hex` and `X addr,length:binary`; `data` may be empty, which is a probe. Answer: `Ok`."""

    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class SearchMemory(Request):
    """`qSearch:memory:addr;length;pattern`. Answer: `SearchResult`.

    Attributes:
        address: Where the search begins.
        length: How many bytes to look through; any 64-bit number.
        pattern: The bytes to find, not empty.
    """

    address: int
    length: int
    pattern: bytes


@dataclass(frozen=True, slots=True)
class ChecksumMemory(Request):
    """`qCRC:addr,length`. Answer: `Checksum`; `length` may be any 64-bit number."""

    address: int
    length: int


# --- breakpoints ---


class BreakpointKind(Enum):
    """The types of `Z` packets; the values are the digits on the wire."""

    SOFTWARE = 0
    HARDWARE = 1
    WRITE_WATCH = 2
    READ_WATCH = 3
    ACCESS_WATCH = 4


@dataclass(frozen=True, slots=True)
class InsertBreakpoint(Request):
    """`Z type,addr,kind[;conditions][;cmds:persist,commands]`. Answer: `Ok`.

    Attributes:
        kind: Which type of breakpoint.
        address: Its address.
        length: Bytes watched, or for the two breakpoints the length of the instruction to replace; may be any number.
        conditions: Agent expressions: stop only if one of them is not 0.
        commands: Agent expressions to run at each hit.
        persistent: Whether the commands go on after the debugger has left.
    """

    kind: BreakpointKind
    address: int
    length: int
    conditions: tuple[bytes, ...] = ()
    commands: tuple[bytes, ...] = ()
    persistent: bool = False


@dataclass(frozen=True, slots=True)
class RemoveBreakpoint(Request):
    """`z type,addr,kind`. Answer: `Ok`."""

    kind: BreakpointKind
    address: int
    length: int


# --- documents ---


@dataclass(frozen=True, slots=True)
class ReadDescription(Request):
    """`qXfer:features:read:annex:offset,length`. Answer: `XferChunk`, or `Error` for an annex that is not there."""

    annex: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class ReadThreadDetails(Request):
    """`qXfer:threads:read::offset,length`. Answer: `XferChunk`."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class ReadMemoryMap(Request):
    """`qXfer:memory-map:read::offset,length`. Answer: `XferChunk`."""

    offset: int
    length: int


# --- QEMU's own ---


class QemuSupported(Request):
    """`qqemu.Supported`. Answer: `Text("sstepbits;sstep;PhyMemMode")` with what there is."""

    __slots__ = ()


class QemuStepBits(Request):
    """`qqemu.sstepbits`. Answer: `Text("ENABLE=1,NOIRQ=2,NOTIMER=4")`."""

    __slots__ = ()


class QemuGetStepMask(Request):
    """`qqemu.sstep`. Answer: `Text("0x7")`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class QemuSetStepMask(Request):
    """`Qqemu.sstep=hex`. Answer: `Ok`."""

    mask: int


class QemuGetPhysicalMode(Request):
    """`qqemu.PhyMemMode`. Answer: `Text("0")` or `Text("1")`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class QemuSetPhysicalMode(Request):
    """`Qqemu.PhyMemMode:0|1`. Answer: `Ok`."""

    enabled: bool
