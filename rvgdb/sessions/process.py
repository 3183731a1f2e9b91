"""A GDB process that speaks MI, as a trio task: commands in, answers and stops out.

One task reads GDB's output for as long as it lives and sorts it: answers to the command that waits for one, stops into
a queue, text for a person to the command during which it appeared.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from math import inf
from typing import Final

import trio

from rvgdb.sessions.background import beside
from rvgdb.sessions.errors import CommandFailed, DebuggerGone
from rvgdb.sessions.mi import Channel, Fields, Notice, Result, Text, parse, text_of
from rvgdb.sessions.stops import Stop, stop_from
from rvgdb.sessions.transcript import Transcript, time_limit

GDB_NAMES: Final = ("gdb-multiarch", "riscv64-unknown-elf-gdb", "riscv64-elf-gdb")
"""Debuggers that know RISC-V, in order of preference (a distribution's plain `gdb` usually knows its host only)."""

GDB_OPTIONS: Final = ("--nx", "--quiet", "--interpreter=mi3")

COMMAND_LIMIT: Final = 30.0
"""Seconds that a command may take unless its caller says otherwise."""

EXIT_LIMIT: Final = 5.0
"""Seconds that GDB may take to leave when it is asked to; then it is killed."""

CHUNK: Final = 65536


@dataclass(frozen=True, slots=True)
class Answer:
    """What one command brought.

    Attributes:
        outcome: `done`, `running`, `connected` or `exit`.
        fields: The named values of the result record.
        texts: What it printed for a person, in order, with the channel that each piece came through.
    """

    outcome: str
    fields: Fields
    texts: tuple[tuple[Channel, str], ...] = ()

    @property
    def printed(self) -> str:
        """What a person at GDB's prompt would have seen: the command's text and the target's, not the log."""
        return "".join(text for channel, text in self.texts if channel != "log")


class MiProcess:
    """A running GDB. Make one with `open_mi`."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._tokens = count(1)
        self._turn = trio.Lock()
        self._texts: list[tuple[Channel, str]] = []
        self._put_result, self._results = trio.open_memory_channel[Result](inf)
        self._put_stop, self._stops = trio.open_memory_channel[Stop](inf)
        self.transcript = Transcript()

    @property
    def pid(self) -> int:
        """GDB's process id."""
        return self._process.pid

    async def command(self, text: str, *, limit: float = COMMAND_LIMIT) -> Answer:
        """Send one MI command and wait for its answer.

        Raises:
            CommandFailed: GDB answered with an error.
            SessionTimeout: It did not answer within `limit` seconds.
            DebuggerGone: It ended.
        """
        async with self._turn:
            token = next(self._tokens)
            self._texts = []
            with time_limit(limit, f"GDB's answer to {text!r}", self.transcript):
                await self._write(f"{token}{text}")
                result = await self._result(token)
            texts = tuple(self._texts)
        if result.outcome == "error":
            raise CommandFailed(text_of(result.fields, "msg") or "GDB gave no reason", self.transcript.text())
        return Answer(result.outcome, result.fields, texts)

    async def next_stop(self, *, limit: float = COMMAND_LIMIT) -> Stop:
        """Wait for the next stop that nobody has taken yet.

        Raises:
            SessionTimeout: None came within `limit` seconds.
            DebuggerGone: GDB ended.
        """
        with time_limit(limit, "a stop of the program", self.transcript):
            try:
                return await self._stops.receive()
            except trio.EndOfChannel:
                raise self._gone() from None

    def forget_stops(self) -> int:
        """Drop the stops that nobody has taken; return how many there were."""
        dropped = 0
        while True:
            try:
                self._stops.receive_nowait()
            except (trio.WouldBlock, trio.EndOfChannel):
                return dropped
            dropped += 1

    async def read_output(self) -> None:
        """Sort GDB's output until it ends; the task that `open_mi` runs beside its caller."""
        assert self._process.stdout is not None, "open_mi connects the output"
        rest = b""
        with self._put_result, self._put_stop:
            while chunk := await self._process.stdout.receive_some(CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._sort(line.decode("utf-8", "replace").rstrip("\r"))

    async def leave(self) -> None:
        """Ask GDB to exit and see to it that it does."""
        with trio.move_on_after(EXIT_LIMIT) as scope:
            scope.shield = True
            with suppress(DebuggerGone):
                await self._write("-gdb-exit")
            await self._process.wait()
        if self._process.returncode is None:
            self._process.kill()
            with trio.CancelScope(shield=True):
                await self._process.wait()

    async def close(self) -> None:
        """Close the pipes to a GDB that has left."""
        with trio.CancelScope(shield=True):
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    await stream.aclose()

    async def _write(self, line: str) -> None:
        assert self._process.stdin is not None, "open_mi connects the input"
        self.transcript.sent(line)
        try:
            await self._process.stdin.send_all(line.encode() + b"\n")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise self._gone() from None

    async def _result(self, token: int) -> Result:
        while True:
            try:
                result = await self._results.receive()
            except trio.EndOfChannel:
                raise self._gone() from None
            if result.token == token:  # another one answers a command whose time was up
                return result

    def _sort(self, line: str) -> None:
        self.transcript.received(line)
        match parse(line):
            case Result() as result:
                self._put_result.send_nowait(result)
            case Notice("stopped", fields):
                self._put_stop.send_nowait(stop_from(fields))
            case Text(channel, text):
                self._texts.append((channel, text))

    def _gone(self) -> DebuggerGone:
        status = self._process.returncode
        return DebuggerGone("GDB ended" + ("" if status is None else f" with status {status}"), self.transcript.text())


def find_gdb() -> str | None:
    """The path of a GDB that knows RISC-V, or None when this host has none on its PATH."""
    return next((path for name in GDB_NAMES if (path := shutil.which(name))), None)


def quiet_environment() -> Mapping[str, str]:
    """The environment for GDB: no translated messages, no lookups of debug information on the network."""
    return {key: value for key, value in os.environ.items() if key != "DEBUGINFOD_URLS"} | {"LC_ALL": "C.UTF-8"}


@asynccontextmanager
async def open_mi(gdb: str | None = None, *, arguments: Sequence[str] = ()) -> AsyncIterator[MiProcess]:
    """Start a GDB for the duration of a `with` block.

    Args:
        gdb: Its path; None looks for one that knows RISC-V.
        arguments: Further command line arguments, for example the ELF.

    Raises:
        DebuggerGone: There is no such program.
    """
    path = gdb or find_gdb()
    if path is None:
        raise DebuggerGone(f"no GDB for RISC-V on the PATH (looked for {', '.join(GDB_NAMES)})")
    try:
        process = await trio.lowlevel.open_process(
            [path, *GDB_OPTIONS, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=quiet_environment(),
            start_new_session=True,  # a Ctrl-C at the terminal is for the script, which then ends GDB itself
        )
    except OSError as error:
        raise DebuggerGone(f"cannot start {path}: {error.strerror}") from error
    mi = MiProcess(process)
    try:
        async with beside(mi.read_output):
            try:
                yield mi
            finally:
                await mi.leave()
    finally:
        await mi.close()
