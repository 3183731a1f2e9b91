"""Sessions without trio: every verb of `rvgdb.sessions`, with the same name and arguments, as a function that waits.

with open_session("-bios", "none", "-kernel", "guest.elf") as session:
    session.gdb.break_at("main")
    session.gdb.cont()
    session.gdb.expect_breakpoint("main")

The verbs are written once, as coroutines; here a thread runs trio, and what is called from outside is carried over.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio

from rvgdb.sessions import debugging


class Blocking:
    """Stands for an object of a running session: its coroutines wait, everything else is as it is there.

    Args:
        subject: The object.
        token: The trio run that it belongs to.
    """

    def __init__(self, subject: object, token: trio.lowlevel.TrioToken) -> None:
        self._subject = subject
        self._token = token

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the subject's attribute is
        value = getattr(self._subject, name)
        if inspect.iscoroutinefunction(value):
            return self._waiting(value)
        return value

    def _waiting(self, verb: Callable[..., Any]) -> Callable[..., Any]:
        async def call(args: tuple[Any, ...], options: dict[str, Any]) -> Any:  # noqa: ANN401 -- the verb's own result
            return await verb(*args, **options)

        def blocking(*args: Any, **options: Any) -> Any:  # noqa: ANN401 -- the verb's own arguments and result
            return trio.from_thread.run(call, args, options, trio_token=self._token)

        blocking.__doc__ = verb.__doc__
        return blocking


class BlockingSession:
    """`rvgdb.sessions.Session`, with verbs that wait.

    Attributes:
        gdb: The verbs of `rvgdb.sessions.Gdb`.
        machine: Those of `EmulatorProcess` or `InsideMachine`.
        traffic: What was said last.
    """

    def __init__(self, session: debugging.Session, token: trio.lowlevel.TrioToken) -> None:
        self.gdb = Blocking(session.gdb, token)
        self.machine = Blocking(session.machine, token)
        self.traffic = session.traffic
        self._token = token

    def end(self, done: trio.Event) -> None:
        """Set the event that the session waits for."""
        self._token.run_sync_soon(done.set)


@contextmanager
def open_session(
    *options: str,
    elf: Path | str | None = None,
    inside: bool = False,
    gdb: str | None = None,
    settings: Sequence[str] = (),
) -> Iterator[BlockingSession]:
    """`rvgdb.sessions.open_session` for code without trio; arguments and errors are its own."""
    opened: Future[BlockingSession] = Future()
    done = trio.Event()

    async def serve() -> None:
        async with debugging.open_session(*options, elf=elf, inside=inside, gdb=gdb, settings=settings) as session:
            opened.set_result(BlockingSession(session, trio.lowlevel.current_trio_token()))
            await done.wait()

    with ThreadPoolExecutor(1, "rvgdb-session") as threads:
        running = threads.submit(trio.run, serve)
        pending: tuple[Future[Any], ...] = (opened, running)
        wait(pending, return_when=FIRST_COMPLETED)
        if not opened.done():
            running.result()
        session = opened.result()
        try:
            yield session
        finally:
            session.end(done)
        running.result()
