"""A task that runs beside a `with` block and ends with it.

A nursery wraps what a block raises in an exception group. Here the task is an implementation detail of the block's
resource, so a lone exception leaves as it was raised: `except CommandFailed` works.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import trio


@contextmanager
def _alone() -> Iterator[None]:
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        raise group.exceptions[0] from group.exceptions[0].__cause__


@asynccontextmanager
async def beside(task: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Run `task` until the block ends."""
    with _alone():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task)
            try:
                yield
            finally:
                nursery.cancel_scope.cancel()


@asynccontextmanager
async def begun(task: Callable[..., Awaitable[object]]) -> AsyncIterator[Any]:
    """Run `task` until the block ends, which begins with what the task reports through `task_status`."""
    with _alone():
        async with trio.open_nursery() as nursery:
            begin = await nursery.start(task)
            try:
                yield begin
            finally:
                nursery.cancel_scope.cancel()
