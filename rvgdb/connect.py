"""`rvgdb connect`: joins standard input and output to a debug port, for `target remote | ssh HOST rvgdb connect PORT`.

So a debug port needs no address that others can reach: ssh says who somebody is, and the protocol cannot.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import trio

from rvgdb.chardev import Tcp, Unix, host_and_port
from rvgdb.errors import OptionError
from rvgdb.listening import connect
from rvgdb.wire import standard_streams

USAGE: Final = (
    "usage: rvgdb connect PORT | HOST:PORT | PATH\n\n"
    "Joins standard input and output to a debug port of this host: a TCP port (of loopback, unless HOST is named)\n"
    "or a Unix socket, whose PATH has a '/' in it or comes after 'unix:'. In GDB:\n\n"
    "  target remote | ssh HOST rvgdb connect PORT"
)

CHUNK: Final = 1 << 16

PARTING_SECONDS: Final = 5.0
"""How long the debug port may take to close its side once the debugger has closed its own."""


def parse_place(text: str) -> Tcp | Unix:
    """Where to connect.

    Raises:
        OptionError: When the text is neither a port nor an address nor a path.
    """
    if text.startswith("unix:") or "/" in text:
        return Unix(Path(text.removeprefix("unix:")))
    host, port = host_and_port("connect", f":{text}" if text.isdigit() else text.removeprefix("tcp:"))
    if port == 0:
        raise OptionError("connect: port 0 is nobody's; write the port that 'rvgdb run' printed")
    return Tcp(host, port)


def main(words: Sequence[str]) -> int:
    """Connect and pass bytes on until either side ends.

    Returns:
        0.

    Raises:
        OptionError: For anything but one place.
        ListenError: When nobody listens there.
    """
    if len(words) != 1:
        raise OptionError(f"connect needs one place to connect to\n{USAGE}")
    if words[0] in ("-h", "--help", "-help"):
        sys.stdout.write(f"{USAGE}\n")
        return 0
    trio.run(_join, parse_place(words[0]))
    return 0


async def _join(place: Tcp | Unix) -> None:
    async with await connect(place) as port, standard_streams() as terminal, trio.open_nursery() as nursery:
        nursery.start_soon(_send, terminal, port, nursery.cancel_scope)
        await _pass_on(port, terminal)
        nursery.cancel_scope.cancel()


async def _send(terminal: trio.abc.Stream, port: trio.SocketStream, everything: trio.CancelScope) -> None:
    """The debugger's bytes; after its end the port may still have an answer under way."""
    await _pass_on(terminal, port)
    try:
        await port.send_eof()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        everything.cancel()
    everything.deadline = trio.current_time() + PARTING_SECONDS


async def _pass_on(source: trio.abc.ReceiveStream, sink: trio.abc.SendStream) -> None:
    """Until the source ends or the sink is gone."""
    try:
        while data := await source.receive_some(CHUNK):
            await sink.send_all(data)
    except trio.BrokenResourceError:
        return
