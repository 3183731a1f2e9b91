"""Saving a virtual machine and restoring it, here and on other hosts and kernels."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.kvm import Host, Kvm, KvmError, MmioExit, MpState, StateError, Vm, parse_isa
from emulator.kvm.statefile import HEAD, seal
from tests.kvm.guests import DATA, DEVICE, ISA, MEMORY, guest, load, make_vm

WITHOUT_SSNPM = ISA.replace("_ssnpm", "")


def empty(isa: str = ISA, kernel: str = "linux-7.2") -> Vm:
    """A virtual machine to restore into."""
    return Kvm(Host(parse_isa(isa)), kernel).create_vm(max_vcpus=2, host_memory=1 << 20)


def is_empty(vm: Vm) -> bool:
    """Whether a virtual machine has neither vcpus nor memory."""
    return not vm.vcpus and not list(vm.slots)


def counting(**isa: int) -> Vm:
    """A guest in the middle of its work: it has counted to 3 and shall count on."""
    vm = make_vm(vcpus=2)
    vcpu = vm.vcpus[0]
    for name, value in isa.items():
        vcpu.set_one_reg(f"isa_ext.{name}", value)
        vm.vcpus[1].set_one_reg(f"isa_ext.{name}", value)
    load(
        vcpu,
        "addi a0,a0,1",
        "addi a0,a0,1",
        "addi a0,a0,1",
        "sd a0,0(s0)",
        "ld a1,0(s1)",
        "add a0,a0,a1",
        s0=DATA,
        s1=DEVICE + 8,
    )
    assert vcpu.run() == MmioExit(DEVICE + 8, 8, b"", False)
    vcpu.complete_mmio((40).to_bytes(8, "little"))
    return vm


def goes_on(vm: Vm) -> None:
    """The counting guest finds its memory and registers, and ends as it would have."""
    assert vm.read_memory(DATA, 8) == (3).to_bytes(8, "little")
    assert vm.vcpus[1].mp_state is MpState.STOPPED
    assert vm.vcpus[0].run() == MmioExit(DEVICE, 8, (43).to_bytes(8, "little"), True)


def test_a_restored_guest_goes_on() -> None:
    """Registers, memory, time and the state of every vcpu arrive, and the guest goes on."""
    saved = counting()
    saved.set_time(123_456)
    data = saved.save()
    vm = empty()

    vm.restore(data)

    assert vm.time >= 123_456
    before = {n: saved.vcpus[0].get_one_reg(n) for n in saved.vcpus[0].reg_list()}
    after = {n: vm.vcpus[0].get_one_reg(n) for n in vm.vcpus[0].reg_list()}
    assert {name for name, value in before.items() if after[name] != value} <= {0x8030_0000_0400_0001}
    goes_on(vm)
    goes_on(saved)


def test_masking_moves_with_the_guest() -> None:
    """PMLEN and its lock are registers, so that a tagged pointer still works at the destination."""
    vcpu = guest(
        "ecall", "ld a1,0(s1)", "ld a0,0(s0)", a7=0x46574654, a0=5, a1=7, a2=1, s0=DATA | 1 << 63, s1=DEVICE + 8
    )
    vcpu.vm.write_memory(DATA, (99).to_bytes(8, "little"))
    vcpu.run()
    vm = empty()

    vm.restore(vcpu.vm.save())

    assert vm.vcpus[0].get_one_reg("sbi_fwft.pointer_masking.flags") == 1
    assert vm.vcpus[0].run() == MmioExit(DEVICE, 8, (99).to_bytes(8, "little"), True)


def test_a_guest_with_smnpm_needs_a_host_with_ssnpm() -> None:
    """A host without pointer masking refuses a guest that has Smnpm, and names the register."""
    vm = empty(WITHOUT_SSNPM)

    with pytest.raises(StateError, match=r"isa_ext\.smnpm") as refusal:
        vm.restore(counting().save())

    assert refusal.value.register == "isa_ext.smnpm"
    assert is_empty(vm)


def test_a_guest_without_smnpm_moves_to_any_host() -> None:
    """Hidden from the guest, Smnpm does not keep it from a host without pointer masking: there it runs on."""
    vm = empty(WITHOUT_SSNPM)

    vm.restore(counting(smnpm=0).save())

    goes_on(vm)


def test_a_guest_that_masks_user_pointers_stays() -> None:
    """Ssnpm cannot be hidden; a guest that has set senvcfg.PMM needs it, and the error names it."""
    saved = counting(smnpm=0)
    saved.vcpus[0].set_one_reg("csr.senvcfg", 2 << 32)

    with pytest.raises(StateError) as refusal:
        empty(WITHOUT_SSNPM).restore(saved.save())

    assert refusal.value.register == "isa_ext.ssnpm"


def test_6_18_keeps_the_registers_of_hidden_masking() -> None:
    """Hiding Smnpm is not enough on 6.18: its guest may still mask, unless user space withholds the feature."""
    vm = make_vm("linux-6.18")
    vm.vcpus[0].set_one_reg("isa_ext.smnpm", 0)

    with pytest.raises(StateError) as refusal:
        empty(WITHOUT_SSNPM).restore(vm.save())

    assert refusal.value.register == "sbi_fwft.pointer_masking.enable"
    vm.vcpus[0].set_one_reg("sbi_fwft.pointer_masking.enable", 0)
    destination = empty(WITHOUT_SSNPM)
    destination.restore(vm.save())
    assert destination.has_memory(MEMORY)


def test_only_an_empty_machine_is_restored() -> None:
    """A virtual machine that has something is not overwritten."""
    vm = make_vm()

    with pytest.raises(StateError, match="without vcpus"):
        vm.restore(vm.save())


@pytest.fixture(scope="module")
def data() -> bytes:
    """A saved virtual machine."""
    return counting().save()


def test_truncated_files_are_refused(data: bytes) -> None:
    """A file that ends early is refused at any length, and nothing has changed."""
    vm = empty()

    for length in (0, 1, 7, 8, 12, HEAD - 1, HEAD, len(data) // 2, len(data) - 1):
        with pytest.raises(StateError):
            vm.restore(data[:length])
    assert is_empty(vm)


@settings(deadline=None)
@given(position=st.integers(0), value=st.integers(1, 255))
def test_altered_files_are_refused(data: bytes, position: int, value: int) -> None:
    """Whatever byte is changed, the file is refused and nothing has changed."""
    changed = bytearray(data)
    changed[position % len(data)] ^= value
    vm = empty()

    with pytest.raises(StateError):
        vm.restore(bytes(changed))
    assert is_empty(vm)


def test_a_later_version_is_refused(data: bytes) -> None:
    """A file of another version says so."""
    with pytest.raises(StateError, match="version 3"):
        empty().restore(data[:8] + (3).to_bytes(4, "little") + data[12:])


VCPU = {"id": 0, "state": "RUNNABLE", "registers": {}}
SLOT = {"number": 0, "address": MEMORY, "size": 4096, "readonly": False, "pages": []}


@pytest.mark.parametrize(
    ("slots", "vcpus"),
    [
        ("nothing", []),
        ([{}], []),
        ([SLOT | {"size": 0}], []),
        ([SLOT, SLOT | {"number": 1}], []),
        ([SLOT | {"pages": [MEMORY]}], []),
        ([SLOT | {"size": 1 << 30}], []),
        ([], [VCPU | {"state": "DANCING"}]),
        ([], [VCPU | {"id": 99}]),
        ([], [VCPU, VCPU]),
        ([], [VCPU | {"registers": {"core.x99": 1}}]),
        ([], [VCPU | {"registers": {"core.pc": -1}}]),
        ([], [VCPU | {"registers": {"timer.frequency": 1}}]),
        ([], [VCPU | {"registers": 5}]),
    ],
)
def test_wrong_descriptions_are_refused(slots: object, vcpus: object) -> None:
    """A file that is whole and says nonsense is refused, and nothing has changed."""
    vm = empty()

    with pytest.raises(StateError):
        vm.restore(seal({"kernel": "linux-7.2", "time": 0, "slots": slots, "vcpus": vcpus, "user_space": {}}, b""))
    assert is_empty(vm)


def test_a_checksum_alone_does_not_make_a_file() -> None:
    """A body that is no compressed text is refused, however well it is sealed."""
    body = b"rubbish"
    head = b"RVGDBKVM" + (2).to_bytes(4, "little") + len(body).to_bytes(8, "little")

    with pytest.raises(StateError, match="cannot be read"):
        empty().restore(head + hashlib.sha256(body).digest() + body)


def test_saving_answers_the_last_exit() -> None:
    """What user space has answered is done before the registers are saved."""
    vm = counting()

    vm.save()

    with pytest.raises(KvmError):
        vm.vcpus[0].complete_mmio(bytes(8))
    assert vm.vcpus[0].get_one_reg("core.a1") == 40
