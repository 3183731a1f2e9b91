"""Who has the terminal: the guest's serial port, the monitor, or both in turns (`mon:stdio`)."""

from __future__ import annotations

from typing import Final

from rvgdb.console import Feed, Transmitter, write_fd
from rvgdb.monitor import Monitor
from rvgdb.runner import Runner
from rvgdb.terminal import KEYS_HELP, Key, KeyReader, LineEditor, raw_terminal, read_chunks

STDIN: Final = 0
STDOUT: Final = 1

PROMPT: Final = b"(rvgdb) "


class SerialDesk:
    """The terminal is the guest's (`-serial stdio`); Ctrl-c ends the emulator."""

    def __init__(self, transmitter: Transmitter) -> None:
        transmitter.write = write_fd(STDOUT)

    async def serve(self, feed: Feed) -> None:
        """Hand what is typed to the guest, until the end of input."""
        with raw_terminal(STDIN, signals=True):
            async for data in read_chunks(STDIN):
                feed(data)


class MonitorDesk:
    """The terminal is the monitor's (`-monitor stdio`), a line at a time."""

    def __init__(self, monitor: Monitor, runner: Runner, version: str) -> None:
        self._monitor = monitor
        self._runner = runner
        self._version = version
        self._write = write_fd(STDOUT)

    async def serve(self, feed: Feed) -> None:
        """Execute lines until the end of input."""
        self._write(f"rvgdb {self._version} monitor - type 'help' for more information\n".encode() + PROMPT)
        pending = b""
        async for data in read_chunks(STDIN):
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                await self.execute(line.decode(errors="replace"))

    async def execute(self, line: str) -> None:
        """One line and the next prompt."""
        async with self._runner.quiet():
            text = self._monitor.execute(line)
        self._write(text.encode() + PROMPT)


class SharedDesk:
    """The terminal is the guest's until Ctrl-a c gives it to the monitor (`-nographic`); Ctrl-c is the guest's."""

    def __init__(self, transmitter: Transmitter, monitor: MonitorDesk, runner: Runner) -> None:
        self._write = write_fd(STDOUT)
        transmitter.write = self._write
        self._monitor = monitor
        self._runner = runner
        self._keys = KeyReader()
        self._editor = LineEditor()
        self._at_monitor = False

    async def serve(self, feed: Feed) -> None:
        """Hand what is typed to who has the focus, until the end of input."""
        with raw_terminal(STDIN, signals=False):
            async for data in read_chunks(STDIN):
                await self.take(data, feed)

    async def take(self, data: bytes, feed: Feed) -> None:
        """Deal with some keys."""
        for item in self._keys.feed(data):
            if item is Key.QUIT:
                self._runner.end(0)
            elif item is Key.HELP:
                self._write(KEYS_HELP.encode())
            elif item is Key.SWITCH:
                self._at_monitor = not self._at_monitor
                self._write(b"\n" + PROMPT if self._at_monitor else b"\n")
            elif self._at_monitor:
                echo, lines = self._editor.feed(item.data)
                self._write(echo)
                for line in lines:
                    await self._monitor.execute(line)
            else:
                feed(item.data)
