"""Replays a record: every line's question is asked again, and every field of its answer compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from emulator.kvm import Kvm
from emulator.kvm.one_reg import IDS, name_of
from tests.kvmrecords.answers import ANSWERS, fresh
from tests.kvmrecords.record import Line, Record, integer
from tests.kvmrecords.rules import skip_rule, varies

VECTOR: Final = 9
COUNT: Final = "reglist_n"


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
    outcome = Outcome()
    for number, line in record.lines:
        rule = skip_rule(line)
        if rule is not None:
            outcome.skipped[rule] += 1
            continue
        outcome.replayed += 1
        outcome.disagreements += (f"{record.name}:{number}: {text}" for text in _compare(kvm, record, line))
    outcome.disagreements += _compare_order(kvm, record)
    return outcome


def _compare(kvm: Kvm, record: Record, line: Line) -> Iterator[str]:
    kind = next(iter(line))
    if kind == COUNT:
        yield from _compare_count(kvm, record, integer(line[kind]))
        return
    if kind not in ANSWERS:
        yield f"nothing is known about lines of the kind '{kind}'"
        return
    answer = {kind: line[kind]} | ANSWERS[kind](kvm, line)
    for name, recorded in line.items():
        ours = answer.get(name, recorded if name in ("idx", "sub", "smnpm") else "no answer")
        if ours != recorded and not varies(line, name):
            yield f"{_question(line)}: {name} is {ours} here and {recorded} in the record"


def _question(line: Line) -> str:
    kind = next(iter(line))
    text = f"{kind} {line[kind]}"
    if kind in ("list", "badid"):
        return f"{kind} {name_of(integer(line[kind]))}"
    return text + "".join(f" {name}={line[name]}" for name in ("sub", "idx", "smnpm", "arg") if name in line)


def _vector_registers(record: Record) -> int:
    return sum("list" in line and integer(line["list"]) >> 24 & 0xFF == VECTOR for _, line in record.lines)


def _compare_count(kvm: Kvm, record: Record, recorded: int) -> Iterator[str]:
    """The rule for V takes the vector registers out of the count."""
    ours, theirs = len(fresh(kvm).reg_list()), recorded - _vector_registers(record)
    if ours != theirs:
        yield f"{COUNT}: {ours} registers here and {theirs} in the record"


def _compare_order(kvm: Kvm, record: Record) -> Iterator[str]:
    """What is listed, is listed in the recorded order."""
    ours = {number: place for place, number in enumerate(fresh(kvm).reg_list())}
    listed = [integer(line["list"]) for _, line in record.lines if "list" in line]
    places = [ours[number] for number in listed if number in ours]
    if places != sorted(places):
        yield f"{record.name}: the registers are listed in another order, from {name_of(IDS['config.isa'])} on"
