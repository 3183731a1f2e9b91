#!/usr/bin/env python3
"""Puts load on the debug port for some minutes and says what the process holds before and after.

usage: .venv/bin/python scripts/soak.py [--cycles N] [--packets N] [--slow N] [--killed N] [--machines N]

Every address is loopback. The exit status is 1 if a descriptor is left behind or memory grows by more than 16 MiB.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rvgdb.sessions import open_rvgdb
from tests.faults.load import (
    Holding,
    attach_and_detach,
    half_closed_ones,
    killed_debuggers,
    many_machines,
    many_packets,
    slow_readers,
)
from tests.helpers.guests import DEMO
from tests.helpers.rsp import open_served

GROWTH = 16 << 20


async def _measure(name: str, pid: int, work: Callable[[], Awaitable[None]]) -> bool:
    before, began = Holding.of(pid), time.monotonic()
    await work()
    await trio.sleep(0.5)  # the server sees the last connection's end
    after, took = Holding.of(pid), time.monotonic() - began
    grown = after.memory - before.memory
    left = after.descriptors - before.descriptors
    print(f"| {name} | {took:.0f} s | {before.memory >> 20} to {after.memory >> 20} MiB | {left} |", flush=True)
    return left <= 0 and grown < GROWTH


async def _soak(options: argparse.Namespace) -> bool:
    print("| load | time | resident memory | descriptors left |\n| --- | --- | --- | --- |")
    async with open_rvgdb(*DEMO.options) as machine:
        async with open_served(machine.address) as client:
            await client.spin()
        await attach_and_detach(machine.address, 5)
        port, pid = machine.address, machine.pid
        loads = (
            (f"{options.cycles:,} times attach and detach, the guest running", attach_and_detach, options.cycles),
            (f"{options.packets:,} packets in one session", many_packets, options.packets),
            (f"{options.slow:,} debuggers that ask for 26 MB and read late", slow_readers, options.slow),
            (f"{options.cycles:,} debuggers that close their direction first", half_closed_ones, options.cycles),
            (f"{options.killed:,} GDBs killed while the guest runs", killed_debuggers, options.killed),
        )
        results = [await _measure(name, pid, partial(load, port, count)) for name, load, count in loads]
    name = f"{options.machines:,} sessions at once on {options.machines:,} machines in one process"
    await _measure(
        name, os.getpid(), partial(many_machines, options.machines)
    )  # Python keeps the memory for the next time
    results.append(await _measure("the same again", os.getpid(), partial(many_machines, options.machines)))
    return all(results)


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Put load on the debug port.")
    parser.add_argument("--cycles", type=int, default=1_000)
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--slow", type=int, default=100)
    parser.add_argument("--killed", type=int, default=20)
    parser.add_argument("--machines", type=int, default=200)
    return 0 if trio.run(_soak, parser.parse_args()) else 1


if __name__ == "__main__":
    sys.exit(main())
