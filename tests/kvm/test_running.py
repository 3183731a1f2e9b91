"""Guests that run: exits and how they go on, traps that KVM handles, power, interrupts."""

from __future__ import annotations

import errno

import pytest

from emulator.hart import csrs
from emulator.kvm import (
    BudgetExit,
    DebugExit,
    InterruptedExit,
    KvmError,
    MmioExit,
    MpState,
    SbiExit,
    SystemEventExit,
    Vcpu,
    VcpuExit,
)
from emulator.kvm.trap import Trap
from emulator.kvm.traps import handle
from tests.kvm.guests import DATA, DEVICE, END, HANDLER, ISA, MEMORY, SIZE, code, guest, load, make_vm

ENDED = MmioExit(DEVICE, 8, bytes(8), True)
HANDLE = ("csrr a0,scause", "csrr a1,stval", "csrr a2,sepc", *END)


def end_of(vcpu: Vcpu) -> int:
    """Run to the end of a guest; what it has left in a0."""
    leaving = vcpu.run(100_000)
    assert isinstance(leaving, MmioExit)
    assert (leaving.address, leaving.is_write) == (DEVICE, True)
    return int.from_bytes(leaving.data, "little")


def trap_of(vcpu: Vcpu) -> tuple[int, int, int]:
    """Run a guest into its trap handler: scause, stval, sepc."""
    vcpu.vm.write_memory(HANDLER, code(HANDLE))
    vcpu.set_one_reg("csr.stvec", HANDLER)
    end_of(vcpu)
    return vcpu.get_one_reg("core.a0"), vcpu.get_one_reg("core.a1"), vcpu.get_one_reg("core.a2")


def csr_of(vcpu: Vcpu, name: str) -> int:
    """A CSR of the vcpu's hart, as a debugger reads it."""
    return vcpu.vm.world.machine.debug.read_csr(vcpu.id, csrs.BY_NAME[name].number)


@pytest.mark.parametrize(
    ("mnemonic", "length", "value"),
    [
        ("lb", 1, 0xFFFF_FFFF_FFFF_FF88),
        ("lbu", 1, 0x88),
        ("lh", 2, 0xFFFF_FFFF_FFFF_8788),
        ("lhu", 2, 0x8788),
        ("lw", 4, 0xFFFF_FFFF_8586_8788),
        ("lwu", 4, 0x8586_8788),
        ("ld", 8, 0x8182_8384_8586_8788),
        ("c.lw", 4, 0xFFFF_FFFF_8586_8788),
        ("c.ld", 8, 0x8182_8384_8586_8788),
    ],
)
def test_loads_from_devices_are_completed(mnemonic: str, length: int, value: int) -> None:
    """A load where no memory is leaves with its address, and gets what user space answers, extended as it says."""
    vcpu = guest(f"{mnemonic} a0,8(s0)", s0=DEVICE)

    assert vcpu.run() == MmioExit(DEVICE + 8, length, b"", False)
    vcpu.complete_mmio((0x8182_8384_8586_8788).to_bytes(8, "little"))

    assert end_of(vcpu) == value


@pytest.mark.parametrize(
    ("line", "length"),
    [("sb a0,0(s0)", 1), ("sh a0,0(s0)", 2), ("sw a0,0(s0)", 4), ("sd a0,0(s0)", 8), ("c.sd a0,0(s0)", 8)],
)
def test_stores_to_devices_carry_their_bytes(line: str, length: int) -> None:
    """A store where no memory is leaves with the bytes that it stores."""
    vcpu = guest(line, s0=DEVICE + 16, a0=0x0102_0304_0506_0708)

    data = (0x0102_0304_0506_0708).to_bytes(8, "little")[:length]
    assert vcpu.run() == MmioExit(DEVICE + 16, length, data, True)
    assert vcpu.get_one_reg("core.pc") == MEMORY


