#!/usr/bin/env python3
"""Sends random bytes and packets to a debug port of its own, and sees to it that it serves on.

usage: .venv/bin/python scripts/fuzz_session.py [--seconds N] [--seed N]

A run can be repeated: a seed is always the same bytes. The exit status is 1 at the first thing that is wrong,
whose seed is printed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import trio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rvgdb.sessions import open_rvgdb
from tests.faults.load import Holding, noise
from tests.helpers.guests import DEMO

ROUNDS = 50


async def _fuzz(seconds: float, seed: int) -> int:
    async with open_rvgdb(*DEMO.options) as machine:
        await noise(machine.address, ROUNDS, seed)
        first, end, turn = Holding.of(machine.pid), time.monotonic() + seconds, 0
        while time.monotonic() < end:
            turn += 1
            print(f"seed {seed + turn}", end="\r", flush=True)
            await noise(machine.address, ROUNDS, seed + turn)
            if machine.exit_status is not None or b"internal error" in machine.errors or b"Traceback" in machine.errors:
                print(f"seed {seed + turn}: {machine.errors.decode(errors='replace')}")
                return 1
        last = Holding.of(machine.pid)
    print(f"{turn * ROUNDS} connections; memory {first.memory >> 20} to {last.memory >> 20} MiB")
    print(f"descriptors {first.descriptors} to {last.descriptors}")
    return int(last.descriptors > first.descriptors + 1)


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Random bytes for the debug port.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    return trio.run(_fuzz, options.seconds, options.seed)


if __name__ == "__main__":
    sys.exit(main())
