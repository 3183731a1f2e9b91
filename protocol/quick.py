"""Parsers without construct for packets that debuggers send in loops; a grammar takes 20 to 60 µs, these take 1 to 3.

A quick parser knows the common form of its packet. It gives None for everything else, which the row's grammar then
parses or
refuses: so it can add no syntax of its own, and a property test holds the two against each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from protocol.ids import ThreadId
from protocol.requests import (
    MAX_READ,
    ActionKind,
    BreakpointKind,
    Continue,
    DescribeThread,
    InsertBreakpoint,
    IsThreadAlive,
    ReadMemory,
    ReadMemoryBinary,
    ReadRegister,
    RemoveBreakpoint,
    Request,
    ResumeAction,
    ResumeThreads,
    SelectResumeThread,
    SelectThread,
    Step,
    WriteMemory,
)

QuickParser: TypeAlias = Callable[[bytes], Request | None]
"""The body of a packet, without its prefix, to the request; None leaves the packet to the grammar."""

_NUMBER = re.compile(rb"[0-9a-fA-F]{1,16}")
_PAIR = re.compile(rb"([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,16})")
_POINT = re.compile(rb",([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,16})")
_HEX_WRITE = re.compile(rb"([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,16}):((?:[0-9a-fA-F]{2})*)")
_THREAD = re.compile(rb"(?:p([0-9a-fA-F]{1,8})\.)?(-1|[0-9a-fA-F]{1,8})")
_ACTION = re.compile(
    rb";(?:([cst])|r([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,16}))(?::(?:p([0-9a-fA-F]{1,8})\.)?(-1|[0-9a-fA-F]{1,8}))?(?=;|\Z)"
)
_KINDS = {b"c": ActionKind.CONTINUE, b"s": ActionKind.STEP, b"t": ActionKind.STOP}


def read_memory(body: bytes) -> Request | None:
    """`m`."""
    match = _PAIR.fullmatch(body)
    return ReadMemory(int(match[1], 16), min(int(match[2], 16), MAX_READ)) if match else None


def read_memory_binary(body: bytes) -> Request | None:
    """`x`."""
    match = _PAIR.fullmatch(body)
    return ReadMemoryBinary(int(match[1], 16), min(int(match[2], 16), MAX_READ)) if match else None


def write_memory(body: bytes) -> Request | None:
    """`M`."""
    match = _HEX_WRITE.fullmatch(body)
    if match is None or len(match[3]) != 2 * int(match[2], 16):
        return None
    return WriteMemory(int(match[1], 16), bytes.fromhex(match[3].decode("ascii")))


def read_register(body: bytes) -> Request | None:
    """`p`."""
    return ReadRegister(int(body, 16)) if _NUMBER.fullmatch(body) else None


def resume(request: type[Continue | Step]) -> QuickParser:
    """`c` and `s` without an address."""
    here = request()
    return lambda body: None if body else here


def _thread(body: bytes) -> ThreadId | None:
    match = _THREAD.fullmatch(body)
    if match is None:
        return None
    return ThreadId(int(match[2], 16), int(match[1], 16) if match[1] else None)


def thread(request: type[SelectThread | SelectResumeThread | IsThreadAlive | DescribeThread]) -> QuickParser:
    """`Hg`, `Hc`, `T` and `qThreadExtraInfo`."""

    def parse(body: bytes) -> Request | None:
        named = _thread(body)
        return request(named) if named else None

    return parse


def resume_threads(body: bytes) -> Request | None:
    """`vCont` with `c`, `s`, `t` and `r`."""
    actions = []
    position = 0
    while position < len(body):
        match = _ACTION.match(body, position)
        if match is None:
            return None
        letter, start, end, process, number = match.groups()
        named = ThreadId(int(number, 16), int(process, 16) if process else None) if number else None
        if letter:
            actions.append(ResumeAction(_KINDS[letter], named))
        else:
            actions.append(ResumeAction(ActionKind.STEP_IN_RANGE, named, 0, int(start, 16), int(end, 16)))
        position = match.end()
    return ResumeThreads(tuple(actions)) if actions else None


def point(request: type[InsertBreakpoint | RemoveBreakpoint], kind: BreakpointKind) -> QuickParser:
    """`Z` and `z` without conditions and commands."""

    def parse(body: bytes) -> Request | None:
        match = _POINT.fullmatch(body)
        return request(kind, int(match[1], 16), int(match[2], 16)) if match else None

    return parse
