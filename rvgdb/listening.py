"""Opening sockets by their option: loopback unless an address is written, and errors that say what to do."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import trio

from rvgdb.chardev import Tcp, Unix
from rvgdb.errors import ListenError

LOOPBACK = "127.0.0.1"

OWNER_ONLY = 0o600
"""Mode of the Unix sockets made here: whoever may connect controls the guest."""


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "it is in use; choose another one, or port 0 for any that is free"
    if error.errno == errno.EACCES:
        return "you are not allowed to; choose a port above 1023 or another path"
    return error.strerror or str(error)


def address_text(address: object) -> str:
    """`HOST:PORT`, `[V6]:PORT` or a path, from a socket's name."""
    if isinstance(address, tuple):
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return os.fsdecode(address) if isinstance(address, bytes) else str(address)


async def listen(device: Tcp | Unix) -> list[trio.SocketListener]:
    """Listen.

    Raises:
        ListenError: When the address cannot be had.
    """
    if isinstance(device, Unix):
        return [await _listen_unix(device)]
    host = device.host or LOOPBACK
    try:
        listeners = await trio.open_tcp_listeners(device.port, host=host)
    except OSError as error:
        name = address_text((host, device.port))
        raise ListenError(f"cannot listen on {name}: {_reason(error)}") from None
    if device.port == 0:  # each address would get a port of its own
        for extra in listeners[1:]:
            await extra.aclose()
        del listeners[1:]
    return listeners


async def _listen_unix(device: Unix) -> trio.SocketListener:
    path = device.path
    _remove_stale(path)
    sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    os.fchmod(sock.fileno(), OWNER_ONLY)  # Linux gives the path the socket's mode, so it is never open to others
    try:
        await sock.bind(os.fspath(path))
        sock.listen(16)
    except OSError as error:
        sock.close()
        raise ListenError(f"cannot listen on {path}: {_reason(error)}") from None
    return trio.SocketListener(sock)


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens on any more."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.connect(os.fspath(path))
    except ConnectionRefusedError:
        path.unlink()
    except OSError:
        return


async def connect(device: Tcp | Unix) -> trio.SocketStream:
    """Connect to a socket that somebody else listens on.

    Raises:
        ListenError: When nobody does.
    """
    name = str(device.path) if isinstance(device, Unix) else address_text((device.host or LOOPBACK, device.port))
    try:
        if isinstance(device, Unix):
            return await trio.open_unix_socket(os.fspath(device.path))
        return await trio.open_tcp_stream(device.host or LOOPBACK, device.port)
    except OSError as error:
        raise ListenError(
            f"cannot connect to {name}: {error.strerror or error}; is somebody listening there?"
        ) from None
