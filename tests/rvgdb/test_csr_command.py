"""`rvgdb csr` and `rvgdb gdb-script`."""

from __future__ import annotations

import json

import pytest

from emulator.hart.layouts import LAYOUTS
from rvgdb.cli import main
from rvgdb.gdbext import tables


def test_a_value_is_decoded_without_a_machine(capsys: pytest.CaptureFixture[str]) -> None:
    """The CSR's number and each field."""
    assert main(["csr", "mcause", "0x8000000000000005"]) == 0
    assert capsys.readouterr().out == (
        "mcause     0x8000000000000005  CSR 0x342\n"
        "  INTERRUPT  [63]     1\n"
        "  CODE       [62:0]   supervisor-timer (5)\n"
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["csr"], "a CSR and its value are needed"),
        (["csr", "mstaus", "0"], "there is no CSR 'mstaus' (did you mean 'mstatus'?)"),
        (["csr", "satp", "x"], "'x' is no number"),
        (["csr", "satp", "-1"], "-1 does not fit"),
        (["gdb-script", "x"], "gdb-script takes nothing"),
    ],
)
def test_what_is_wrong_is_said(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, status 1."""
    assert main(words) == 1
    assert text in capsys.readouterr().err


def test_the_script_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """It is Python, and has the fields of every CSR."""
    assert main(["gdb-script"]) == 0
    compile(capsys.readouterr().out, "rvgdb-gdb.py", "exec")
    fields = json.loads(tables())["fields"]
    assert {name: len(rows) for name, rows in fields.items()} == {name: len(rows) for name, rows in LAYOUTS.items()}
