"""Load on the debug port, and what a process holds before and after: descriptors and memory.

The tests run these briefly and `scripts/soak.py` and `scripts/fuzz_session.py` at length.
"""

from __future__ import annotations

import os
import random
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from rvgdb.sessions import open_gdb
from rvgdb.sessions.inside import open_inside
from tests.faults.wire_faults import half_closed, random_payload, slow_reader
from tests.helpers.guests import DEMO
from tests.helpers.rsp import Rsp, framed, open_rsp, open_served

BATCH: Final = 100


@dataclass(frozen=True)
class Holding:
    """What a process holds.

    Attributes:
        descriptors: Open file descriptors.
        memory: Resident bytes.
    """

    descriptors: int
    memory: int

    @classmethod
    def of(cls, pid: int) -> Holding:
        """Ask the kernel."""
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return cls(len(list(Path(f"/proc/{pid}/fd").iterdir())), pages * os.sysconf("SC_PAGE_SIZE"))


async def attach_and_detach(address: str, cycles: int) -> None:
    """Debuggers come, look, and detach; the guest runs on between them."""
    for _ in range(cycles):
        async with open_served(address) as client:
            assert await client.answers()
            assert await client.ask(b"D;1") == b"OK"


async def many_packets(address: str, packets: int) -> None:
    """One session asks for registers and memory, a batch of packets at a time."""
    questions = (b"qC", b"g", b"m80000000,40", b"p20", b"vCont;s:p1.1")
    async with open_served(address) as client:
        await client.order_no_acks()
        for start in range(0, packets, BATCH):
            asked = [questions[number % len(questions)] for number in range(start, min(start + BATCH, packets))]
            await client.send_raw(b"".join(map(framed, asked)))
            for _ in asked:
                assert not (await client.reply()).startswith(b"E")


async def slow_readers(address: str, rounds: int) -> None:
    """Debuggers that ask for more than the network holds and read only later."""
    for _ in range(rounds):
        await slow_reader(address)


async def half_closed_ones(address: str, rounds: int) -> None:
    """Debuggers that close their direction before they have read what they asked for."""
    for _ in range(rounds):
        await half_closed(address)


async def killed_debuggers(address: str, count: int) -> None:
    """Real GDBs that let the guest run and are killed at once."""
    for _ in range(count):
        async with open_gdb() as gdb:
            await gdb.connect(address)
            await gdb.cont()
            os.kill(gdb.pid, signal.SIGKILL)
    async with open_served(address) as client:
        assert await client.answers()


async def noise(address: str, rounds: int, seed: int) -> None:
    """Random bytes, random packets and halves of packets, each in a connection of its own; then all is well.

    Raises:
        AssertionError: The stub does not answer an ordinary question in the ordinary way.
    """
    chance = random.Random(seed)
    for _ in range(rounds):
        async with open_rsp(address) as client:
            kind = chance.randrange(3)
            data = chance.randbytes(chance.randrange(1, 2000))
            if kind:
                data = b"+" + b"".join(framed(random_payload(chance)) for _ in range(20))
            if kind == 2:
                data = data[: chance.randrange(1, len(data))] + bytes([chance.randrange(256)]) + data[-20:]
            await client.send_raw(data)
    async with open_served(address) as client:
        assert await client.answers()


async def many_machines(count: int) -> None:
    """As many machines in this process, each with a debugger, all of whose guests reach a breakpoint at once."""
    async with AsyncExitStack() as closing:
        machines = [await closing.enter_async_context(open_inside(*DEMO.options, "-m", "8M")) for _ in range(count)]
        clients = [await closing.enter_async_context(open_served(machine.address)) for machine in machines]
        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(_reach, client)


async def _reach(client: Rsp) -> None:
    target = DEMO.elf.symbols["measure"]
    assert await client.ask(b"Z0,%x,2" % target) == b"OK"
    assert (await client.ask(b"vCont;c")).startswith(b"T05")
    assert await client.ask(b"p20") == target.to_bytes(8, "little").hex().encode()
