"""An emulator as a process: rvgdb itself, or QEMU for comparison. It hands out the address to attach GDB to."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import trio

from rvgdb.sessions.background import beside
from rvgdb.sessions.console import OUTPUT_LIMIT, GuestConsole
from rvgdb.sessions.errors import EmulatorGone
from rvgdb.sessions.transcript import time_limit

LISTENING: Final = re.compile(r"rvgdb: gdb listening on (\S+)")
"""What `rvgdb run` writes to stderr once it can be connected to."""

START_LIMIT: Final = 60.0
"""Seconds from start to listening; the first start ever builds the engine."""

LEAVE_LIMIT: Final = 5.0
"""Seconds that an emulator may take to end when asked to; then it is killed."""

SERIAL_ON_STDIO: Final = ("-display", "none", "-serial", "stdio", "-monitor", "none")
CHUNK: Final = 65536


class EmulatorProcess(GuestConsole):
    """A running emulator whose guest console is its standard input and output. Make one with `open_emulator`."""

    def __init__(self, process: trio.Process) -> None:
        super().__init__()
        self._process = process
        self._open_pipes = 2

    @property
    def pid(self) -> int:
        """The emulator's process id."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """Its exit status; None while it runs; negative when a signal ended it."""
        return self._process.returncode

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
            nursery.start_soon(partial(self._read, self._process.stdout, error=False))
            nursery.start_soon(partial(self._read, self._process.stderr, error=True))

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

    async def _ended(self) -> int | None:
        return None if self._open_pipes else await self._process.wait()

    async def _read(self, stream: trio.abc.ReceiveStream | None, *, error: bool) -> None:
        assert stream is not None, "open_emulator connects the outputs"
        while chunk := await stream.receive_some(CHUNK):
            self._take(bytes(chunk), error=error)
        self._open_pipes -= 1
        self._announce()


@asynccontextmanager
async def open_emulator(
    command: Sequence[str], *, pass_fds: Sequence[int] = (), folder: Path | None = None
) -> AsyncIterator[EmulatorProcess]:
    """Start an emulator for the duration of a `with` block; it is ended with the block.

    Args:
        command: Program and arguments.
        pass_fds: File descriptors that it inherits.
        folder: Where it runs; None for the caller's.

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
            cwd=folder,
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
async def open_rvgdb(*options: str, gdb: str = "tcp::0", folder: Path | None = None) -> AsyncIterator[EmulatorProcess]:
    """Start `rvgdb run` with `options`, its debug port by default on a free port, its guest console on stdio.

    Args:
        options: What follows `rvgdb run`.
        gdb: The debug port, as `-gdb` takes it.
        folder: Where it runs; None for the caller's.

    Raises:
        EmulatorGone: It ended before it listened; the error quotes what it said.
    """
    command = rvgdb_command("run", *SERIAL_ON_STDIO, "-gdb", gdb, *options)
    async with open_emulator(command, folder=folder) as emulator:
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
