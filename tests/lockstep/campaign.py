"""Many programs of some groups, on some processes, and the account of them."""

from __future__ import annotations

import multiprocessing
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final

from tests.lockstep.compare import Comparison, Difference, Outcome
from tests.lockstep.groups import GROUPS
from tests.lockstep.spike import Run, SpikeError, run_spike
from tests.lockstep.subject import Subject

if TYPE_CHECKING:
    from emulator.isa.extensions import CpuConfig

BATCH: Final = 32
AHEAD: Final = 4


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


def _finish(comparison: Comparison, spike: Future[Run]) -> Outcome:
    try:
        return comparison.run(spike.result())
    except SpikeError as error:
        return Outcome(0, Difference(comparison.group.name, comparison.seed, 0, "Spike", (str(error),)))


def compare(name: str, seeds: Iterable[int]) -> Iterator[Outcome]:
    """Run the programs of some seeds on both machines: on Spike a few ahead, while their predecessors are compared."""
    group = GROUPS[name]
    waiting: deque[tuple[Comparison, Future[Run]]] = deque()
    with ThreadPoolExecutor(AHEAD) as pool:
        for seed in seeds:
            comparison = Comparison(group, seed, _subject(group.cpu))
            waiting.append((comparison, pool.submit(run_spike, group.isa, comparison.image.elf())))
            if len(waiting) > AHEAD:
                yield _finish(*waiting.popleft())
        while waiting:
            yield _finish(*waiting.popleft())


def _batch(name: str, seeds: range) -> list[Outcome]:
    return list(compare(name, seeds))


def campaign(name: str, seeds: range, jobs: int) -> Iterator[Outcome]:
    """The outcomes of a group's programs, in order of their seeds."""
    if jobs == 1:
        yield from compare(name, seeds)
        return
    batches = [seeds[at : at + BATCH] for at in range(0, len(seeds), BATCH)]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for outcomes in pool.map(_batch, [name] * len(batches), batches):
            yield from outcomes
