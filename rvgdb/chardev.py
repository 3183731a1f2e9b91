"""Character devices in QEMU's spelling: what `-serial`, `-monitor` and `-gdb` may name. Nothing is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from rvgdb import qemu_names
from rvgdb.errors import OptionError
from rvgdb.keyvals import key_values, nearest, number, only_keys, switch


@dataclass(frozen=True, slots=True)
class Stdio:
    """The terminal; `monitor` says that Ctrl-a c switches to the monitor (`mon:stdio`)."""

    monitor: bool = False


@dataclass(frozen=True, slots=True)
class Null:
    """Output is dropped and there is no input."""


@dataclass(frozen=True, slots=True)
class NoDevice:
    """`none`: the device is not connected at all."""


@dataclass(frozen=True, slots=True)
class File:
    """Output goes to a file, which is emptied first."""

    path: Path


@dataclass(frozen=True, slots=True)
class Tcp:
    """A TCP socket.

    Attributes:
        host: Address as written; empty means loopback.
        port: 0 lets the system choose (servers only).
        server: Listen instead of connecting.
        wait: As a server, do not start the guest before somebody connected.
    """

    host: str
    port: int
    server: bool = False
    wait: bool = True


@dataclass(frozen=True, slots=True)
class Unix:
    """A unix socket; fields as `Tcp`'s."""

    path: Path
    server: bool = False
    wait: bool = True


CharDevice: TypeAlias = Stdio | Null | NoDevice | File | Tcp | Unix

LIST_PROPERTIES = ("allow",)
"""Properties whose values have commas in them."""

SUPPORTED = ("stdio", "mon:stdio", "null", "none", "file:PATH", "tcp:HOST:PORT", "unix:PATH")


def _socket_properties(option: str, text: str) -> tuple[str, bool, bool, dict[str, str]]:
    """Split `ADDRESS,server=on,wait=off,…` into the address, server, wait and the properties left over."""
    address, _, rest = text.partition(",")
    found = key_values(option, rest, lists=LIST_PROPERTIES) if rest else {}
    if "nowait" in found:
        found["wait"] = "off" if found.pop("nowait") == "on" else "on"
    if "nodelay" in found:  # always set here
        switch(option, "nodelay", found.pop("nodelay"))
    server = switch(option, "server", found.pop("server", "off"))
    wait = switch(option, "wait", found.pop("wait", "on"))
    return address, server, wait, found


def _no_more(option: str, left: dict[str, str]) -> None:
    if left:
        only_keys(option, left, ("server", "wait", "nodelay"))


def host_and_port(option: str, address: str) -> tuple[str, int]:
    """Split `HOST:PORT`, `:PORT` or `[V6]:PORT`.

    Raises:
        OptionError: When the port is missing or not a number up to 65535.
    """
    host, colon, port = address.rpartition(":")
    if not colon:
        raise OptionError(f"{option}: '{address}' has no port; write tcp:HOST:PORT or tcp::PORT")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    return host, number(f"{option}: port", port, 0, 65535)


def parse_tcp(option: str, text: str) -> tuple[Tcp, dict[str, str]]:
    """`[HOST]:PORT,…` to a `Tcp` and the properties that are not a socket's."""
    address, server, wait, left = _socket_properties(option, text)
    host, port = host_and_port(option, address)
    return Tcp(host, port, server, wait), left


def parse_unix(option: str, text: str) -> tuple[Unix, dict[str, str]]:
    """`PATH,…` to a `Unix` and the properties that are not a socket's.

    Raises:
        OptionError: When the path is missing.
    """
    path, server, wait, left = _socket_properties(option, text)
    path = path.removeprefix("path=")
    if not path:
        raise OptionError(f"{option}: the path of the socket is missing; write unix:PATH")
    return Unix(Path(path), server, wait), left


def unknown_device(option: str, text: str, supported: tuple[str, ...]) -> OptionError:
    """The error for a character device that is not one of `supported`."""
    kind = text.partition(":")[0].partition(",")[0]
    names = [name.partition(":")[0] for name in supported]
    which = "a QEMU device that rvgdb lacks" if kind in qemu_names.CHARACTER_DEVICES else "not a character device"
    return OptionError(f"{option} {text}: '{kind}' is {which}{nearest(kind, names)}; use {', '.join(supported)}")


def parse_device(option: str, text: str) -> CharDevice:
    """Parse the argument of `-serial`.

    Raises:
        OptionError: Naming the option, the device and what is supported.
    """
    if text in ("stdio", "mon:stdio"):
        return Stdio(monitor=text.startswith("mon:"))
    if text == "null":
        return Null()
    if text == "none":
        return NoDevice()
    kind, _, rest = text.partition(":")
    if kind == "file":
        if not rest:
            raise OptionError(f"{option} {text}: the path is missing; write file:PATH")
        return File(Path(rest.removeprefix("path=")))
    if kind == "tcp":
        tcp, left = parse_tcp(option, rest)
        _no_more(option, left)
        return tcp
    if kind == "unix":
        unix, left = parse_unix(option, rest)
        _no_more(option, left)
        return unix
    raise unknown_device(option, text, SUPPORTED)
