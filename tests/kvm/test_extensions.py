"""Which extensions a guest has, and which ones user space may hide, kernel by kernel."""

from __future__ import annotations

import errno

import pytest

from emulator.errors import ConfigError
from emulator.kvm import Kvm, KvmError, Vcpu, find_profile, parse_isa

HOST = "rv64imafdch_zicbom_zicboz_smstateen_ssnpm_sstc_svadu"


def vcpu_of(kernel: str, host: str = HOST) -> Vcpu:
    """A fresh vcpu."""
    return Kvm(host, kernel).create_vm().create_vcpu(0)


@pytest.mark.parametrize("name", ["smnpm", "ssnpm"])
def test_6_12_knows_no_pointer_masking(name: str) -> None:
    """Linux 6.12 has no id for SMNPM or SSNPM, whatever the host has."""
    with pytest.raises(KvmError, match="ENOENT"):
        vcpu_of("linux-6.12").get_one_reg(f"isa_ext.{name}")


@pytest.mark.parametrize("name", ["smnpm", "ssnpm"])
def test_6_13_hides_no_pointer_masking(name: str) -> None:
    """Linux 6.13 shows both to the guest and lets user space disable neither."""
    vcpu = vcpu_of("linux-6.13")

    with pytest.raises(KvmError, match="EINVAL"):
        vcpu.set_one_reg(f"isa_ext.{name}", 0)
    assert vcpu.get_one_reg(f"isa_ext.{name}") == 1


@pytest.mark.parametrize("kernel", ["linux-6.18", "linux-7.2"])
def test_smnpm_is_hidden_and_ssnpm_is_not(kernel: str) -> None:
    """From 6.18 on Smnpm can be disabled; Ssnpm cannot, since nothing traps the guest's senvcfg."""
    vcpu = vcpu_of(kernel)

    vcpu.set_one_reg("isa_ext.smnpm", 0)

    assert vcpu.get_one_reg("isa_ext.smnpm") == 0
    with pytest.raises(KvmError, match="EINVAL"):
        vcpu.set_one_reg("isa_ext.ssnpm", 0)


@pytest.mark.parametrize("kernel", ["linux-6.13", "linux-6.18", "linux-7.2"])
def test_smnpm_of_the_guest_is_ssnpm_of_the_host(kernel: str) -> None:
    """A host without Ssnpm has no guest with Smnpm, even if the host has Smnpm."""
    vcpu = vcpu_of(kernel, "rv64imafdch_smnpm")

    with pytest.raises(KvmError, match="ENOENT"):
        vcpu.get_one_reg("isa_ext.smnpm")


def test_6_18_decides_at_creation_what_fwft_offers() -> None:
    """In 6.18 the pointer masking registers stay after Smnpm was hidden; in 7.2 they go."""
    names = [f"sbi_fwft.pointer_masking.{part}" for part in ("enable", "flags", "value")]
    latched, tested = vcpu_of("linux-6.18"), vcpu_of("linux-7.2")
    for vcpu in (latched, tested):
        vcpu.set_one_reg("isa_ext.smnpm", 0)

    assert [latched.get_one_reg(name) for name in names] == [1, 0, 0]
    for name in names:
        with pytest.raises(KvmError, match="ENOENT"):
            tested.get_one_reg(name)


def test_after_the_first_run_the_isa_stays() -> None:
    """Writing what is so succeeds after the first run, and anything else is EBUSY."""
    vcpu = vcpu_of("linux-7.2")
    vcpu.run(immediate_exit=True)

    vcpu.set_one_reg("isa_ext.smnpm", 1)

    for register, value in (("isa_ext.smnpm", 0), ("config.isa", 0), ("config.mimpid", 5), ("sbi_ext.fwft", 1)):
        with pytest.raises(KvmError) as refusal:
            vcpu.set_one_reg(register, value)
        assert refusal.value.errno == errno.EBUSY


def test_henvcfg_follows_the_isa_at_the_first_run() -> None:
    """The vcpu's extensions set their bits of henvcfg; PMM stays 0, since presence does not mean enabled."""
    vcpu = vcpu_of("linux-7.2")
    vcpu.set_one_reg("isa_ext.zicbom", 0)

    vcpu.run(immediate_exit=True)

    assert vcpu.config.henvcfg == 1 << 63 | 1 << 61 | 1 << 7  # STCE, ADUE, CBZE


def test_a_host_without_h_has_no_kvm() -> None:
    """Without the hypervisor extension there is nothing to open (ENODEV)."""
    with pytest.raises(KvmError, match="ENODEV"):
        Kvm("rv64imafdc_ssnpm")


def test_svadu_beside_svade_is_not_used() -> None:
    """Linux takes Svade where a host announces both, so KVM does not know Svadu there."""
    assert parse_isa("rv64imach_svade_svadu") == parse_isa("rv64imach_svade")


@pytest.mark.parametrize("text", ["rv32imac", "rv64 imac", "riscv", "rv64imac__sstc", "rv64imac_9"])
def test_what_is_no_isa_string_is_refused(text: str) -> None:
    """An ISA string that cannot be read is an error that quotes it."""
    with pytest.raises(ConfigError, match="host-isa"):
        parse_isa(text)


def test_an_unknown_kernel_is_refused() -> None:
    """A kernel without profile is an error that lists the profiles."""
    with pytest.raises(ConfigError, match=r"linux-6\.13"):
        find_profile("linux-5.0")