@pytest.mark.parametrize(
    ("line", "offset", "error"),
    [
        ("lw a0,0(s0)", 2, errno.EIO),
        ("amoadd.d a0,a1,(s0)", 0, errno.EOPNOTSUPP),
        ("fld fa0,0(s0)", 0, errno.EOPNOTSUPP),
    ],
)
def test_what_kvm_cannot_carry_out_fails_the_run(line: str, offset: int, error: int) -> None:
    """A misaligned access to a device is EIO, and an instruction that KVM does not decode EOPNOTSUPP."""
    vcpu = guest(line, s0=DEVICE + offset)
    vcpu.set_one_reg("csr.sstatus", 3 << 13)

    with pytest.raises(KvmError) as refusal:
        vcpu.run()

    assert refusal.value.errno == error
    assert vcpu.get_one_reg("core.pc") == MEMORY


def test_a_readonly_slot_is_read_and_leaves_for_stores() -> None:
    """Loads from a read-only slot find memory; a store leaves for user space."""
    vcpu = guest("ld a1,0(s0)", "sd a1,8(s0)", s0=0x9000_0000)
    vcpu.vm.set_memory_region(1, 0x9000_0000, 0x1000, readonly=True)
    vcpu.vm.write_memory(0x9000_0000, (77).to_bytes(8, "little"))

    assert vcpu.run() == MmioExit(0x9000_0008, 8, (77).to_bytes(8, "little"), True)


def test_execution_outside_memory_is_an_access_fault() -> None:
    """A jump to where no memory is gives the guest an instruction access fault (Linux 7.2; 6.12 fails the run)."""
    assert trap_of(guest("jalr zero,0(s0)", s0=DEVICE)) == (1, DEVICE, DEVICE)

    with pytest.raises(KvmError, match="EOPNOTSUPP"):
        guest("jalr zero,0(s0)", kernel="linux-6.12", s0=DEVICE).run()


@pytest.mark.parametrize("kernel", ["linux-6.12", "linux-7.2"])
def test_illegal_instructions_reach_the_guest(kernel: str) -> None:
    """An illegal instruction ends in the guest's handler, whether the hardware or KVM gets it there."""
    vcpu = guest(0xFFFF_FFFF, kernel=kernel)

    assert trap_of(vcpu) == (2, 0xFFFF_FFFF, MEMORY)


@pytest.mark.parametrize(
    "line", ["csrr a0,hstatus", "csrr a0,vsatp", "csrr a0,henvcfg", "csrr a0,cycle", "hfence.gvma zero,zero"]
)
def test_the_hypervisor_is_hidden(line: str) -> None:
    """What belongs to the hypervisor is an ordinary illegal instruction for a guest."""
    vcpu = guest(line)

    cause, word, pc = trap_of(vcpu)

    assert (cause, pc) == (2, MEMORY)
    assert word == int.from_bytes(code([line]), "little")


def test_counters_read_zero_without_a_pmu() -> None:
    """On a host that does not count, `cycle` and `instret` read 0."""
    host = make_vm().kvm.host
    vm = make_vm(host=type(host)(host.isa, pmu=False))
    load(vm.vcpus[0], "li a0,1", "csrr a0,cycle")

    assert end_of(vm.vcpus[0]) == 0


def test_user_space_answers_the_console() -> None:
    """A call of the debug console goes to user space, if that has enabled it, and comes back with its answer."""
    vcpu = guest("ecall", a7=0x4442434E, a6=2, a0=0x41)
    vcpu.set_one_reg("sbi_ext.dbcn", 1)

    assert vcpu.run() == SbiExit(0x4442434E, 2, (0x41, 0, 0, 0, 0, 0))
    vcpu.complete_sbi(0, 5)

    assert end_of(vcpu) == 0
    assert vcpu.get_one_reg("core.a1") == 5


def test_a_call_without_answer_is_not_supported() -> None:
    """If user space says nothing, the guest hears that there is no such call."""
    vcpu = guest("ecall", a7=0x09000001)

    assert isinstance(vcpu.run(), SbiExit)

    assert end_of(vcpu) == (1 << 64) - 2


