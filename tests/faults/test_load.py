"""Short forms of what `scripts/soak.py` does at length: nothing hangs, nothing is left behind, no guest is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rvgdb.sessions import EmulatorProcess, open_rvgdb
from tests.faults.load import Holding, attach_and_detach, many_machines, many_packets, noise
from tests.helpers.guests import DEMO
from tests.helpers.rsp import open_served

SLACK = 8 << 20
"""Bytes by which a process may grow for other reasons than what is repeated: caches that fill once."""


@pytest.fixture
async def machine() -> AsyncIterator[EmulatorProcess]:
    """A process whose guest computes for ever, with the caches of a first session filled."""
    async with open_rvgdb(*DEMO.options) as machine:
        async with open_served(machine.address) as client:
            await client.spin()
        await attach_and_detach(machine.address, 3)
        yield machine


async def test_attaching_and_detaching(machine: EmulatorProcess) -> None:
    """Debuggers that come and go leave no descriptor and no memory behind."""
    before = Holding.of(machine.pid)
    await attach_and_detach(machine.address, 60)
    async with open_served(machine.address) as client:
        assert await client.answers()
        after = Holding.of(machine.pid)
    assert after.descriptors <= before.descriptors + 1
    assert after.memory < before.memory + SLACK


async def test_many_packets(machine: EmulatorProcess) -> None:
    """Memory does not grow with the packets of a session."""
    before = Holding.of(machine.pid)
    await many_packets(machine.address, 10_000)
    assert Holding.of(machine.pid).memory < before.memory + SLACK


async def test_noise(machine: EmulatorProcess) -> None:
    """Random bytes cost a connection each, and nothing more."""
    before = Holding.of(machine.pid)
    await noise(machine.address, 60, seed=1)
    assert Holding.of(machine.pid).descriptors <= before.descriptors + 1
    assert machine.exit_status is None
    assert b"Traceback" not in machine.errors
    assert b"internal error" not in machine.errors


async def test_many_machines_in_one_process() -> None:
    """Each of many debuggers stops its own machine at its own breakpoint."""
    await many_machines(20)
