"""The command line of `scripts/lockstep`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Final

from emulator.isa.extensions import satisfied
from emulator.isa.table import ROWS
from tests.lockstep.campaign import Account, campaign
from tests.lockstep.groups import GROUPS
from tests.lockstep.spike import find_spike

SHOWN: Final = 20
ALWAYS_TRAP: Final = frozenset({"ecall", "ebreak", "c.ebreak"})
EVERY: Final = 5.0
"""Seconds between two lines of progress."""


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/lockstep",
        description="Run random programs on Spike and on the compiled engine, and compare them.",
    )
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of: {', '.join(GROUPS)}; all by default")
    parser.add_argument("--programs", type=int, default=100, help="programs of each group (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the first program's seed (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument("--stop-after", type=int, default=SHOWN, help="differences after which a group is given up")
    parser.add_argument("--causes", action="store_true", help="count the traps by cause")
    chosen = parser.parse_args(words)
    unknown = [name for name in chosen.groups if name not in GROUPS]
    if unknown:
        parser.error(f"there is no group '{unknown[0]}'; there are: {', '.join(GROUPS)}")
    return chosen


def _run(name: str, chosen: argparse.Namespace) -> Account:
    account = Account()
    start = told = time.monotonic()
    for outcome in campaign(name, range(chosen.seed, chosen.seed + chosen.programs), chosen.jobs):
        account.add(outcome)
        if outcome.difference is not None:
            print(outcome.difference, flush=True)
        if len(account.differences) >= chosen.stop_after:
            break
        if time.monotonic() - told > EVERY:
            told = time.monotonic()
            print(
                f"{name}: {account.programs} programs, {account.steps:,} instructions ...", file=sys.stderr, flush=True
            )
    seconds = time.monotonic() - start
    print(
        f"{name}: {account.programs} programs, {account.steps:,} instructions ({account.causes.total():,} traps), "
        f"{len(account.differences)} differences, {account.steps / max(seconds, 0.001):,.0f} instructions/s",
        flush=True,
    )
    if chosen.causes:
        for cause, count in account.causes.most_common():
            print(f"{name}: {count:8,} x {cause}")
    return account


def _missed(groups: Sequence[str], accounts: Sequence[Account]) -> list[str]:
    """Rows that these groups' harts have and no program executed, of those that were looked at (`compare.ROWS_OF`)."""
    wanted = {row.name for name in groups for row in ROWS if satisfied(row.extension, GROUPS[name].cpu.extensions)}
    return sorted(wanted - ALWAYS_TRAP - {name for account in accounts for name in account.rows})


def _summarize(chosen: argparse.Namespace, accounts: Sequence[Account]) -> None:
    """A line for each group and one for all."""
    print(f"\n{'group':10} {'programs':>8} {'instructions':>12} {'traps':>9} {'differences':>11}  seeds")
    for name, one in zip(chosen.groups or GROUPS, accounts, strict=True):
        seeds = f"{chosen.seed} to {chosen.seed + one.programs - 1}"
        traps, differences = one.causes.total(), len(one.differences)
        print(f"{name:10} {one.programs:8,} {one.steps:12,} {traps:9,} {differences:11}  {seeds}")
    programs, steps = sum(one.programs for one in accounts), sum(one.steps for one in accounts)
    differences = sum(len(one.differences) for one in accounts)
    print(f"lockstep: {programs:,} programs, {steps:,} instructions, {differences} differences")


def main(words: Sequence[str] | None = None) -> int:
    """Run; returns the exit status: 1 after a difference, 2 without Spike."""
    chosen = _arguments(words)
    if find_spike() is None:
        print("scripts/lockstep: Spike is not installed", file=sys.stderr)
        return 2
    accounts = [_run(name, chosen) for name in chosen.groups or GROUPS]
    _summarize(chosen, accounts)
    missed = _missed(chosen.groups or list(GROUPS), accounts)
    if missed:
        print(f"lockstep: never retired: {' '.join(missed)}")
    return 1 if any(one.differences for one in accounts) else 0


if __name__ == "__main__":
    sys.exit(main())
