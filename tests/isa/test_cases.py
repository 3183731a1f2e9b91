from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

from emulator.isa.table import BY_NAME, ROWS, decode
from tests.helpers.cases import Case, CaseError, all_cases, parse_case, run_case

ISA: Final = Path(__file__).parents[2] / "emulator" / "isa"
EMULATOR: Final = ISA.parent


def _identify(case: Case) -> str:
    return f"{case.where}:{case.text.replace(' ', '_')}"


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize("case", all_cases(), ids=_identify)
def test_case(case: Case, engine: str) -> None:
    """An instruction does what its line says, and nothing else."""
    assert run_case(engine, case) == []


def test_every_row_has_a_line() -> None:
    """No instruction is without a case."""
    found = [decode(word) for case in all_cases() for word in case.code]
    covered = {instruction.row.name for instruction in found if instruction is not None}

    assert [row.name for row in ROWS if row.name not in covered] == []


@pytest.mark.parametrize(
    "line",
    [
        "add x1, x2, x3 | x2=1",
        "add x1, x2 | x2=1 => x1=2",
        "add x1, x2, x3 | x2 => x1=2",
        "add x1, x2, x3 | x2=1 x2=2 => x1=2",
        "addd x1, x2, x3 | x2=1 => x1=2",
    ],
)
def test_bad_lines_are_errors(line: str) -> None:
    """A line without an outcome, or one that cannot be read, is an error and not a case that passes."""
    with pytest.raises(CaseError):
        parse_case(line, "somewhere:1")


@pytest.mark.parametrize(
    "line",
    [
        "addi x1, x2, 1 | x2=1 => x1=3",
        "addi x1, x2, 1 | x2=1 =>",
        "addi x1, x2, 1 | x2=1 => x1=2 pc=+8",
        "sd x1, 0(x2) | x2=0x80004000 x1=1 =>",
        "csrrw x1, mscratch, x2 | x2=5 => x1=0",
        "ecall | => trap=10",
        "lw x1, 0(x2) | x2=0x80004000 => x1=0 mem[0x80004000]:4=1",
    ],
)
@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_wrong_lines_fail(line: str, engine: str) -> None:
    """A line that names a wrong outcome, or leaves out an effect, fails on either engine."""
    assert run_case(engine, parse_case(line, "somewhere:1")) != []


def test_a_mnemonic_has_one_table_file() -> None:
    """An instruction is written down in one place."""
    files: dict[str, list[str]] = {row.name: [] for row in ROWS}
    for path in sorted(ISA.glob("*.py")):
        rows = _declared(path)
        for name in rows & files.keys():
            files[name].append(path.name)

    assert {name: places for name, places in files.items() if len(places) > 1} == {}
    assert len(BY_NAME) == len(ROWS)


def _declared(path: Path) -> set[str]:
    """The string constants that are first or second arguments of calls that make rows."""
    makers = re.compile(r"row|_short|_rr|_ri|_shiftw?|_branch|_load|_store")
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if makers.fullmatch(name):
                found |= {
                    arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
                }
    return found


def test_no_code_asks_for_a_mnemonic() -> None:
    """Nothing compares an instruction's name: what differs between instructions is in their rows."""
    found = [
        f"{path.relative_to(EMULATOR).as_posix()}:{node.lineno}"
        for path in sorted(EMULATOR.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare) and _names_instruction(node)
    ]

    assert found == []


def _names_instruction(comparison: ast.Compare) -> bool:
    sides = [comparison.left, *comparison.comparators]
    constants = {
        part.value
        for side in sides
        for part in ast.walk(side)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    return bool(constants & BY_NAME.keys())
