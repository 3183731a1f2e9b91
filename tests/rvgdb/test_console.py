"""The serial port's outside: files, sockets, and nobody."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import trio

from rvgdb.chardev import File, NoDevice, Null, Stdio, Tcp, Unix
from rvgdb.console import FLUSH_AT, SocketBackend, Transmitter, open_serial, write_fd
from rvgdb.errors import ConsoleError, ListenError
from rvgdb.listening import LOOPBACK


async def test_output_is_written_at_the_end_of_a_slice() -> None:
    """Bytes are collected; a long burst does not wait."""
    written: list[bytes] = []
    transmitter = Transmitter()
    transmitter.transmit(b"lost")
    transmitter.flush()
    transmitter.write = written.append
    transmitter.transmit(b"a")
    transmitter.transmit(b"b")
    assert written == []
    transmitter.flush()
    transmitter.flush()
    transmitter.transmit(b"x" * FLUSH_AT)
    assert written == [b"ab", b"x" * FLUSH_AT]


def test_a_reader_that_left_is_no_error() -> None:
    """Output into a closed pipe is dropped."""
    ours, theirs = os.pipe()
    os.close(ours)
    write_fd(theirs)(b"x")
    os.close(theirs)


async def test_a_file_gets_the_output(tmp_path: Path) -> None:
    """It is emptied first."""
    path = tmp_path / "out"
    path.write_bytes(b"old")
    transmitter = Transmitter()
    async with open_serial(File(path), transmitter, print) as backend:
        await backend.serve(lambda _data: None)
        transmitter.transmit(b"new")
        transmitter.flush()
    assert path.read_bytes() == b"new"
    assert transmitter.write is None


async def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The option, the path and the reason."""
    with pytest.raises(ConsoleError, match=r"-serial file:.*: cannot be written: Is a directory"):
        async with open_serial(File(tmp_path), Transmitter(), print):
            pass


@pytest.mark.parametrize("device", [Null(), NoDevice(), Stdio()])
async def test_no_device_drops_the_output(device: Null | NoDevice | Stdio) -> None:
    """Nothing is written and no input comes."""
    transmitter = Transmitter()
    async with open_serial(device, transmitter, print) as backend:
        await backend.serve(lambda _data: None)
        transmitter.transmit(b"x")
        transmitter.flush()


async def converse(backend: SocketBackend, peer: trio.abc.Stream, transmitter: Transmitter) -> None:
    """Both directions of a serial port at a socket."""
    send, received = trio.open_memory_channel[bytes](10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(backend.serve, send.send_nowait)
        with trio.fail_after(5):
            await backend.first.wait()
            await peer.send_all(b"in")
            assert await received.receive() == b"in"
            transmitter.transmit(b"out")
            await trio.to_thread.run_sync(transmitter.flush)
            assert await peer.receive_some() == b"out"
        nursery.cancel_scope.cancel()


async def test_a_server_serves_a_peer() -> None:
    """`-serial tcp::0,server=on` says where it listens."""
    reports: list[str] = []
    transmitter = Transmitter()
    async with open_serial(Tcp("", 0, server=True), transmitter, reports.append) as backend:
        assert isinstance(backend, SocketBackend)
        host, _, port = reports[0].removeprefix("serial port listening on ").rpartition(":")
        async with await trio.open_tcp_stream(host, int(port)) as peer:
            await converse(backend, peer, transmitter)


async def test_a_client_connects(tmp_path: Path) -> None:
    """`-serial unix:PATH` finds somebody listening."""
    path = tmp_path / "serial"
    with trio.socket.socket(socket.AF_UNIX) as server:
        await server.bind(str(path))
        server.listen()
        transmitter = Transmitter()
        async with open_serial(Unix(path), transmitter, print) as backend:
            assert isinstance(backend, SocketBackend)
            accepted, _ = await server.accept()
            async with trio.SocketStream(accepted) as peer:
                await converse(backend, peer, transmitter)


async def test_peers_may_come_and_go(tmp_path: Path) -> None:
    """Output is dropped while nobody is there, and a unix socket's path is removed at the end."""
    path = tmp_path / "serial"
    transmitter = Transmitter()
    async with open_serial(Unix(path, server=True), transmitter, lambda _line: None) as backend:
        assert isinstance(backend, SocketBackend)
        transmitter.transmit(b"lost")
        transmitter.flush()
        await trio.lowlevel.checkpoint()
        for _ in range(2):
            async with await trio.open_unix_socket(str(path)) as peer:
                await converse(backend, peer, transmitter)
            backend.first = trio.Event()
    assert not path.exists()


async def test_a_port_in_use_is_named() -> None:
    """As at the debug port."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        with pytest.raises(ListenError, match="it is in use"):
            async with open_serial(Tcp("", taken.getsockname()[1], server=True), Transmitter(), print):
                pass
