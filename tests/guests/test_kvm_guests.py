"""Guests of ours under the emulated KVM: they check themselves, and each kind of check can fail."""

from __future__ import annotations

from typing import Final

import pytest

from emulator.hart import csrs
from emulator.kvm import BudgetExit, Host, MmioExit, VcpuExit, parse_isa
from tests.helpers.elf import Elf
from tests.helpers.guests import ROOT
from tests.helpers.vmm import ISA, SIZE, Vmm, ended, start

BARE: Final = Elf(ROOT / "guests/elf/masking_bare.elf")
SV39: Final = Elf(ROOT / "guests/elf/masking_sv39.elf")
WITHOUT_SSTC: Final = ISA.replace("_sstc", "")
WITHOUT_SSNPM: Final = ISA.replace("_ssnpm", "")

REFUSED: Final = ["FAILED  FWFT knows pointer masking: -2, expected 0", "FAILED  FWFT sets PMLEN 7: -2, expected 0"]
"""What a guest finds that may not mask: -2 is SBI_ERR_NOT_SUPPORTED."""


def both() -> pytest.MarkDecorator:
    """Run a test with physical and with translated addresses."""
    return pytest.mark.parametrize("elf", [BARE, SV39], ids=lambda elf: elf.path.stem)


@both()
@pytest.mark.parametrize("kernel", ["linux-6.18", "linux-7.2"])
@pytest.mark.parametrize("vcpus", [1, 2])
@pytest.mark.parametrize("isa", [ISA, WITHOUT_SSTC], ids=["sstc", "no-sstc"])
def test_a_guest_masks_its_pointers(elf: Elf, kernel: str, vcpus: int, isa: str) -> None:
    """VS-mode masks by FWFT, VU-mode by senvcfg, through timer interrupts, on each hart for itself."""
    guest = start(elf.path, kernel, isa, vcpus=vcpus)

    assert guest.run() == ended(0)

    assert guest.failed == []
    assert ("ok      timer interrupts by stimecmp: 3" in guest.lines) == (isa is ISA)
    assert "ok      timer interrupts in VU-mode: 3" in guest.lines
    assert ("ok      hart 1: nothing is locked after a restart: 0" in guest.lines) == (vcpus == 2)
    checks = sum(line.startswith("ok ") for line in guest.lines)
    assert guest.lines[-1] == f"{checks} checks, 0 failed"


@both()
@pytest.mark.parametrize(
    ("kernel", "registers"),
    [
        ("linux-7.2", {"isa_ext.smnpm": 0}),
        ("linux-7.2", {"sbi_fwft.pointer_masking.enable": 0}),
        ("linux-7.2", {"sbi_ext.fwft": 0}),
        ("linux-6.18", {"sbi_fwft.pointer_masking.enable": 0}),
        ("linux-6.13", {}),
        ("linux-6.12", {}),
    ],
)
def test_a_guest_that_may_not_mask_is_refused(elf: Elf, kernel: str, registers: dict[str, int]) -> None:
    """With Smnpm hidden, the feature withheld, or no FWFT in the kernel, VS-mode goes without; VU-mode cares not."""
    guest = start(elf.path, kernel, registers=registers)

    assert guest.run() == ended(1)

    assert guest.failed == REFUSED
    assert "ok      a load through a tag of 16 bits in VU-mode: 0x5ec7e7" in guest.lines


@both()
def test_6_18_hides_smnpm_from_the_registers_only(elf: Elf) -> None:
    """Linux 6.18 decides when the vcpu is made: hiding Smnpm afterwards takes nothing away."""
    guest = start(elf.path, "linux-6.18", registers={"isa_ext.smnpm": 0})

    assert guest.run() == ended(0)
    assert guest.failed == []


@both()
def test_a_host_without_masking_has_none_to_give(elf: Elf) -> None:
    """Without the host's Ssnpm there is neither henvcfg.PMM nor senvcfg.PMM."""
    guest = start(elf.path, isa=WITHOUT_SSNPM)

    assert guest.run() == ended(1)

    assert guest.failed[:2] == REFUSED
    assert "FAILED  senvcfg takes PMLEN 7: 0, expected 0x200000000" in guest.failed