def test_only_what_is_waited_for_can_be_answered() -> None:
    """An answer to an exit that there was not is EINVAL."""
    vcpu = guest("li a0,1")

    with pytest.raises(KvmError, match="EINVAL"):
        vcpu.complete_mmio(bytes(8))
    with pytest.raises(KvmError, match="EINVAL"):
        vcpu.complete_sbi(0)
    with pytest.raises(KvmError, match="EINVAL"):
        vcpu.complete_csr(0)


def test_shutdown_is_an_event_and_stops_every_vcpu() -> None:
    """SRST leaves with a system event; afterwards nothing runs."""
    vcpu = guest("ecall", a7=0x53525354, a6=0, a0=0, a1=1)

    assert vcpu.run() == SystemEventExit(1, 1)
    assert vcpu.mp_state is MpState.STOPPED
    assert vcpu.run() == InterruptedExit()


def test_ebreak_leaves_while_user_space_debugs() -> None:
    """With guest debug, `ebreak` leaves with its pc; without, the guest gets it (selftests/kvm ebreak_test)."""
    vcpu = guest("ebreak", "ebreak")
    vcpu.set_guest_debug(enable=True)

    assert vcpu.run() == DebugExit(MEMORY)

    vcpu.set_guest_debug(enable=False)
    assert trap_of(vcpu) == (3, MEMORY, MEMORY)


def test_wfi_waits_for_the_timer() -> None:
    """WFI goes on when `stimecmp` is due, and time has passed at once."""
    vcpu = guest(
        "csrr a1,time",
        "add a1,a1,s0",
        "csrw stimecmp,a1",
        "csrw sie,s1",
        "wfi",
        "csrr a0,time",
        "sub a0,a0,a1",
        s0=200,
        s1=1 << 5,
    )

    assert end_of(vcpu) < 100
    assert vcpu.get_one_reg("timer.compare") <= vcpu.get_one_reg("timer.time")


def test_wfi_waits_for_the_sbi_timer() -> None:
    """On a host without Sstc, the SBI's timer wakes the guest."""
    vcpu = guest(
        "csrr a0,time",
        "add a0,a0,s0",
        "ecall",
        "csrw sie,s1",
        "wfi",
        "csrr a0,sip",
        isa=ISA.replace("_sstc", ""),
        a7=0x54494D45,
        s0=200,
        s1=1 << 5,
    )

    assert end_of(vcpu) == 1 << 5


def test_wfi_without_an_end_comes_back() -> None:
    """If nothing can wake the guest, the run comes back as if it had been interrupted, behind the WFI."""
    vcpu = guest("wfi")

    assert vcpu.run() == InterruptedExit()
    assert vcpu.get_one_reg("core.pc") == MEMORY + 4


def test_an_external_interrupt_wakes_the_guest() -> None:
    """KVM_INTERRUPT sets the line that the guest sees in `sip`."""
    vcpu = guest("csrw sie,s1", "wfi", "csrr a0,sip", s1=1 << 9)
    assert vcpu.run() == InterruptedExit()

    vcpu.interrupt(level=True)

    assert end_of(vcpu) == 1 << 9


def test_harts_are_started_and_signalled() -> None:
    """HSM starts the second hart with its number and the caller's value; its IPI wakes the first one."""
    vm = make_vm(vcpus=2)
    first, second = vm.vcpus.values()
    load(first, "ecall", "csrw sie,s1", "wfi", "csrr a0,sip", a7=0x48534D, a6=0, a0=1, a1=MEMORY + 0x2000, a2=99, s1=2)
    ipi = ("lui s0,0x80004", "slli s0,s0,32", "srli s0,s0,32", "sd a0,0(s0)", "sd a1,8(s0)")
    call = ("lui a7,0x735", "addi a7,a7,0x49", "li a6,0", "li a0,1", "li a1,0", "ecall", "wfi")
    vm.write_memory(MEMORY + 0x2000, code((*ipi, *call)))

    vcpu, leaving = vm.run(100_000)

    assert vcpu is first
    assert leaving == MmioExit(DEVICE, 8, (2).to_bytes(8, "little"), True)
    assert vm.read_memory(DATA, 16) == (1).to_bytes(8, "little") + (99).to_bytes(8, "little")
    assert second.mp_state is MpState.RUNNABLE


