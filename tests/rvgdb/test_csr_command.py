"""`rvgdb csr`, `rvgdb pm` and `rvgdb gdb-script`."""

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
        (["pm"], "an address, or the values of CSRs"),
        (["pm", "x"], "'x' is no number"),
        (["pm", "0", "envcfg=1"], "there is no CSR 'envcfg'"),
        (["pm", "0", "henvcfg.PM=1"], "henvcfg has no field 'PM' (did you mean 'PMM'?)"),
        (["pm", "0", "henvcfg.PMM=1"], "henvcfg.PMM does not take reserved; it is off"),
        (["pm", "0", "mhartid=1"], "mhartid is read-only"),
        (["gdb-script", "x"], "gdb-script takes nothing"),
    ],
)
def test_what_is_wrong_is_said(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, status 1."""
    assert main(words) == 1
    assert text in capsys.readouterr().err


def test_a_masked_address_needs_no_guest(capsys: pytest.CaptureFixture[str]) -> None:
    """Zero-extended where Bare, sign-extended where translated, nothing where no field asks for it (Smnpm, Ssnpm)."""
    tagged = "0xff80008080000000"
    assert main(["pm", tagged, "henvcfg.PMM=PMLEN16", "senvcfg.PMM=pmlen7", "vsatp.MODE=Sv39"]) == 0
    lines = capsys.readouterr().out.splitlines()
    meant = {mode.split()[0]: line.split()[-1] for mode, line in zip(lines[::2], lines[1::2], strict=True)}
    assert meant == {
        "U": "0x0180008080000000",
        "S": tagged,
        "M": tagged,
        "VU": "0xff80008080000000",
        "VS": "0x0000008080000000",
    }


def test_the_script_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """It is Python, and has the fields of every CSR."""
    assert main(["gdb-script"]) == 0
    compile(capsys.readouterr().out, "rvgdb-gdb.py", "exec")
    fields = json.loads(tables())["fields"]
    assert {name: len(rows) for name, rows in fields.items()} == {name: len(rows) for name, rows in LAYOUTS.items()}