@both()
@pytest.mark.parametrize("mode", [8, 9, 10])
def test_the_second_stage_may_be_of_any_size(elf: Elf, mode: int) -> None:
    """Sv39x4, Sv48x4 and Sv57x4 under the guest: it notices nothing, whatever bits of a tag reach the second stage."""
    guest = start(elf.path, vcpus=2, host=Host(parse_isa(ISA), satp_mode=mode))

    assert guest.run() == ended(0)

    hgatp = guest.vm.world.machine.debug.read_csr(0, csrs.BY_NAME["hgatp"].number)
    assert (guest.failed, hgatp >> 60) == ([], mode)


def test_a_length_that_the_host_has_not_is_refused() -> None:
    """Where henvcfg takes PMLEN 7 alone, FWFT refuses 16: there is no rounding."""
    guest = start(SV39.path, host=Host(parse_isa(ISA), pmlens=frozenset({7})))

    assert guest.run() == ended(1)
    assert guest.failed[0] == "FAILED  FWFT sets PMLEN 16: -3, expected 0"


def test_a_fence_that_is_not_made_is_noticed() -> None:
    """Without SBI RFENCE the second hart cannot be told of new tables."""
    guest = start(SV39.path, vcpus=2, registers={"sbi_ext.rfence": 0})

    assert guest.run() == ended(1)
    assert guest.failed[0] == "FAILED  RFENCE in hart 1: -2, expected 0"


def test_user_space_sees_addresses_as_the_hardware_made_them() -> None:
    """In Bare mode a tag that is not masked leads to where no memory is; PMLEN 7 leaves bit 56, with zeros above."""
    guest = start(BARE.path)
    secret = BARE.symbols["secret"]

    assert guest.run() == ended(0)

    expected = (0xAA << 56 | secret, 1 << 56 | secret, 0xBEEF << 48 | secret)
    assert guest.accesses == [MmioExit(address, 8, b"", False) for address in expected]


def run_to(guest: Vmm, line: str) -> VcpuExit:
    """Run until a line is printed."""
    while line not in guest.lines:
        leaving = guest.vm.run(100)[1]
        assert leaving == BudgetExit()
    return leaving


def test_masking_that_goes_away_is_noticed() -> None:
    """If henvcfg.PMM were lost under the guest, its next tagged pointer would trap, and it says where and with what."""
    guest = start(SV39.path)
    run_to(guest, "ok      FWFT sets PMLEN 7: 0")
    guest.vm.world.machine.debug.write_csr(0, csrs.BY_NAME["henvcfg"].number, 0)

    assert guest.run() == ended(1)

    tagged = 0xAA << 56 | SV39.symbols["secret"]
    assert any(line.startswith("unexpected trap 13 ") and line.endswith(f"{tagged:#x}") for line in guest.lines)


def test_memory_that_is_wrong_is_noticed() -> None:
    """A check compares with what the guest's source says, not with what it finds."""
    guest = start(SV39.path)
    run_to(guest, "ok      FWFT sets PMLEN 7: 0")
    guest.vm.write_memory(SV39.symbols["user_secret"], (1).to_bytes(8, "little"))

    assert guest.run() == ended(1)

    assert guest.failed[0] == "FAILED  a load in VU-mode: 1, expected 0x5ec7e7"


def test_a_hart_that_nobody_wakes_is_noticed() -> None:
    """Without SBI IPI the harts wait for each other for ever, and the run comes back."""
    guest = start(SV39.path, vcpus=2, registers={"sbi_ext.ipi": 0})

    assert guest.run() != ended(0)
    assert "ok      hart 0: greetings: 1" not in guest.lines


@pytest.mark.parametrize("vcpus", [1, 2])
@pytest.mark.parametrize("at", [1, 2_345, 23_456, 34_567, 234_567, 1_234_567])
def test_a_guest_moves_while_it_works(at: int, vcpus: int) -> None:
    """Saved anywhere in its checks and restored in another virtual machine, it goes on as if nothing had happened."""
    guest, whole = start(SV39.path, vcpus=vcpus), start(SV39.path, vcpus=vcpus)
    assert whole.run() == ended(0)
    assert guest.vm.run(at)[1] == BudgetExit()
    there = Vmm(guest.vm.kvm.create_vm(max_vcpus=vcpus, host_memory=SIZE), guest.console)
    there.vm.user_space = there.serve

    there.vm.restore(guest.vm.save())

    assert there.run() == ended(0)
    assert there.console == whole.console
