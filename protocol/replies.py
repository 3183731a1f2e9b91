"""What a handler can answer: one frozen class a kind of reply. Framing, escaping and run length are not theirs."""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias, assert_never

from protocol.errors import EINVAL, LocalProtocolError
from protocol.features import Peer
from protocol.framing import escape, sanitise
from protocol.ids import ThreadId
from protocol.requests import BreakpointKind


@dataclass(frozen=True, slots=True)
class Reply:
    """Base of all replies."""

    final: ClassVar[bool] = True
    """Whether the reply answers the request; console output comes before the answer."""

    clean: ClassVar[bool] = False
    """Whether a payload of this kind cannot hold a byte that framing would misread."""

    def payload(self, peer: Peer) -> bytes:
        """The reply as it is before framing, in the form that `peer` understands."""
        return b""

    def parts(self, limit: int) -> Iterable[Reply]:
        """The packets that the reply goes in; all but console output go in one, whatever the `limit` of bytes."""
        return (self,)


class Ok(Reply):
    """`OK`."""

    __slots__ = ()

    def payload(self, peer: Peer) -> bytes:
        return b"OK"


class Empty(Reply):
    """The empty reply: this side does not know the packet."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Error(Reply):
    """`Enn`.

    Attributes:
        errno: 1 to 99; its decimal digits are sent, as QEMU does (`E14` for EFAULT).
    """

    errno: int = EINVAL

    def payload(self, peer: Peer) -> bytes:
        return _error(self.errno)


@dataclass(frozen=True, slots=True)
class ErrorText(Reply):
    """`E.text` or `Enn;hex` to a peer that understands it, `Enn` to the others.

    Attributes:
        message: What went wrong, for a person; characters that cannot be sent are replaced.
        errno: As of `Error`.
        always: `E.text` whatever the peer understands: GDB shows an answer that it does not understand.
    """

    message: str
    errno: int = EINVAL
    always: bool = False

    def payload(self, peer: Peer) -> bytes:
        if peer.error_text or self.always:
            return b"E." + sanitise(self.message)
        number = _error(self.errno)
        return number + b";" + hexlify(self.message.encode("utf-8")) if peer.error_strings else number


@dataclass(frozen=True, slots=True)
class Data(Reply):
    """Bytes as hex digits: registers (`g`, `p`), memory (`m`), text (`qThreadExtraInfo`, `qRcmd`)."""

    clean: ClassVar[bool] = True
    data: bytes

    def payload(self, peer: Peer) -> bytes:
        return hexlify(self.data)


@dataclass(frozen=True, slots=True)
class Registers(Reply):
    """The answer to `g` where some registers have no value: `xx` for each of their bytes.

    Attributes:
        values: In the order of `g`: the bytes of a register, or the size in bytes of one without a value.
    """

    values: tuple[bytes | int, ...]

    def payload(self, peer: Peer) -> bytes:
        return b"".join(b"xx" * value if isinstance(value, int) else hexlify(value) for value in self.values)


@dataclass(frozen=True, slots=True)
class BinaryData(Reply):
    """Memory in the binary form of `x`: `b` and the escaped bytes."""

    data: bytes

    def payload(self, peer: Peer) -> bytes:
        return b"b" + escape(self.data)


@dataclass(frozen=True, slots=True)
class Text(Reply):
    """Plain text; characters that framing would misread are replaced."""

    text: str

    def payload(self, peer: Peer) -> bytes:
        return sanitise(self.text)


@dataclass(frozen=True, slots=True)
class Facts(Reply):
    """`key:value;...`: LLDB's form of a record.

    Attributes:
        facts: Key and value, each as it is written; texts that LLDB takes as hex digits are given as bytes.
    """

    facts: tuple[tuple[str, str | bytes], ...]

    def payload(self, peer: Peer) -> bytes:
        pairs = ((key, value if isinstance(value, str) else value.hex()) for key, value in self.facts)
        return "".join(f"{key}:{value};" for key, value in pairs).encode("ascii")


@dataclass(frozen=True, slots=True)
class ConsoleOutput(Reply):
    """`O hex`: text for the debugger's console, before the answer to `qRcmd` or while the target runs."""

    final: ClassVar[bool] = False
    data: bytes

    def payload(self, peer: Peer) -> bytes:
        return b"O" + hexlify(self.data)

    def parts(self, limit: int) -> Iterable[Reply]:
        step = max(1, limit // 2 - 1)
        return [ConsoleOutput(self.data[start : start + step]) for start in range(0, len(self.data), step)]


@dataclass(frozen=True, slots=True)
class CurrentThread(Reply):
    """`QC tid`."""

    thread: ThreadId

    def payload(self, peer: Peer) -> bytes:
        return f"QC{self.thread.text(multiprocess=peer.multiprocess)}".encode("ascii")


@dataclass(frozen=True, slots=True)
class ThreadList(Reply):
    """`m tid,tid...`: a part of the list of threads, not empty."""

    threads: tuple[ThreadId, ...]

    def payload(self, peer: Peer) -> bytes:
        return b"m" + ",".join(one.text(multiprocess=peer.multiprocess) for one in self.threads).encode("ascii")


class ThreadListEnd(Reply):
    """`l`: no more threads."""

    __slots__ = ()

    def payload(self, peer: Peer) -> bytes:
        return b"l"


@dataclass(frozen=True, slots=True)
class Attached(Reply):
    """`1` if the target was there before the debugger (it detaches at the end), `0` if not (it kills)."""

    existed: bool = True

    def payload(self, peer: Peer) -> bytes:
        return b"1" if self.existed else b"0"


@dataclass(frozen=True, slots=True)
class XferChunk(Reply):
    """A part of a document: `m` or, when it is the last, `l`, and the escaped bytes."""

    data: bytes
    last: bool

    @classmethod
    def of(cls, document: bytes, offset: int, length: int) -> XferChunk:
        """The part of `document` that a `qXfer` request asks for; empty and last beyond its end."""
        return cls(document[offset : offset + length], last=offset + length >= len(document))

    def payload(self, peer: Peer) -> bytes:
        return (b"l" if self.last else b"m") + escape(self.data)


@dataclass(frozen=True, slots=True)
class SearchResult(Reply):
    """`1,addr` or, with None, `0`: where the pattern was found."""

    address: int | None

    def payload(self, peer: Peer) -> bytes:
        return b"0" if self.address is None else b"1,%x" % self.address


@dataclass(frozen=True, slots=True)
class Checksum(Reply):
    """`C crc`: a CRC-32 in GDB's form, as the caller computed it."""

    value: int

    def payload(self, peer: Peer) -> bytes:
        return b"C%x" % (self.value & 0xFFFFFFFF)


# --- stops ---


@dataclass(frozen=True, slots=True)
class SoftwareBreak:
    """A `Z0` breakpoint was hit."""


@dataclass(frozen=True, slots=True)
class HardwareBreak:
    """A `Z1` breakpoint was hit."""


@dataclass(frozen=True, slots=True)
class WatchHit:
    """A watchpoint was hit.

    Attributes:
        kind: One of the three watch kinds.
        address: An address in the range as the debugger inserted it, so that it finds its own watchpoint.
    """

    kind: BreakpointKind
    address: int


@dataclass(frozen=True, slots=True)
class HistoryEnd:
    """Execution reached an end of the recorded history.

    Attributes:
        at_start: The oldest moment rather than the newest.
    """

    at_start: bool


StopReason: TypeAlias = SoftwareBreak | HardwareBreak | WatchHit | HistoryEnd


@dataclass(frozen=True, slots=True)
class StopReply(Reply):
    """`T`: the target has stopped.

    Attributes:
        signal: GDB's signal number: 5 for breakpoints, watchpoints and steps, 2 for an interrupt.
        thread: The thread that stopped.
        core: The processor it ran on.
        reason: Why, when there is more to say than the signal; left out if the peer would not understand it.
        registers: Register number and value in target byte order, sent along to save the peer a question.
    """

    signal: int
    thread: ThreadId | None = None
    core: int | None = None
    reason: StopReason | None = None
    registers: tuple[tuple[int, bytes], ...] = ()

    def payload(self, peer: Peer) -> bytes:
        text = "".join([f"{number:02x}:{value.hex()};" for number, value in self.registers])
        if self.thread is not None:
            text += f"thread:{self.thread.text(multiprocess=peer.multiprocess)};"
        if self.core is not None:
            text += f"core:{self.core:x};"
        if self.reason is not None:
            text += _reason(self.reason, peer)
        return f"T{self.signal:02x}{text}".encode("ascii")


@dataclass(frozen=True, slots=True)
class Exited(Reply):
    """`W`: the program ended by itself with a status of 0 to 255."""

    status: int
    process: int = 1

    def payload(self, peer: Peer) -> bytes:
        return _ending(b"W", self.status, self.process, peer)


@dataclass(frozen=True, slots=True)
class Killed(Reply):
    """`X`: the program was ended by a signal."""

    signal: int
    process: int = 1

    def payload(self, peer: Peer) -> bytes:
        return _ending(b"X", self.signal, self.process, peer)


_WATCH_KEYS: Final = {
    BreakpointKind.WRITE_WATCH: "watch",
    BreakpointKind.READ_WATCH: "rwatch",
    BreakpointKind.ACCESS_WATCH: "awatch",
}


def _reason(reason: StopReason, peer: Peer) -> str:
    """The key of a stop reply that says why; GDB drops the connection at a break key it did not offer."""
    match reason:
        case SoftwareBreak():
            return "swbreak:;" if peer.software_breaks else ""
        case HardwareBreak():
            return "hwbreak:;" if peer.hardware_breaks else ""
        case WatchHit(kind=kind, address=address):
            return f"{_WATCH_KEYS[kind]}:{address:x};"
        case HistoryEnd(at_start=at_start):
            return f"replaylog:{'begin' if at_start else 'end'};"
        case unexpected:
            assert_never(unexpected)


def _ending(letter: bytes, number: int, process: int, peer: Peer) -> bytes:
    ending = letter + b"%02x" % (number & 0xFF)
    return ending + b";process:%x" % process if peer.multiprocess else ending


def _error(errno: int) -> bytes:
    if not 0 < errno < 100:
        msg = f"error number {errno} does not fit two digits"
        raise LocalProtocolError(msg)
    return b"E%02d" % errno
