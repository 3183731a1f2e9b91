"""`migrate` and `-incoming` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from rvgdb.cli import main
from tests.rvgdb.test_kvm_run import ELF
from tests.rvgdb.test_run import SECONDS, line_with, rvgdb


def save(path: Path, *words: str) -> bytes:
    """Save a guest at its first call for a timer; what the monitor said."""
    with rvgdb("-accel", "kvm", "-monitor", "stdio", "-S", "-kernel", str(ELF), *words) as process:
        assert process.stdin is not None
        process.stdin.write(b"catch sbi time\ncont\n")
        process.stdin.flush()
        line_with(process, b"made an SBI call")
        said, _ = process.communicate(f"migrate {path}\nquit\n".encode(), timeout=SECONDS)
    return said


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A saved guest with everything."""
    path = tmp_path / "guest.state"
    assert b"-incoming" in save(path)
    return path


def incoming(path: Path, accelerator: str, *words: str) -> int:
    """The status of a run that goes on with a guest."""
    return main(["run", "-accel", accelerator, "-serial", f"file:{path}.out", "-incoming", str(path), *words])


def test_a_guest_goes_on(state: Path) -> None:
    """What it says at the destination is what it had not said at the source."""
    assert incoming(state, "kvm") == 0
    assert Path(f"{state}.out").read_text() == "smode: timer interrupts: 3\nsmode: done\n"


def test_a_host_without_masking(state: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It refuses a guest with Smnpm, naming the register, and takes one whose Smnpm was off."""
    assert incoming(state, "kvm,host-isa=-ssnpm") == 1
    assert "vcpu 0 has isa_ext.smnpm = 0x1, which linux-7.2 on this host does not take" in capfd.readouterr().err

    hidden = tmp_path / "hidden.state"
    save(hidden, "-cpu", "host,smnpm=off")
    assert incoming(hidden, "kvm,host-isa=-ssnpm") == 0
    assert "smode: done" in Path(f"{hidden}.out").read_text()


def test_damage_is_noticed(state: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Truncated, altered, foreign and missing files are one line each, and status 1."""
    data = state.read_bytes()
    bad = tmp_path / "bad.state"
    for content, text in (
        (data[:-1], "it is cut short or padded"),
        (data[:40], "is cut short"),
        (data[:100] + bytes((data[100] ^ 1,)) + data[101:], "has been altered"),
        (b"\x7fELF" + data[4:], "this is no saved virtual machine of rvgdb"),
        (b"", "this is no saved virtual machine of rvgdb"),
    ):
        bad.write_bytes(content)
        assert incoming(bad, "kvm") == 1
        err = capfd.readouterr().err
        assert err.startswith(f"rvgdb: -incoming {bad}: ")
        assert text in err
        assert err.count("\n") == 1
    assert incoming(tmp_path / "none.state", "kvm") == 1
    assert "cannot be read: No such file or directory" in capfd.readouterr().err
    assert incoming(state, "tcg") == 1
    assert "only guests of KVM are saved; add -accel kvm" in capfd.readouterr().err


def test_only_saved_guests_are_overwritten(tmp_path: Path) -> None:
    """A file that is none of ours stays; one of ours becomes the new one; a folder that is not there is named."""
    other = tmp_path / "letter.txt"
    other.write_text("keep me")
    assert b"exists and is no saved guest; name another file" in save(other)
    assert other.read_text() == "keep me"
    again = tmp_path / "guest.state"
    assert b"saved in" in save(again)
    assert b"saved in" in save(again)
    assert b"cannot be written: No such file or directory" in save(tmp_path / "nowhere" / "guest.state")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["guest.state", "letter.txt"]
