"""Fixtures: a stub with one hart, a stub with two, each with a debugger attached."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.rvgdb.rsp_client import RspClient, Stub


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    """A stub over one hart, with the runner running."""
    async with Stub().running() as running:
        yield running


@pytest.fixture
async def pair() -> AsyncIterator[Stub]:
    """A stub over two harts."""
    async with Stub(2).running() as running:
        yield running


@pytest.fixture
async def gdb(stub: Stub) -> RspClient:
    """A debugger attached to `stub`."""
    client = stub.connect()
    await client.introduce()
    return client


@pytest.fixture
async def gdb2(pair: Stub) -> RspClient:
    """A debugger attached to `pair`."""
    client = pair.connect()
    await client.introduce()
    return client
