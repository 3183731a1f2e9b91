"""What follows the prefix of each packet: one construct grammar a shape. `packets.py` names them in its rows.

Every grammar ends with `Terminated`: bytes after a complete body make a packet malformed. A name with an underscore in
front is not a field of the request.
"""

from __future__ import annotations

from typing import Any

from construct import (
    Adapter,
    Check,
    Const,
    Construct,
    FocusedSeq,
    GreedyRange,
    If,
    Optional,
    Rebuild,
    Struct,
    Terminated,
    len_,
    this,
)

from protocol.fields import (
    ActionLetter,
    Annex,
    BinaryData,
    Expressions,
    FeatureList,
    Flag,
    HexData,
    HexNumber,
    HexText,
    ReadLength,
    Signal,
    ThreadField,
)
from protocol.requests import ActionKind, ResumeAction


class Actions(Adapter):  # type: ignore[misc]
    """The actions of `vCont` as the requests' own class, at least one."""

    def _decode(self, obj: Any, context: Any, path: str) -> tuple[ResumeAction, ...]:
        names = ("kind", "thread", "signal", "start", "end")
        return tuple(ResumeAction(**{name: one[name] for name in names if one[name] is not None}) for one in obj)

    def _encode(self, obj: tuple[ResumeAction, ...], context: Any, path: str) -> list[dict[str, Any]]:
        names = ("kind", "thread", "signal", "start", "end")
        return [{name: getattr(one, name) for name in names} for one in obj]


class Arguments(Adapter):  # type: ignore[misc]
    """A repeated field as a tuple."""

    def _decode(self, obj: Any, context: Any, path: str) -> tuple[Any, ...]:
        return tuple(obj)

    def _encode(self, obj: tuple[Any, ...], context: Any, path: str) -> list[Any]:
        return list(obj)


def _after(mark: bytes, field: Construct) -> Construct:
    """A field behind a separator."""
    return FocusedSeq("value", Const(mark), "value" / field)


def _with_signal(context: Any) -> bool:
    return context.kind in (ActionKind.CONTINUE_WITH_SIGNAL, ActionKind.STEP_WITH_SIGNAL)


def _in_range(context: Any) -> bool:
    return context.kind is ActionKind.STEP_IN_RANGE


def _has_commands(context: Any) -> bool:
    return bool(context.commands) if context._building else context.persistent is not None


_ACTION = Struct(
    Const(b";"),
    "kind" / ActionLetter(),
    "signal" / If(_with_signal, Signal()),
    "start" / If(_in_range, HexNumber()),
    "end" / If(_in_range, _after(b",", HexNumber())),
    "thread" / Optional(_after(b":", ThreadField())),
)

NOTHING = Struct(Terminated)
FEATURES = Struct(Optional(Const(b":")), "features" / FeatureList(), Terminated)
# LLDB writes a process id with 16 digits.
PROCESS = Struct("process" / HexNumber(), Terminated)
PROCESS_AFTER_SEMICOLON = Struct("process" / Optional(_after(b";", HexNumber())), Terminated)
PROCESS_AFTER_COLON = Struct("process" / Optional(_after(b":", HexNumber())), Terminated)
RESTART = Struct(Optional(HexNumber(8)), Terminated)
RUN = Struct(
    "program" / _after(b";", HexData()), "arguments" / Arguments(GreedyRange(_after(b";", HexData()))), Terminated
)
ADDRESS = Struct("address" / HexNumber(), Terminated)
MONITOR = Struct("line" / HexText(), Terminated)
THREAD = Struct("thread" / ThreadField(), Terminated)
ACTIONS = Struct("actions" / Actions(GreedyRange(_ACTION)), Check(len_(this.actions) > 0), Terminated)
RESUME = Struct("address" / Optional(HexNumber()), Terminated)
RESUME_WITH_SIGNAL = Struct("signal" / Signal(), "address" / Optional(_after(b";", HexNumber())), Terminated)
REGISTERS = Struct("data" / HexData(least=1), Terminated)
REGISTER = Struct("number" / HexNumber(), Terminated)
REGISTER_VALUE = Struct("number" / HexNumber(), "data" / _after(b"=", HexData(least=1)), Terminated)
READ = Struct("address" / HexNumber(), "length" / _after(b",", ReadLength()), Terminated)
REGION = Struct("address" / HexNumber(), "length" / _after(b",", HexNumber()), Terminated)
WRITE = Struct(
    "address" / HexNumber(),
    "_length" / Rebuild(_after(b",", HexNumber()), len_(this.data)),
    "data" / _after(b":", HexData()),
    Check(len_(this.data) == this._length),
    Terminated,
)
WRITE_BINARY = Struct(
    "address" / HexNumber(),
    "_length" / Rebuild(_after(b",", HexNumber()), len_(this.data)),
    "data" / _after(b":", BinaryData()),
    Check(len_(this.data) == this._length),
    Terminated,
)
SEARCH = Struct(
    "address" / HexNumber(),
    "length" / _after(b";", HexNumber()),
    "pattern" / _after(b";", BinaryData()),
    Check(len_(this.pattern) > 0),
    Terminated,
)
POINT = Struct("address" / _after(b",", HexNumber()), "length" / _after(b",", HexNumber()), Terminated)
POINT_WITH_CODE = Struct(
    "address" / _after(b",", HexNumber()),
    "length" / _after(b",", HexNumber()),
    "conditions" / Optional(_after(b";", Expressions())),
    "persistent" / If(lambda context: context._parsing or context.commands, Optional(_after(b";cmds:", Flag()))),
    "commands" / If(_has_commands, _after(b",", Expressions())),
    Terminated,
)
DOCUMENT_PART = Struct(
    "annex" / Annex(), "offset" / _after(b":", HexNumber()), "length" / _after(b",", ReadLength()), Terminated
)
PART = Struct("offset" / _after(b":", HexNumber()), "length" / _after(b",", ReadLength()), Terminated)
MASK = Struct("mask" / HexNumber(32), Terminated)
SWITCH = Struct("enabled" / Flag(), Terminated)