def test_a_started_hart_begins_without_masking() -> None:
    """HSM start resets firmware features: PMM is 0 and nothing is locked."""
    vm = make_vm(vcpus=2)
    first, second = vm.vcpus.values()
    for name, value in (("value", 7), ("flags", 1)):
        second.set_one_reg(f"sbi_fwft.pointer_masking.{name}", value)
    load(first, "ecall", a7=0x48534D, a6=0, a0=1, a1=MEMORY + 0x2000)

    end_of(first)

    assert second.get_one_reg("sbi_fwft.pointer_masking.value") == 0
    assert second.get_one_reg("sbi_fwft.pointer_masking.flags") == 0


def test_the_guest_turns_masking_on() -> None:
    """FWFT sets henvcfg.PMM at once, so that the next load through a tagged pointer finds the location."""
    vcpu = guest("ecall", "ld a0,0(s0)", a7=0x46574654, a6=0, a0=5, a1=7, s0=DATA | 0x7F << 57)
    vcpu.vm.write_memory(DATA, (1234).to_bytes(8, "little"))

    assert end_of(vcpu) == 1234
    assert csr_of(vcpu, "henvcfg") >> 32 & 3 == 0b10


def test_the_hypervisors_csrs_follow_the_vcpu() -> None:
    """The real CSRs of the hart hold what KVM programs for the vcpu's ISA."""
    vcpu = guest("li a0,0")
    vcpu.set_one_reg("isa_ext.smstateen", 0)

    end_of(vcpu)

    assert csr_of(vcpu, "hedeleg") == 0xB10D
    assert csr_of(vcpu, "hideleg") == 0x444
    assert csr_of(vcpu, "hcounteren") == 2
    assert csr_of(vcpu, "henvcfg") == 1 << 63 | 1 << 61 | 0xF0
    assert csr_of(vcpu, "hstateen0") == 1 << 62
    assert csr_of(vcpu, "hstatus") & 0x3F_FF9F == 0x20_0180
    assert csr_of(vcpu, "hgatp") >> 60 == 10


def test_csrs_are_legal_after_a_run() -> None:
    """User space's values stay as written until the vcpu runs; then the hardware has made of them what it can."""
    vcpu = guest("li a0,0")
    vcpu.set_one_reg("csr.senvcfg", (1 << 64) - 1)
    vcpu.set_one_reg("csr.satp", 0xF << 60)
    assert vcpu.get_one_reg("csr.senvcfg") == (1 << 64) - 1

    end_of(vcpu)

    assert vcpu.get_one_reg("csr.senvcfg") == 3 << 32 | 0xF1
    assert vcpu.get_one_reg("csr.satp") == 0


def test_a_budget_is_exact() -> None:
    """A run with a budget makes so many steps, whatever happens in it: here the first one only maps the page."""
    vcpu = guest("addi a0,a0,1", "jal zero,-4")

    assert vcpu.run(1) == BudgetExit()
    assert vcpu.get_one_reg("core.pc") == MEMORY
    assert vcpu.run(101) == BudgetExit()
    assert vcpu.get_one_reg("core.a0") == 51


def test_user_space_can_answer_without_leaving_the_run() -> None:
    """`Vm.user_space` handles exits inside the run; what it does not handle comes back."""
    vcpu = guest("ld a0,0(s0)", s0=DEVICE + 8)

    def answer(asking: Vcpu, leaving: VcpuExit) -> bool:
        if isinstance(leaving, MmioExit) and not leaving.is_write:
            asking.complete_mmio((5).to_bytes(8, "little"))
            return True
        return False

    vcpu.vm.user_space = answer

    assert end_of(vcpu) == 5


