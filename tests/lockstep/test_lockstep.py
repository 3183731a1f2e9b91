from __future__ import annotations

from collections.abc import Callable

import pytest

from emulator.hart.csrs import BY_NAME
from emulator.hart.translation import PSEUDO_READ
from tests.lockstep.campaign import Account, compare
from tests.lockstep.compare import SYSTEM, Comparison
from tests.lockstep.groups import GROUPS
from tests.lockstep.spike import Step, find_spike, parse, run_spike
from tests.lockstep.subject import Subject

PROGRAMS = 12
TRAP_INSTRUCTIONS = tuple(BY_NAME[name].number for name in ("mtinst", "htinst"))


@pytest.fixture(scope="module", autouse=True)
def spike() -> None:
    """What the machine is compared with."""
    assert find_spike() is not None, "Spike is not installed: scripts/test --oracle installs it"


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


def _no_pseudoinstruction(step: Step) -> Step:
    """Zero is lawful in mtinst or htinst in place of a transformed instruction, but not where the VS-stage faulted."""
    if step.word >> 20 not in TRAP_INSTRUCTIONS or step.word & 0x7F != SYSTEM:
        return step
    return step._replace(registers=tuple((number, value & ~PSEUDO_READ) for number, value in step.registers))


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        *(("priv", spoil) for spoil in (_wrong_register, _wrong_csr, _wrong_store, _wrong_privilege, _wrong_place)),
        ("h-walk", _wrong_register),
        ("h-walk", _no_pseudoinstruction),
    ],
)
def test_a_difference_is_found(name: str, spoil: Callable[[Step], Step], monkeypatch: pytest.MonkeyPatch) -> None:
    """One wrong value in Spike's account is found, and shown with the command that leads back to it."""
    group = GROUPS[name]
    comparison = Comparison(group, 5, Subject(group.cpu))
    run = run_spike(group.isa, comparison.image.elf())
    steps = list(parse(run.log))
    end = next(at for at, step in enumerate(steps) if step.pc == comparison.image.end)
    at = max(at for at in range(end) if steps[at].priv is not None and spoil(steps[at]) != steps[at])
    steps[at] = spoil(steps[at])
    monkeypatch.setattr("tests.lockstep.compare.parse", lambda _log: iter(steps))

    difference = comparison.run(run).difference

    assert difference is not None
    assert f"again: scripts/lockstep {name} --seed 5 --programs 1" in str(difference)
