"""SBI calls at their edges, as the kernel's handlers answer them."""

from __future__ import annotations

import pytest

from emulator.kvm import Host, SbiExit, SystemEventExit, Vcpu, parse_isa
from tests.kvm.guests import DATA, ISA, MEMORY, guest, load, make_vm

IPI = 0x735049
HSM = 0x48534D
SRST = 0x53525354
STA = 0x535441
DBCN = 0x4442434E
TIME = 0x54494D45
BASE = 0x10
WIDE = 1 << 32
"""A bit that a number of 32 bits does not have."""

ALL_ONES = (1 << 64) - 1
INVALID_PARAM = -3 & ALL_ONES
INVALID_ADDRESS = -5 & ALL_ONES
NOT_SUPPORTED = -2 & ALL_ONES


def result(vcpu: Vcpu) -> tuple[int, int]:
    """Let the guest make its call and end: `a0` and `a1`."""
    vcpu.run()
    return vcpu.get_one_reg("core.a0"), vcpu.get_one_reg("core.a1")


def test_an_ipi_reaches_who_exists_beside_who_does_not() -> None:
    """`kvm_sbi_ext_ipi_handler` sends to every vcpu that the mask names and then complains about the rest."""
    vcpu = guest("ecall", a7=IPI, a6=0, a0=0b11, a1=0)

    assert result(vcpu)[0] == INVALID_PARAM
    assert vcpu.get_one_reg("csr.sip") == 1 << 1


@pytest.mark.parametrize(("kind", "event"), [(WIDE, 1), (WIDE | 2, 2)])
def test_a_reset_has_numbers_of_32_bits(kind: int, event: int) -> None:
    """`kvm_sbi_ext_srst_handler` takes kind and reason as u32."""
    vcpu = guest("ecall", a7=SRST, a6=0, a0=kind, a1=WIDE | 7)

    assert vcpu.run() == SystemEventExit(event, 7)


def test_a_hart_has_a_number_of_32_bits() -> None:
    """`kvm_get_vcpu_by_id` takes an int."""
    assert result(guest("ecall", a7=HSM, a6=2, a0=WIDE)) == (0, 0)


def test_steal_time_has_flags_of_32_bits() -> None:
    """`kvm_sbi_sta_steal_time_set_shmem` takes the flags as u32."""
    assert result(guest("ecall", a7=STA, a6=0, a0=DATA, a1=0, a2=WIDE))[0] == 0


def test_steal_time_needs_memory_that_can_be_written() -> None:
    """`kvm_sbi_sta_steal_time_set_shmem` refuses a slot that is read-only."""
    vm = make_vm()
    vm.set_memory_region(1, MEMORY + 0x100000, 0x1000, readonly=True)
    load(vm.vcpus[0], "ecall", a7=STA, a6=0, a0=MEMORY + 0x100000, a1=0, a2=0)

    assert result(vm.vcpus[0])[0] == INVALID_ADDRESS
    assert vm.vcpus[0].get_one_reg("sbi_sta.shmem_lo") == ALL_ONES


@pytest.mark.parametrize(("kernel", "forwarded"), [("linux-6.12", False), ("linux-6.18", False), ("linux-7.2", True)])
def test_unknown_console_functions(kernel: str, forwarded: bool) -> None:
    """Linux 7.2 forwards every function of the debug console; `kvm_sbi_ext_dbcn_handler` knew three."""
    vcpu = guest("ecall", kernel=kernel, a7=DBCN, a6=3)
    vcpu.set_one_reg("sbi_ext.dbcn", 1)

    assert isinstance(vcpu.run(), SbiExit) is forwarded
    assert forwarded or vcpu.get_one_reg("core.a0") == NOT_SUPPORTED


@pytest.mark.parametrize(("enabled", "legacy", "found"), [(1, False, 1), (0, False, 0), (1, True, 0)])
def test_the_placeholder_of_the_old_sbi_is_found(enabled: int, legacy: bool, found: int) -> None:
    """Without CONFIG_RISCV_SBI_V01 the entry has the id -1, which `kvm_vcpu_sbi_find_ext` finds and a probe reports."""
    vm = make_vm(host=Host(parse_isa(ISA), legacy_sbi=legacy))
    vm.vcpus[0].set_one_reg("sbi_ext.v01", enabled)
    load(vm.vcpus[0], "ecall", a7=BASE, a6=3, a0=ALL_ONES)

    assert result(vm.vcpus[0]) == (0, found)


@pytest.mark.parametrize(("legacy", "a1"), [(True, 5), (False, 0)])
def test_calls_of_the_old_sbi_leave_a1_alone_where_they_exist(legacy: bool, a1: int) -> None:
    """`kvm_riscv_vcpu_sbi_ecall` spares `a1` for calls of v0.1 that it knows, and clears it for those it does not."""
    vm = make_vm(host=Host(parse_isa(ISA), legacy_sbi=legacy))
    load(vm.vcpus[0], "ecall", a7=3, a1=5)

    assert result(vm.vcpus[0]) == (0 if legacy else NOT_SUPPORTED, a1)


def test_a_forwarded_call_of_the_old_sbi_sets_a1() -> None:
    """`kvm_riscv_vcpu_sbi_return` copies both of user space's results, whatever the call."""
    vm = make_vm(host=Host(parse_isa(ISA), legacy_sbi=True))
    load(vm.vcpus[0], "ecall", a7=1, a0=65, a1=5)
    assert isinstance(vm.vcpus[0].run(), SbiExit)

    vm.vcpus[0].complete_sbi(0, 9)

    assert result(vm.vcpus[0]) == (0, 9)


def test_an_armed_event_shows_and_can_be_cancelled() -> None:
    """Without Sstc, an event in the future shows in the timer's state; cancelled, it is gone, and `compare` stays."""
    vcpu = guest("ecall", isa=ISA.replace("_sstc", ""), a7=TIME, a6=0, a0=1 << 40)
    vcpu.run()
    assert vcpu.get_one_reg("timer.state") == 1

    vcpu.set_one_reg("timer.state", 0)

    assert vcpu.get_one_reg("timer.state") == 0
    assert vcpu.get_one_reg("timer.compare") == 1 << 40


@pytest.mark.parametrize("name", ["experimental", "vendor"])
def test_a_probe_of_user_spaces_ranges_is_forwarded_though_they_are_disabled(name: str) -> None:
    """`kvm_sbi_ext_base_handler` forwards by the id alone; a call of the disabled extension is refused."""
    extension = {"experimental": 0x08FFFFFF, "vendor": 0x09000000}[name]
    vcpu = guest("ecall", "addi a7,s0,0", "ecall", a7=BASE, a6=3, a0=extension, s0=extension)
    vcpu.set_one_reg(f"sbi_ext.{name}", 0)

    left = vcpu.run()

    assert isinstance(left, SbiExit)
    assert (left.extension, left.function, left.args[0]) == (BASE, 3, extension)
    assert result(vcpu)[0] == NOT_SUPPORTED
