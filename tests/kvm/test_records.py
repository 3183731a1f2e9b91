"""What a real Linux 6.12 and 7.2 KVM answered, asked again of the emulated one."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from emulator.kvm import find_profile
from tests.kvmrecords.__main__ import main
from tests.kvmrecords.record import RecordError, read_record
from tests.kvmrecords.replay import replay

DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize("kernel", ["linux-6.12", "linux-7.2"])
def test_recorded_answers_are_given(kernel: str) -> None:
    """Every line of a record of a real KVM is answered alike."""
    record = read_record(DATA / f"kvm-{kernel}.jsonl")

    assert record.profile is find_profile(kernel)
    assert replay(record).disagreements == []


@pytest.mark.parametrize("kernel", ["linux-6.12", "linux-7.2"])
@pytest.mark.parametrize("seed", range(6))
def test_any_part_of_a_record_agrees(tmp_path: Path, kernel: str, seed: int) -> None:
    """The host is recognised by whatever lines there are, be they a fiftieth or three quarters of all."""
    chosen = random.Random(seed)
    share = chosen.choice([0.02, 0.25, 0.5, 0.75])
    part = tmp_path / f"kvm-{kernel}.jsonl"
    lines = (DATA / f"kvm-{kernel}.jsonl").read_text(encoding="utf-8").splitlines()
    kept = (line for line in lines if '"csr_' not in line and chosen.random() < share)
    part.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    assert replay(read_record(part)).disagreements == []


def test_a_disagreement_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A record that says something else is named line by line, and the exit status is 1."""
    lines = [json.loads(line) for line in (DATA / "kvm-linux-7.2.jsonl").read_text(encoding="utf-8").splitlines()]
    changed = tmp_path / "kvm-linux-7.2.jsonl"
    line = next(line for line in lines if line.get("isa") == 63)
    line["set0"] = "OK"
    changed.write_text("".join(f"{json.dumps(line)}\n" for line in lines if "probe" not in line), encoding="utf-8")

    status = main([str(changed)])

    assert status == 1
    assert "isa 63: set0 is EINVAL here and OK in the record" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "[]\n", "no json\n", '{"sbi_ran": 3}\n'])
def test_what_is_no_record_is_refused(tmp_path: Path, content: str) -> None:
    """A file that is no record, or does not say which kernel it is of, is refused with a sentence."""
    path = tmp_path / "something.jsonl"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(RecordError, match=r"something\.jsonl"):
        read_record(path)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{}", "no object with fields"),
        ('{"isa": 0', "no JSON"),
        ('{"isa": "x"}', "'isa' is 'x', which is no number"),
        ('{"list": null}', "'list' is None, which is no number"),
        ('{"config": 1.5}', "'config' is 1.5, which is no number"),
        ('{"isa": -1}', "'isa' is -1, which is no number"),
        ('{"isa_multi": 1}', "needs the field 'idx'"),
        ('{"sbistate": 3, "sub": 1}', "needs the field 'smnpm'"),
        ('{"probe": "csr_read"}', "needs the field 'arg'"),
        ('{"probe": "csr_read", "arg": 4096}', "no CSR 0x1000"),
        ('{"list": "0x8030000001000006", "value": "zz"}', "'value' is 'zz', which is no number"),
    ],
)
def test_an_odd_line_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, complaint: str) -> None:
    """A line that asks nothing is refused by its number, with what is wrong."""
    path = tmp_path / "kvm-linux-7.2.jsonl"
    path.write_text(f'{{"api": 12}}\n{line}\n', encoding="utf-8")

    status = main([str(path)])

    said = capsys.readouterr().err
    assert status != 0
    assert "line 2: " in said
    assert complaint in said


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"what": 1}', "nothing is known about lines of the kind 'what'"),
        ('{"probe": "no such instruction", "arg": 0}', "there is no instruction"),
        ('{"probe": "tagged load bare pmlen=99999999999999999999 tag=1", "arg": 0}', "has no room in 8 bytes"),
    ],
)
def test_an_unknown_question_disagrees(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, complaint: str
) -> None:
    """A question that nobody here can ask is a disagreement, and the rest is replayed."""
    path = tmp_path / "kvm-linux-7.2.jsonl"
    path.write_text(f'{line}\n{{"api": 12}}\n', encoding="utf-8")

    status = main([str(path)])

    said = capsys.readouterr().out
    assert status == 1
    assert "kvm-linux-7.2.jsonl:1: " in said
    assert complaint in said
    assert "2 lines replayed, 1 disagreements" in said
