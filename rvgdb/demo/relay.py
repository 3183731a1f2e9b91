"""Runs a program and passes its output on, line by line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from subprocess import DEVNULL, PIPE

import trio


async def relay(command: Sequence[str], show: Callable[[str], None], *, stderr: int | None = None) -> int:
    """Run `command` with nothing on its standard input until it ends; a cancellation terminates it.

    Args:
        command: The program and its arguments.
        show: Called with each line of the standard output, without its end.
        stderr: Where its standard error goes, as for `subprocess`; None leaves it where ours goes.

    Returns:
        The exit status; negative for a signal.

    Raises:
        OSError: If the program cannot be started.
    """
    start = partial(trio.run_process, list(command), stdin=DEVNULL, stdout=PIPE, stderr=stderr, check=False)
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(start)
        assert process.stdout is not None
        rest = b""
        async for chunk in process.stdout:
            *lines, rest = (rest + bytes(chunk)).split(b"\n")
            for line in lines:
                show(line.decode(errors="replace").rstrip("\r"))
        if rest:
            show(rest.decode(errors="replace"))
    return await process.wait()
