"""Guests of the emulated KVM from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from rvgdb.cli import main
from tests.rvgdb.small_guests import exits, options

ELF = Path(__file__).resolve().parents[2] / "guests" / "elf" / "smode.elf"
KVM = ["run", "-accel", "kvm", "-display", "none"]
ATOMIC_ON_A_DEVICE = [0x20000537, 0x00A5202F]
"""`lui a0, 0x20000; amoadd.w zero, a0, (a0)`"""


def test_a_guest_in_supervisor_mode_runs(tmp_path: Path) -> None:
    """Debug console, timer, HSM and IPIs of a program that was written for firmware; SRST ends it."""
    out = tmp_path / "out"

    assert main([*KVM, "-smp", "2", "-serial", f"file:{out}", "-kernel", str(ELF)]) == 0

    assert "smode: hart 1 says hello\nsmode: done\n" in out.read_text()


@pytest.mark.parametrize(("value", "status"), [(0x5555, 0), (0x3333 | 7 << 16, 7)])
def test_the_status_is_the_finishers(tmp_path: Path, value: int, status: int) -> None:
    """The finisher is an exit to user space, and ends the run as on the bare machine."""
    assert main([*KVM, *options(tmp_path, exits(value))]) == status


def test_a_reset_with_no_reboot_is_an_end(tmp_path: Path) -> None:
    """`-no-reboot` turns the guest's reset into the end."""
    assert main([*KVM, "-no-reboot", *options(tmp_path, exits(0x7777))]) == 0


def test_a_run_that_fails_ends_with_a_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Where nobody could look at the halted guest, the run ends with 1."""
    assert main([*KVM, *options(tmp_path, ATOMIC_ON_A_DEVICE)]) == 1

    assert "rvgdb: KVM_RUN of vcpu 0 failed: EOPNOTSUPP" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-accel", "kvm,kernel=linux-6.11"], "-accel kvm,kernel: there is no kernel profile 'linux-6.11'; there are:"),
        (["-accel", "kvm,host-isa=rv32i"], "-accel kvm,host-isa: 'rv32i' is no ISA string"),
        (["-accel", "kvm,host-isa=rv64imac"], "a host without the hypervisor extension has no KVM"),
        (["-accel", "kvm", "-cpu", "rv64"], "write -cpu host"),
        (["-cpu", "host"], "-cpu host: only KVM has vcpus that are what the host is; add -accel kvm"),
        (["-accel", "kvm", "-bios", "fw.bin"], "a guest of KVM has no M-mode to run firmware in"),
        (["-accel", "kvm", "-cpu", "host,smepmp=on"], "linux-7.2 on this host has no 'smepmp' for guests"),
    ],
)
def test_what_cannot_be_had_is_one_line(words: list[str], text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The error names the option and what to do."""
    assert main(["run", "-display", "none", *words]) == 1

    err = capfd.readouterr().err
    assert text in err
    assert err.count("\n") == 1


def test_the_accelerators_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`-accel help` names both, and the kernels."""
    assert main(["run", "-accel", "help"]) == 0

    out = capsys.readouterr().out
    assert "\ntcg\nkvm\n" in out
    assert "linux-6.12|linux-6.13|linux-6.18|linux-7.2" in out
