from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lockstep.campaign import Account, compare
from tests.lockstep.compare import Comparison
from tests.lockstep.groups import GROUPS
from tests.lockstep.spike import Step, find_spike, parse, run_spike
from tests.lockstep.subject import Subject

PROGRAMS = 12

pytestmark = pytest.mark.skipif(
    find_spike() is None, reason="Spike is not installed: scripts/test --oracle installs it"
)


@pytest.mark.parametrize("name", GROUPS)
def test_spike_agrees(name: str) -> None:
    """Random programs of each group do the same in Spike, step by step, but for the differences that are explained."""
    account = Account()
    for outcome in compare(name, range(PROGRAMS)):
        account.add(outcome)

    assert [str(difference) for difference in account.differences] == []
    assert account.steps > 300 * PROGRAMS


def _wrong_register(step: Step) -> Step:
    return step._replace(registers=tuple((number, value ^ 1 << 40) for number, value in step.registers))


def _wrong_csr(step: Step) -> Step:
    return step._replace(csrs=tuple((number, value ^ 4) for number, value in step.csrs))


def _wrong_store(step: Step) -> Step:
    return step._replace(stores=tuple((address, size, value ^ 1) for address, size, value in step.stores))


def _wrong_privilege(step: Step) -> Step:
    return step._replace(priv=2)


def _wrong_place(step: Step) -> Step:
    return step._replace(pc=step.pc + 2)


@pytest.mark.parametrize("spoil", [_wrong_register, _wrong_csr, _wrong_store, _wrong_privilege, _wrong_place])
def test_a_difference_is_found(spoil: Callable[[Step], Step], monkeypatch: pytest.MonkeyPatch) -> None:
    """One wrong value in Spike's account is found, and shown with the command that leads back to it."""
    group = GROUPS["priv"]
    comparison = Comparison(group, 5, Subject(group.cpu))
    run = run_spike(group.isa, comparison.image.elf())
    steps = list(parse(run.log))
    end = next(at for at, step in enumerate(steps) if step.pc == comparison.image.end)
    at = max(at for at in range(end) if steps[at].priv is not None and spoil(steps[at]) != steps[at])
    steps[at] = spoil(steps[at])
    monkeypatch.setattr("tests.lockstep.compare.parse", lambda _log: iter(steps))

    difference = comparison.run(run).difference

    assert difference is not None
    assert "again: scripts/lockstep priv --seed 5 --programs 1" in str(difference)
