"""Whole runs in a process of their own: the terminal, signals, and a debugger at each kind of port."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rvgdb.rsp_client import packet
from tests.rvgdb.small_guests import LOOP, WAIT, exits, options, prints

SECONDS = 60
"""Longer than the slowest first start takes."""


@contextmanager
def rvgdb(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """`rvgdb run` as a process, which is gone afterwards."""
    command = [sys.executable, "-m", "rvgdb", "run", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def line_with(process: subprocess.Popen[bytes], text: bytes) -> bytes:
    """The first line on stderr that has a text."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return line
    raise AssertionError(f"there was no line with {text!r}")


def listening_port(process: subprocess.Popen[bytes]) -> int:
    """The port that a run says its debugger may come to."""
    return int(line_with(process, b"gdb listening on 127.0.0.1:").rpartition(b":")[2])


def ask(connection: socket.socket, body: bytes) -> bytes:
    """A packet's reply."""
    connection.sendall(packet(body))
    received = b""
    while not re.search(rb"\$[^#]*#..", received):
        received += connection.recv(4096)
    connection.sendall(b"+")
    return received.partition(b"$")[2].partition(b"#")[0]


def test_the_terminal_is_the_guests(tmp_path: Path) -> None:
    """`-nographic` prints what the guest prints, and its status is the guest's."""
    with rvgdb("-nographic", *options(tmp_path, [*prints("hello\n"), *exits(0x3333 | 4 << 16)])) as process:
        out, err = process.communicate(timeout=SECONDS)
    assert (out, err, process.returncode) == (b"hello\n", b"", 4)


def test_keys_end_the_run(tmp_path: Path) -> None:
    """Ctrl-a x, and before it a look at the monitor."""
    with rvgdb("-nographic", *options(tmp_path, [LOOP])) as process:
        out, _ = process.communicate(b"\x01cinfo status\r\x01c\x01x", timeout=SECONDS)
    assert b"VM status: running" in out
    assert process.returncode == 0


def test_the_monitor_has_the_terminal(tmp_path: Path) -> None:
    """`-monitor stdio -S`: look, let it run, and the guest's end ends the run."""
    with rvgdb("-monitor", "stdio", "-S", *options(tmp_path, exits(0x3333 | 5 << 16))) as process:
        out, _ = process.communicate(b"info registers\nx/2i 0x80000000\nc\n", timeout=SECONDS)
    assert b" pc       0000000000001000" in out
    assert b"0x0000000080000000:  00100537" in out
    assert process.returncode == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("code", [LOOP, WAIT])
def test_a_signal_ends_the_run(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """A busy guest and an idle one; the shell sees which signal."""
    with rvgdb("-display", "none", "-gdb", "tcp::0", *options(tmp_path, [code, LOOP])) as process:
        listening_port(process)
        process.send_signal(number)
        assert process.wait(SECONDS) == 128 + number
        assert b"terminating on signal" in line_with(process, b"terminating")


def test_a_debugger_over_tcp(tmp_path: Path) -> None:
    """Attach to a halted guest, step it, run it, stop it, kill it."""
    with (
        rvgdb("-display", "none", "-S", "-gdb", "tcp::0", *options(tmp_path, [LOOP])) as process,
        socket.create_connection(("127.0.0.1", listening_port(process))) as connection,
    ):
        connection.settimeout(SECONDS)
        assert ask(connection, b"p20") == (0x1000).to_bytes(8, "little").hex().encode()
        assert ask(connection, b"s").startswith(b"T05")
        assert ask(connection, b"p20") == (0x1004).to_bytes(8, "little").hex().encode()
        connection.sendall(packet(b"c"))
        assert connection.recv(1) == b"+"
        connection.sendall(b"\x03")
        assert b"$T02" in connection.recv(4096)
        connection.sendall(b"+" + packet(b"k"))
        assert process.wait(SECONDS) == 0


def test_a_debugger_over_a_pipe(tmp_path: Path) -> None:
    """`target remote | rvgdb run -gdb stdio`: packets on stdin and stdout."""
    with rvgdb("-S", "-gdb", "stdio", *options(tmp_path, exits(0x3333 | 6 << 16))) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(packet(b"qAttached") + b"+" + packet(b"vCont;c"))
        process.stdin.flush()
        assert process.wait(SECONDS) == 6
        assert process.stdout.read().startswith(b"+$1#31+$W06")


def test_a_debugger_over_a_unix_socket(tmp_path: Path) -> None:
    """The path is printed, and gone afterwards."""
    path = tmp_path / "gdb.sock"
    with rvgdb("-display", "none", "-S", "-gdb", f"unix:{path}", *options(tmp_path, [LOOP])) as process:
        line_with(process, str(path).encode())
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.settimeout(SECONDS)
            assert ask(connection, b"qAttached") == b"1"
            connection.sendall(packet(b"k"))
            assert process.wait(SECONDS) == 0
    assert not path.exists()


def test_a_guest_waits_for_its_serial_peer(tmp_path: Path) -> None:
    """`-serial tcp::0,server=on` starts the guest when somebody is there to read."""
    code = [*prints("here"), *exits(0x5555)]
    with rvgdb("-display", "none", "-serial", "tcp::0,server=on", *options(tmp_path, code)) as process:
        port = int(line_with(process, b"serial port listening").rpartition(b":")[2])
        line_with(process, b"waiting for somebody")
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.settimeout(SECONDS)
            assert connection.recv(16) == b"here"
        assert process.wait(SECONDS) == 0
