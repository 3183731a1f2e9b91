"""Many programs of some groups, on some processes, and the account of them."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final

from tests.lockstep.compare import Comparison, Difference, Outcome
from tests.lockstep.groups import GROUPS
from tests.lockstep.spike import SpikeError
from tests.lockstep.subject import Subject

if TYPE_CHECKING:
    from emulator.isa.extensions import CpuConfig

BATCH: Final = 8


@dataclass(slots=True)
class Account:
    """What was run.

    Attributes:
        programs: Programs compared.
        steps: Steps compared.
        differences: What was found.
        rows: Names of the instruction rows that retired.
        causes: Traps, counted by cause and target.
    """

    programs: int = 0
    steps: int = 0
    differences: list[Difference] = field(default_factory=list)
    rows: set[str] = field(default_factory=set)
    causes: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count a program."""
        self.programs += 1
        self.steps += outcome.steps
        self.rows |= outcome.rows
        self.causes += outcome.causes
        if outcome.difference is not None:
            self.differences.append(outcome.difference)


@cache
def _subject(cpu: CpuConfig) -> Subject:
    return Subject(cpu)


def compare(name: str, seed: int) -> Outcome:
    """Run the program of a seed on both machines."""
    group = GROUPS[name]
    try:
        return Comparison(group, seed, _subject(group.cpu)).run()
    except SpikeError as error:
        return Outcome(0, Difference(name, seed, 0, "Spike", (str(error),)))


def _batch(name: str, seeds: range) -> list[Outcome]:
    return [compare(name, seed) for seed in seeds]


def campaign(name: str, seeds: range, jobs: int) -> Iterator[Outcome]:
    """The outcomes of a group's programs, in order of their seeds."""
    if jobs == 1:
        for seed in seeds:
            yield compare(name, seed)
        return
    batches = [seeds[at : at + BATCH] for at in range(0, len(seeds), BATCH)]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for outcomes in pool.map(_batch, [name] * len(batches), batches):
            yield from outcomes
