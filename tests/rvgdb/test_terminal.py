"""Keys, lines, the terminal's modes, and who has the focus."""

from __future__ import annotations

import os
import pty
import termios
from pathlib import Path

import pytest

from rvgdb import desk as desks
from rvgdb.console import Transmitter
from rvgdb.desk import MonitorDesk, SharedDesk
from rvgdb.terminal import KEYS_HELP, Key, KeyReader, LineEditor, Typed, raw_terminal, read_chunks
from tests.rvgdb.test_monitor import Desk


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (b"abc", [Typed(b"abc")]),
        (b"a\x01xb", [Typed(b"a"), Key.QUIT, Typed(b"b")]),
        (b"\x01c\x01h\x01?", [Key.SWITCH, Key.HELP, Key.HELP]),
        (b"\x01\x01", [Typed(b"\x01")]),
        (b"\x01zq", [Typed(b"q")]),
    ],
)
def test_escape_keys_are_found(keys: bytes, expected: list[object]) -> None:
    """Ctrl-a commands among plain keys; Ctrl-a twice is one; an unknown one is dropped."""
    assert KeyReader().feed(keys) == expected


def test_escape_keys_are_found_in_pieces() -> None:
    """A terminal may deliver one key at a time."""
    reader = KeyReader()
    assert [reader.feed(bytes([key])) for key in b"\x01x"] == [[], [Key.QUIT]]


@pytest.mark.parametrize(
    ("keys", "echo", "lines"),
    [
        (b"help\r", b"help\n", ["help"]),
        (b"hx\x7felp\n", b"hx\b \belp\n", ["help"]),
        (b"\x7f", b"", []),
        (b"abc\x15d\n", b"abc" + b"\b \b" * 3 + b"d\n", ["d"]),
        (b"a\rb\r", b"a\nb\n", ["a", "b"]),
        (b"\x1b\x02x", b"x", []),
    ],
)
def test_a_line_is_edited(keys: bytes, echo: bytes, lines: list[str]) -> None:
    """Echo, backspace, kill, Enter; control characters are ignored."""
    assert LineEditor().feed(keys) == (echo, lines)


@pytest.mark.parametrize("signals", [True, False])
def test_a_terminal_is_raw_inside_and_as_before_after(*, signals: bool) -> None:
    """No echo, no lines, Ctrl-c as chosen."""
    ours, theirs = pty.openpty()
    try:
        before = termios.tcgetattr(theirs)
        with raw_terminal(theirs, signals=signals) as is_terminal:
            lflag = termios.tcgetattr(theirs)[3]
            assert is_terminal
            assert not lflag & (termios.ECHO | termios.ICANON)
            assert bool(lflag & termios.ISIG) is signals
        assert termios.tcgetattr(theirs) == before
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_pipe_is_left_alone() -> None:
    """There is nothing to set."""
    ours, theirs = os.pipe()
    with raw_terminal(ours, signals=True) as is_terminal:
        assert not is_terminal
    os.close(ours)
    os.close(theirs)


async def test_a_file_and_a_pipe_are_read_to_the_end(tmp_path: Path) -> None:
    """Neither blocks the loop."""
    path = tmp_path / "input"
    path.write_bytes(b"x" * 5000)
    fd = os.open(path, os.O_RDONLY)
    assert b"".join([chunk async for chunk in read_chunks(fd)]) == b"x" * 5000
    os.close(fd)
    ours, theirs = os.pipe()
    os.write(theirs, b"abc")
    os.close(theirs)
    assert [chunk async for chunk in read_chunks(ours)] == [b"abc"]
    os.close(ours)


async def test_the_focus_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys go to the guest, after Ctrl-a c to the monitor, and back; Ctrl-a x ends the run."""
    written = bytearray()
    monkeypatch.setattr(desks, "write_fd", lambda _fd: written.extend)
    bench = Desk()
    transmitter = Transmitter()
    shared = SharedDesk(transmitter, MonitorDesk(bench.monitor, bench.runner, "1"), bench.runner)
    typed = bytearray()
    await shared.take(b"ls\r\x01c", typed.extend)
    await shared.take(b"info status\r\x01cx\x01h", typed.extend)
    transmitter.transmit(b"hello")
    transmitter.flush()
    assert typed == b"ls\rx"
    assert written.decode() == f"\n(rvgdb) info status\nVM status: paused\n(rvgdb) \n{KEYS_HELP}hello"
    await shared.take(b"\x01x", typed.extend)
    assert bench.runner.finished.is_set()


async def test_a_monitor_reads_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """From a pipe, with a prompt before each."""
    written = bytearray()
    ours, theirs = os.pipe()
    monkeypatch.setattr(desks, "write_fd", lambda _fd: written.extend)
    monkeypatch.setattr(desks, "STDIN", ours)
    os.write(theirs, b"info status\nquit\n")
    os.close(theirs)
    bench = Desk()
    await MonitorDesk(bench.monitor, bench.runner, "1").serve(lambda _data: None)
    os.close(ours)
    assert written.decode().splitlines()[1:] == ["(rvgdb) VM status: paused", "(rvgdb) (rvgdb) "]
    assert bench.runner.finished.is_set()
