from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import pytest

from emulator.engine.integers import IntOps
from emulator.hart import csrs
from emulator.isa.rows import Row
from emulator.isa.table import BY_NAME, ROWS
from tests.helpers.differential import Comparison, Difference


def _identify(row: Row) -> str:
    return row.name


@pytest.mark.parametrize("row", ROWS, ids=_identify)
def test_engines_agree(row: Row, request: pytest.FixtureRequest) -> None:
    """Random instructions of a row leave the same state, memory and traps on both engines."""
    count: int = request.config.getoption("--differential")

    steps = Comparison(zlib.crc32(row.name.encode())).run(row, count)

    assert steps >= count


def _off_by_one(ops: IntOps, a: int, b: int) -> int:
    return a + b + 1 & (1 << 64) - 1


def _unsigned(ops: IntOps, a: int, b: int) -> bool:
    return a < b


def _zero_extended(ops: IntOps, a: int, bits: int) -> int:
    return a & (1 << bits) - 1


@pytest.mark.parametrize(
    ("operation", "wrong", "row"),
    [
        ("add", _off_by_one, "add"),
        ("add", _off_by_one, "c.addi4spn"),
        ("add", _off_by_one, "sd"),
        ("add", _off_by_one, "amoadd.d"),
        ("slt", _unsigned, "blt"),
        ("slt", _unsigned, "amomin.w"),
        ("sext", _zero_extended, "lb"),
        ("sext", _zero_extended, "divw"),
    ],
)
def test_a_wrong_meaning_is_found(
    operation: str, wrong: Callable[..., Any], row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison can fail: an operation that the reference gets wrong shows in any row that uses it."""
    comparison = Comparison(1)
    monkeypatch.setattr(IntOps, operation, wrong)

    with pytest.raises(Difference):
        comparison.run(BY_NAME[row], 2000)


@pytest.mark.parametrize("name", ["mscratch", "mepc", "sstatus"])
def test_a_wrong_csr_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CSR that the reference reads wrongly shows in the CSR instructions."""
    row = csrs.BY_NAME[name]
    wrong = csrs.Csr(row.number, row.name, lambda d: d.xor(row.read(d), 2), row.write, row.guard)
    comparison = Comparison(1)
    monkeypatch.setitem(csrs.BY_NUMBER, row.number, wrong)

    with pytest.raises(Difference):
        comparison.run(BY_NAME["csrrs"], 5000)


def test_wrong_memory_is_found() -> None:
    """A byte of memory that differs is a difference."""
    comparison = Comparison(1)
    comparison.run(BY_NAME["add"], 1)
    comparison.reference.backing.ram[-1] ^= 1

    with pytest.raises(Difference, match="memory"):
        comparison.run(BY_NAME["add"], 1)
