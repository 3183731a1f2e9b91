"""Replays a record: every line's question is asked again, and every field of its answer compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from emulator.kvm import Kvm, KvmError
from emulator.kvm.one_reg import IDS, name_of
from tests.kvmrecords.answers import ANSWERS, fresh
from tests.kvmrecords.line import Line, integer
from tests.kvmrecords.probes import Probes
from tests.kvmrecords.record import Record
from tests.kvmrecords.rules import comparable, skip_rule, varies

VECTOR_REGISTERS: Final = 37
"""How many the kernel lists for a vcpu with V, which the machine cannot give it."""
COUNT: Final = "reglist_n"
QUESTION: Final = ("arg", "idx", "sub", "smnpm")
"""Fields that belong to the question."""


@dataclass
class Outcome:
    """What came of a replay.

    Attributes:
        replayed: How many lines were compared.
        skipped: How many were not, by rule.
        disagreements: A sentence each.
    """

    replayed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """The closing line."""
        skipped = "".join(f", {count} skipped ({rule})" for rule, count in sorted(self.skipped.items()))
        return f"{self.replayed} lines replayed, {len(self.disagreements)} disagreements{skipped}"


def replay(record: Record) -> Outcome:
    """Ask the emulated KVM everything that a record holds."""
    kvm = Kvm(record.host, record.profile)
    probes = Probes(kvm, record)
    outcome = Outcome()
    for index, (number, line) in enumerate(record.lines):
        probes.follow(index)
        rule = skip_rule(line) or probes.skip_rule(line)
        if rule is not None:
            outcome.skipped[rule] += 1
            continue
        outcome.replayed += 1
        texts = _compare_count(kvm, line) if COUNT in line else _compare(kvm, probes, line)
        outcome.disagreements += (f"{record.name}:{number}: {text}" for text in texts)
    outcome.disagreements += _compare_order(kvm, record)
    return outcome


def _compare(kvm: Kvm, probes: Probes, line: Line) -> Iterator[str]:
    kind = next(iter(line))
    try:
        answer = probes.answer(line) if kind in probes.kinds else ANSWERS[kind](kvm, line)
    except KeyError:
        yield f"nothing is known about lines of the kind '{kind}'"
        return
    except (ValueError, KvmError) as error:
        yield f"{_question(line)}: {error}"
        return
    for name, recorded in line.items():
        if name in (kind, *QUESTION) and name not in answer:
            continue
        ours = answer.get(name, "missing")
        if comparable(line, name, ours) != comparable(line, name, recorded) and not varies(line, name):
            yield f"{_question(line)}: {name} is {ours} here and {recorded} in the record"


def _question(line: Line) -> str:
    kind = next(iter(line))
    text = f"{kind} {line[kind]}"
    if kind in ("list", "badid"):
        return f"{kind} {name_of(integer(line[kind]))}"
    return text + "".join(f" {name}={line[name]}" for name in ("sub", "idx", "smnpm", "arg") if name in line)


def _compare_count(kvm: Kvm, line: Line) -> Iterator[str]:
    """The rule for V takes the vector registers out of the count."""
    vcpu = fresh(kvm)
    ours, theirs = len(vcpu.reg_list()), integer(line[COUNT]) - (VECTOR_REGISTERS if vcpu.has("v") else 0)
    if ours != theirs:
        yield f"{COUNT}: {ours} registers here and {theirs} in the record"


def _compare_order(kvm: Kvm, record: Record) -> Iterator[str]:
    """What is listed, is listed in the recorded order."""
    ours = {number: place for place, number in enumerate(fresh(kvm).reg_list())}
    listed = [integer(line["list"]) for _, line in record.lines if "list" in line]
    places = [ours[number] for number in listed if number in ours]
    if places != sorted(places):
        yield f"{record.name}: the registers are listed in another order, from {name_of(IDS['config.isa'])} on"
