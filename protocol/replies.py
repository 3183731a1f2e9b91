"""What a handler can answer: one frozen class a kind of reply. Framing, escaping and run length are not theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from protocol.errors import EINVAL
from protocol.features import Peer
from protocol.ids import ThreadId
from protocol.requests import BreakpointKind


@dataclass(frozen=True, slots=True)
class Reply:
    """Base of all replies."""

    final: ClassVar[bool] = True
    """Whether the reply answers the request; console output comes before the answer."""

    def payload(self, peer: Peer) -> bytes:
        """The reply as it is before framing, in the form that `peer` understands."""
        return b""


@dataclass(frozen=True, slots=True)
class Ok(Reply):
    """`OK`."""


@dataclass(frozen=True, slots=True)
class Empty(Reply):
    """The empty reply: this side does not know the packet."""


@dataclass(frozen=True, slots=True)
class Error(Reply):
    """`Enn`.

    Attributes:
        errno: 1 to 99; its decimal digits are sent, as QEMU does (`E14` for EFAULT).
    """

    errno: int = EINVAL


@dataclass(frozen=True, slots=True)
class ErrorText(Reply):
    """`E.text` to a peer that understands it, `Enn` to the others.

    Attributes:
        message: What went wrong, for a person; characters that cannot be sent are replaced.
        errno: As of `Error`.
    """

    message: str
    errno: int = EINVAL


@dataclass(frozen=True, slots=True)
class Data(Reply):
    """Bytes as hex digits: registers (`g`, `p`), memory (`m`), text (`qThreadExtraInfo`, `qRcmd`)."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Registers(Reply):
    """The answer to `g` where some registers have no value: `xx` for each of their bytes.

    Attributes:
        values: In the order of `g`: the bytes of a register, or the size in bytes of one without a value.
    """

    values: tuple[bytes | int, ...]


@dataclass(frozen=True, slots=True)
class BinaryData(Reply):
    """Memory in the binary form of `x`: `b` and the escaped bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Text(Reply):
    """Plain text; characters that framing would misread are replaced."""

    text: str


@dataclass(frozen=True, slots=True)
class ConsoleOutput(Reply):
    """`O hex`: text for the debugger's console, before the answer to `qRcmd` or while the target runs."""

    final: ClassVar[bool] = False
    data: bytes


@dataclass(frozen=True, slots=True)
class CurrentThread(Reply):
    """`QC tid`."""

    thread: ThreadId


@dataclass(frozen=True, slots=True)
class ThreadList(Reply):
    """`m tid,tid...`: a part of the list of threads, not empty."""

    threads: tuple[ThreadId, ...]


@dataclass(frozen=True, slots=True)
class ThreadListEnd(Reply):
    """`l`: no more threads."""


@dataclass(frozen=True, slots=True)
class Attached(Reply):
    """`1` if the target was there before the debugger (it detaches at the end), `0` if not (it kills)."""

    existed: bool = True


@dataclass(frozen=True, slots=True)
class XferChunk(Reply):
    """A part of a document: `m` or, when it is the last, `l`, and the escaped bytes."""

    data: bytes
    last: bool

    @classmethod
    def of(cls, document: bytes, offset: int, length: int) -> XferChunk:
        """The part of `document` that a `qXfer` request asks for; empty and last beyond its end."""
        return cls(document[offset : offset + length], last=offset + length >= len(document))


@dataclass(frozen=True, slots=True)
class SearchResult(Reply):
    """`1,addr` or, with None, `0`: where the pattern was found."""

    address: int | None


@dataclass(frozen=True, slots=True)
class Checksum(Reply):
    """`C crc`: a CRC-32 in GDB's form, as the caller computed it."""

    value: int


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


@dataclass(frozen=True, slots=True)
class Exited(Reply):
    """`W`: the program ended by itself with a status of 0 to 255."""

    status: int
    process: int = 1


@dataclass(frozen=True, slots=True)
class Killed(Reply):
    """`X`: the program was ended by a signal."""

    signal: int
    process: int = 1
