"""GDB/MI output as typed records: one line in, one record out. The grammar itself is pygdbmi's `gdbmiparser`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from pygdbmi import gdbmiparser

Value: TypeAlias = "str | Sequence[Value] | Mapping[str, Value]"
"""What MI can say: a string, a list or a tuple of named values. Numbers travel as strings."""

Fields: TypeAlias = Mapping[str, Value]

Channel: TypeAlias = Literal["console", "log", "target"]


class MiError(Exception):
    """Raised when GDB's output does not have the shape that MI promises."""


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one command (`^done`, `^running`, `^connected`, `^error`, `^exit`)."""

    token: int | None
    outcome: str
    fields: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that GDB tells unasked: an execution (`*stopped`) or a notification record (`=thread-created`)."""

    name: str
    fields: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Text:
    """Text for a person: of a CLI command (`~`), of GDB's log (`&`) or of the target, which `monitor` uses (`@`)."""

    channel: Channel
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """GDB is ready for the next command."""


@dataclass(frozen=True, slots=True)
class Stray:
    """A line that is not MI, for example what an inferior or a dynamic linker wrote to GDB's own output."""

    text: str


Record: TypeAlias = "Result | Notice | Text | Prompt | Stray"


def parse(line: str) -> Record:
    """Parse one line of MI output, given without its line end."""
    raw = cast("dict[str, Any]", gdbmiparser.parse_response(line))
    payload = raw["payload"]
    match raw["type"]:
        case "result":
            return Result(raw["token"], raw["message"], payload or {})
        case "notify":
            return Notice(raw["message"], payload or {})
        case "console" | "log" | "target" as channel:
            return Text(channel, payload)
        case "done":
            return Prompt()
        case _:
            return Stray(payload)


def text_of(fields: Fields, key: str) -> str | None:
    """The string under `key`, or None when it is absent.

    GDB repeats a key now and then (two reasons for one stop); the first one is meant.
    """
    value = fields.get(key)
    while isinstance(value, Sequence) and not isinstance(value, str):
        value = value[0] if value else None
    if value is None or isinstance(value, str):
        return value
    raise MiError(f"MI field {key!r} holds {value!r} where a string was expected")


def number_of(fields: Fields, key: str) -> int | None:
    """The integer under `key`, decimal or 0x hexadecimal; None when it is absent."""
    text = text_of(fields, key)
    return None if text is None else int(text, 0)


def fields_of(fields: Fields, key: str) -> Fields | None:
    """The tuple under `key`, or None when it is absent."""
    value = fields.get(key)
    if value is None or isinstance(value, Mapping):
        return value
    raise MiError(f"MI field {key!r} holds {value!r} where a tuple was expected")


def rows_of(fields: Fields, key: str) -> list[Fields]:
    """The tuples in the list under `key`; empty when it is absent."""
    return [row for row in _list(fields, key) if isinstance(row, Mapping)]


def texts_of(fields: Fields, key: str) -> list[str]:
    """The strings in the list under `key`; empty when it is absent."""
    return [text for text in _list(fields, key) if isinstance(text, str)]


def _list(fields: Fields, key: str) -> Sequence[Value]:
    value = fields.get(key, [])
    if isinstance(value, (str, Mapping)):
        raise MiError(f"MI field {key!r} holds {value!r} where a list was expected")
    return value


def quote(text: str) -> str:
    """`text` as an MI c-string, as commands take their parameters."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
