"""An emulator as a process: rvgdb itself, or QEMU for comparison. It hands out the address to attach GDB to."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import trio

from rvgdb.sessions.background import beside
from rvgdb.sessions.errors import EmulatorGone
from rvgdb.sessions.transcript import Transcript, time_limit

LISTENING: Final = re.compile(r"rvgdb: gdb listening on (\S+)")
"""What `rvgdb run` writes to stderr once it can be connected to."""

START_LIMIT: Final = 60.0
"""Seconds from start to listening; the first start ever builds the engine."""

OUTPUT_LIMIT: Final = 60.0
"""Seconds that an expected console output or the emulator's end may take unless the caller says otherwise."""

LEAVE_LIMIT: Final = 5.0
"""Seconds that an emulator may take to end when asked to; then it is killed."""

SERIAL_ON_STDIO: Final = ("-display", "none", "-serial", "stdio", "-monitor", "none")
CHUNK: Final = 65536


class EmulatorProcess:
    """A running emulator whose guest console is its standard input and output. Make one with `open_emulator`."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._changed = trio.Event()
        self._open_pipes = 2
        self._matched = 0
        self.output = b""
        self.errors = b""
        self.address = ""
        self.transcript = Transcript()

    @property
    def pid(self) -> int:
        """The emulator's process id."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """Its exit status; None while it runs; negative when a signal ended it."""
        return self._process.returncode

    async def expect_output(self, text: str, *, limit: float = OUTPUT_LIMIT) -> None:
        """Wait until the guest's console shows `text`, after whatever was expected of it before.

        Raises:
            SessionTimeout: It did not within `limit` seconds.
            EmulatorGone: The emulator ended first.
        """
        wanted = text.encode()
        await self._until(lambda: wanted in self.output[self._matched :], f"{text!r} on the console", limit)
        self._matched = self.output.index(wanted, self._matched) + len(wanted)

    async def expect_error(self, pattern: str, *, limit: float = OUTPUT_LIMIT) -> re.Match[str]:
        """Wait until the emulator's stderr contains the regular expression `pattern`; returns the match."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            match = re.search(pattern, self.errors.decode("utf-8", "replace"))
            found.extend([match] if match else [])
            return match is not None

        await self._until(look, f"{pattern!r} on stderr", limit)
        return found[0]

    async def send(self, text: str) -> None:
        """Type `text` at the guest's console."""
        assert self._process.stdin is not None, "open_emulator connects the input"
        await self._process.stdin.send_all(text.encode())

    async def wait(self, *, limit: float = OUTPUT_LIMIT) -> int:
        """Wait for the emulator to end of itself; returns its exit status."""
        with time_limit(limit, "the end of the emulator", self.transcript):
            return await self._process.wait()

    def terminate(self) -> None:
        """Ask the emulator to end (SIGTERM)."""
        self._process.terminate()

    async def read_output(self) -> None:
        """Collect what the emulator writes; the task that `open_emulator` runs beside its caller."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read, self._process.stdout, self._take_output)
            nursery.start_soon(self._read, self._process.stderr, self._take_error)

    async def leave(self) -> None:
        """End the emulator if it still runs, and close its pipes."""
        with trio.CancelScope(shield=True):
            if self._process.returncode is None:
                self._process.terminate()
                with trio.move_on_after(LEAVE_LIMIT):
                    await self._process.wait()
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
                if stream is not None:
                    await stream.aclose()

    async def _until(self, condition: Callable[[], bool], awaited: str, limit: float) -> None:
        with time_limit(limit, awaited, self.transcript):
            while not condition():
                if not self._open_pipes:
                    status = await self._process.wait()
                    raise EmulatorGone(
                        f"the emulator ended with status {status} before {awaited}", self.transcript.text()
                    )
                await self._changed.wait()

    async def _read(self, stream: trio.abc.ReceiveStream | None, take: Callable[[bytes], None]) -> None:
        assert stream is not None, "open_emulator connects the outputs"
        while chunk := await stream.receive_some(CHUNK):
            take(bytes(chunk))
            self.transcript.received_chunk(chunk.decode("utf-8", "replace"))
            self._announce()
        self._open_pipes -= 1
        self._announce()

    def _take_output(self, chunk: bytes) -> None:
        self.output += chunk

    def _take_error(self, chunk: bytes) -> None:
        self.errors += chunk

    def _announce(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


@asynccontextmanager
async def open_emulator(command: Sequence[str], *, pass_fds: Sequence[int] = ()) -> AsyncIterator[EmulatorProcess]:
    """Start an emulator for the duration of a `with` block; it is ended with the block.

    Args:
        command: Program and arguments.
        pass_fds: File descriptors that it inherits.

    Raises:
        EmulatorGone: There is no such program.
    """
    try:
        process = await trio.lowlevel.open_process(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
        )
    except OSError as error:
        raise EmulatorGone(f"cannot start {command[0]}: {error.strerror}") from error
    emulator = EmulatorProcess(process)
    emulator.transcript.sent(" ".join(command))
    try:
        async with beside(emulator.read_output):
            yield emulator
    finally:
        await emulator.leave()


def rvgdb_command(*options: str) -> tuple[str, ...]:
    """The command line that runs rvgdb with this very interpreter."""
    return (sys.executable, "-m", "rvgdb", *options)


@asynccontextmanager
async def open_rvgdb(*options: str, gdb: str = "tcp::0") -> AsyncIterator[EmulatorProcess]:
    """Start `rvgdb run` with `options`, its debug port by default on a free port, its guest console on stdio.

    Args:
        options: What follows `rvgdb run`.
        gdb: The debug port, as `-gdb` takes it.

    Raises:
        EmulatorGone: It ended before it listened; the error quotes what it said.
    """
    command = rvgdb_command("run", *SERIAL_ON_STDIO, "-gdb", gdb, *options)
    async with open_emulator(command) as emulator:
        emulator.address = (await emulator.expect_error(LISTENING.pattern, limit=START_LIMIT))[1]
        yield emulator


def find_qemu() -> str | None:
    """The path of QEMU's RISC-V system emulator, or None when this host has none on its PATH."""
    return shutil.which("qemu-system-riscv64")


@asynccontextmanager
async def open_qemu(*options: str) -> AsyncIterator[EmulatorProcess]:
    """Start QEMU's `virt` machine with `options`, to compare rvgdb with.

    QEMU cannot pick a port and say which. So the listening socket is made here and inherited, which also means that GDB
    may connect at once: the connection waits in the socket until QEMU accepts it.

    Raises:
        EmulatorGone: There is no QEMU.
    """
    qemu = find_qemu()
    if qemu is None:
        raise EmulatorGone("there is no qemu-system-riscv64 on the PATH")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        chardev = ("-chardev", f"socket,id=gdb,fd={number},server=on,wait=off,nodelay=on", "-gdb", "chardev:gdb")
        command = (qemu, "-M", "virt", *SERIAL_ON_STDIO, *chardev, *options)
        async with open_emulator(command, pass_fds=(number,)) as emulator:
            emulator.address = "{}:{}".format(*listener.getsockname())
            yield emulator