def test_nothing_changes_under_a_running_guest() -> None:
    """While it runs, another run, a removed slot and saving are EBUSY."""
    vcpu = guest("ld a0,0(s0)", s0=DEVICE + 8)
    errors: list[int] = []

    def interfere(asking: Vcpu, leaving: VcpuExit) -> bool:
        vm = asking.vm
        for attempt in (asking.run, vm.run, lambda: vm.set_memory_region(0, 0, 0), vm.save):
            try:
                attempt()
            except KvmError as error:
                errors.append(error.errno)
        return False

    vcpu.vm.user_space = interfere

    assert vcpu.run() == MmioExit(DEVICE + 8, 8, b"", False)
    assert errors == [errno.EBUSY] * 4
    assert vcpu.vm.has_memory(MEMORY)


def test_a_removed_slot_is_no_memory_any_more() -> None:
    """What was mapped is not found after its slot was removed between runs."""
    vcpu = guest("ld a1,0(s0)", "ld a1,8(s1)", "ld a1,0(s0)", s0=0x9000_0000, s1=DEVICE)
    vcpu.vm.set_memory_region(1, 0x9000_0000, 0x1000)
    assert vcpu.run() == MmioExit(DEVICE + 8, 8, b"", False)

    vcpu.vm.set_memory_region(1, 0, 0)

    assert vcpu.run() == MmioExit(0x9000_0000, 8, b"", False)


def test_numbers_of_vcpus_are_checked() -> None:
    """A number that is taken is EEXIST, and one behind the last EINVAL."""
    vm = make_vm()

    for number, error in ((0, errno.EEXIST), (1, errno.EINVAL), (-1, errno.EINVAL)):
        with pytest.raises(KvmError) as refusal:
            vm.create_vcpu(number)
        assert refusal.value.errno == error


@pytest.mark.parametrize(
    ("number", "address", "size", "error"),
    [
        (1, MEMORY + 0x1000, 0x1000, errno.EEXIST),
        (1, MEMORY - 0x1000, 0x2000, errno.EEXIST),
        (1, 0x9000_0001, 0x1000, errno.EINVAL),
        (1, 0x9000_0000, 0x1001, errno.EINVAL),
        (1, 0x9000_0000, 0, errno.EINVAL),
        (-1, 0x9000_0000, 0x1000, errno.EINVAL),
        (1 << 16, 0x9000_0000, 0x1000, errno.EINVAL),
        (0, MEMORY, 2 * SIZE, errno.EINVAL),
        (1, (1 << 64) - 0x1000, 0x2000, errno.EINVAL),
        (1, 1 << 60, 0x1000, errno.EFAULT),
        (1, 0x9000_0000, 1 << 30, errno.ENOMEM),
    ],
)
def test_slots_that_cannot_be_are_refused(number: int, address: int, size: int, error: int) -> None:
    """Overlap, alignment, numbers and sizes are checked with the kernel's errno, and nothing has changed."""
    vm = make_vm()
    before = list(vm.slots)

    with pytest.raises(KvmError) as refusal:
        vm.set_memory_region(number, address, size)

    assert refusal.value.errno == error
    assert list(vm.slots) == before


def test_new_memory_is_zero() -> None:
    """A slot gets zeros also where the host's memory has been another slot's."""
    vm = make_vm()
    vm.set_memory_region(1, 0x9000_0000, 0x2000)
    vm.write_memory(0x9000_0000, b"\xff" * 0x2000)
    vm.set_memory_region(1, 0, 0)

    vm.set_memory_region(2, 0xA000_0000, 0x4000)

    assert vm.read_memory(0xA000_0000, 0x4000) == bytes(0x4000)


@pytest.mark.parametrize(("kernel", "cause"), [("linux-7.2", 19), ("linux-6.12", 5), ("linux-7.2", 24)])
def test_a_cause_that_kvm_does_not_handle_fails_the_run(kernel: str, cause: int) -> None:
    """KVM_RUN returns EFAULT for a trap that it has no handling for; 6.12 has none for access faults."""
    vcpu = guest("li a0,0", kernel=kernel)
    vcpu.prepare()
    vcpu.enter()

    with pytest.raises(KvmError) as refusal:
        handle(vcpu, Trap(cause, 0, 0, 0))

    assert refusal.value.errno == errno.EFAULT
    assert f"left with cause {cause}" in str(refusal.value)
