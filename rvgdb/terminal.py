"""The user's terminal: its modes, its keys (Ctrl-a …), and the line that a monitor's user is typing."""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

import trio

ESCAPE: Final = 0x01
"""Ctrl-a."""

KEYS_HELP: Final = (
    "\n"
    "Ctrl-a h    this help\n"
    "Ctrl-a x    quit\n"
    "Ctrl-a c    switch between the serial port and the monitor\n"
    "Ctrl-a Ctrl-a    send Ctrl-a\n"
)

CHUNK: Final = 4096


class Key(Enum):
    """What a sequence of keys asks of the terminal itself."""

    QUIT = auto()
    SWITCH = auto()
    HELP = auto()


@dataclass(frozen=True, slots=True)
class Typed:
    """Keys for whoever has the focus."""

    data: bytes


Input: TypeAlias = Typed | Key

_COMMANDS: Final = {ord("x"): Key.QUIT, ord("c"): Key.SWITCH, ord("h"): Key.HELP, ord("?"): Key.HELP}


class KeyReader:
    """Finds the escape sequences in what is typed, however it is split."""

    def __init__(self) -> None:
        self._escaped = False

    def feed(self, data: bytes) -> list[Input]:
        """Take bytes; give keys and commands in order."""
        found: list[Input] = []
        plain = bytearray()
        for byte in data:
            if self._escaped:
                self._escaped = False
                if byte in _COMMANDS:
                    if plain:
                        found.append(Typed(bytes(plain)))
                        plain.clear()
                    found.append(_COMMANDS[byte])
                elif byte == ESCAPE:
                    plain.append(byte)
            elif byte == ESCAPE:
                self._escaped = True
            else:
                plain.append(byte)
        if plain:
            found.append(Typed(bytes(plain)))
        return found


class LineEditor:
    """A line typed on a raw terminal: echo, backspace, Ctrl-u, Enter."""

    def __init__(self) -> None:
        self._line = bytearray()

    def feed(self, data: bytes) -> tuple[bytes, list[str]]:
        """Take keys.

        Returns:
            What to echo, and the lines that were finished.
        """
        echo = bytearray()
        lines: list[str] = []
        for byte in data:
            if byte in b"\r\n":
                echo += b"\n"
                lines.append(self._line.decode(errors="replace"))
                self._line.clear()
            elif byte in b"\x7f\x08":
                if self._line:
                    self._line.pop()
                    echo += b"\b \b"
            elif byte == 0x15:
                echo += b"\b \b" * len(self._line)
                self._line.clear()
            elif byte >= 0x20:
                self._line.append(byte)
                echo.append(byte)
        return bytes(echo), lines


@contextmanager
def raw_terminal(fd: int, *, signals: bool) -> Iterator[bool]:
    """Let keys through as they are typed while inside.

    Args:
        fd: The terminal; anything else is left alone.
        signals: Whether Ctrl-c and the like still end the emulator; otherwise the guest gets them.

    Yields:
        Whether it is a terminal.
    """
    if not os.isatty(fd):
        yield False
        return
    before = termios.tcgetattr(fd)
    mode = termios.tcgetattr(fd)
    iflag, oflag, cflag, lflag = mode[:4]
    iflag &= ~(termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP)
    iflag &= ~(termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON)
    lflag &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.IEXTEN)
    if not signals:
        lflag &= ~termios.ISIG
    mode[:4] = [iflag, oflag | termios.OPOST, cflag, lflag]
    mode[6][termios.VMIN] = 1
    mode[6][termios.VTIME] = 0
    termios.tcsetattr(fd, termios.TCSANOW, mode)
    try:
        yield True
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


async def read_chunks(fd: int) -> AsyncIterator[bytes]:
    """What arrives at a file descriptor, until its end. It stays blocking: others may share it."""
    while True:
        try:
            await trio.lowlevel.wait_readable(fd)
        except PermissionError:  # a plain file is always readable, and cannot be waited for
            await trio.lowlevel.checkpoint()
        try:
            data = os.read(fd, CHUNK)
        except OSError:  # a terminal that was hung up
            return
        if not data:
            return
        yield data


def report(line: str) -> None:
    """Print a line about rvgdb itself, not the guest's."""
    sys.stderr.write(f"rvgdb: {line}\n")
    sys.stderr.flush()
