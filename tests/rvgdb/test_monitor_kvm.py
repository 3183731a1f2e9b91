"""`kvm`, `sbi` and `catch kvm-exit` on the monitor."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from emulator.config import MachineConfig
from emulator.machine import Machine
from emulator.stops import Caught, GuestExit, Stop
from emulator.vmm import GuestMachine
from rvgdb.monitor import Monitor
from rvgdb.monitor.command import Scene
from rvgdb.runner import Runner
from rvgdb.target.machine import Target
from tests.vmm.guests import START, Guest

FWFT = ("lui a7,0x46574", "addi a7,a7,0x654")
MASK = (*FWFT, "li a6,0", "li a0,5", "li a1,7", "li a2,1", "ecall")
SHUTDOWN = ("lui a7,0x53525", "addi a7,a7,0x354", "li a6,0", "li a0,0", "li a1,0", "ecall")


class Desk:
    """A monitor and the guest that it is about."""

    def __init__(self, folder: Path, lines: Iterable[str | int], kernel: str | None = None) -> None:
        self.guest = Guest(folder, lines, kernel=kernel, harts=2)
        self.machine: GuestMachine = self.guest.machine
        target = Target(self.machine)
        runner = Runner(self.machine, report=print)
        self.scene = Scene(target, runner, vm=self.machine.vm)
        self.execute = Monitor(self.scene).execute

    def run(self, steps: int = 100_000) -> Stop:
        """Let the guest run."""
        return self.machine.run(steps)


@pytest.mark.parametrize("line", ["kvm", "kvm regs", "kvm set core.pc 0", "kvm exits", "sbi", "catch kvm-exit"])
def test_a_bare_machine_has_no_kvm(line: str) -> None:
    """Every command says so, and what to do, in a sentence."""
    machine = Machine(MachineConfig(ram_size=1 << 21), transmit=lambda _: None, engine="reference")
    runner = Runner(machine, report=print)
    said = Monitor(Scene(Target(machine), runner)).execute(line)
    assert said == "there is no KVM: this is the bare machine; run the guest with -accel kvm\n"


def test_calls_are_decoded(tmp_path: Path) -> None:
    """Functions, arguments and results by the specification's names; who answered."""
    desk = Desk(
        tmp_path,
        [
            *MASK,
            *MASK,
            *("lui a7,0x44424", "addi a7,a7,0x34e", "li a6,2", "li a0,65", "ecall"),
            *("li a7,0x10", "li a6,3", "lui a0,0x46574", "addi a0,a0,0x654", "ecall"),
            *("lui a7,0x485", "addi a7,a7,0x34d", "li a6,2", "li a0,1", "ecall"),
            *("li a7,0x123", "li a0,1", "li a1,2", "ecall"),
            *SHUTDOWN,
        ],
    )
    assert desk.execute("sbi") == "the guest has made no SBI call\n"

    assert desk.run() == GuestExit(0)

    calls = [line.split(": ", 2)[2] for line in desk.execute("sbi").splitlines()]
    assert calls == [
        "fwft.set(feature=POINTER_MASKING_PMLEN, value=7, flags=LOCK) = SUCCESS",
        "fwft.set(feature=POINTER_MASKING_PMLEN, value=7, flags=LOCK) = DENIED_LOCKED",
        "dbcn.console_write_byte(byte=0x41) = SUCCESS (user space)",
        "base.probe_extension(extension_id=FWFT) = SUCCESS, value 0x1",
        "hsm.hart_get_status(hartid=1) = SUCCESS, STOPPED",
        "extension 0x123, function 2 (0x1, 0x2, 0x1, 0x0, 0x0, 0x0) = NOT_SUPPORTED",
        "srst.system_reset(reset_type=SHUTDOWN, reset_reason=NO_REASON) = no answer: the guest was left",
    ]
    assert desk.execute("sbi 1").startswith("#6 step ")
    assert desk.execute("sbi x") == "'x' is no number of entries\n"


def test_exits_are_counted(tmp_path: Path) -> None:
    """By cause and by what came of them, and the last ones with what user space got."""
    desk = Desk(tmp_path, [*MASK, "lui s0,0x10000", "li a0,65", "sb a0,0(s0)", "lb a0,5(s0)", *SHUTDOWN])

    assert desk.run() == GuestExit(0)

    lines = desk.execute("kvm exits 2").splitlines()
    assert lines[0] == "4 exits of the guest"
    assert sorted(line.split(None, 1)[1] for line in lines[1:5]) == [
        "ecall-from-vs: by KVM",
        "ecall-from-vs: system-event",
        "guest-load-page-fault: mmio",
        "guest-store-page-fault: mmio",
    ]
    pc = START + 4 * 10
    assert f"vcpu 0 left the guest at pc {pc:#x} by guest-load-page-fault, guest-physical 0x10000005: " in lines[5]
    assert lines[5].endswith("KVM_EXIT_MMIO, a load of 1 bytes from 0x10000005")
    assert lines[6].endswith("KVM_EXIT_SYSTEM_EVENT, shutdown, reason 0x0")


def test_registers_are_listed_by_pattern(tmp_path: Path) -> None:
    """As KVM_GET_REG_LIST has them, with value and id; of the vcpu that is selected."""
    desk = Desk(tmp_path, SHUTDOWN)
    isa = desk.execute("kvm regs isa_ext.s?npm").splitlines()
    assert [line.split() for line in isa] == [
        ["isa_ext.smnpm", "0x1", "id", "0x803000000700003e"],
        ["isa_ext.ssnpm", "0x1", "id", "0x803000000700003f"],
    ]
    assert "sbi_fwft.pointer_masking.value" in desk.execute("kvm regs masking")
    assert len(desk.execute("kvm regs").splitlines()) == len(desk.machine.vm.vcpus[0].reg_list())
    assert desk.execute("kvm regs core.a1").split()[1] == f"{desk.machine.board.plan.device_tree_address:#x}"
    desk.scene.hart = 1
    assert desk.execute("kvm regs core.a0").split()[1] == "0x1"
    assert desk.execute("kvm regs zzz") == "vcpu 1 has no register like 'zzz'\n"


def test_registers_are_set(tmp_path: Path) -> None:
    """The hart has the value at once, and what KVM refuses is told with its errno."""
    desk = Desk(tmp_path, SHUTDOWN)
    assert desk.execute("kvm set core.s3 0x1234").split()[:2] == ["core.s3", "0x1234"]
    assert desk.machine.debug.read_x(0, 19) == 0x1234
    desk.execute("kvm set sbi_fwft.pointer_masking.value 16")
    assert "PMM = PMLEN16" in desk.execute("csr henvcfg.PMM")
    assert desk.execute("kvm set isa_ext.smnpm 0").split()[:2] == ["isa_ext.smnpm", "0x0"]
    assert desk.execute("kvm set 0x8030000007000000 0").startswith("KVM_SET_ONE_REG: EINVAL: ")
    desk.run(1)
    assert desk.execute("kvm set isa_ext.smnpm 1").startswith("KVM_SET_ONE_REG: EBUSY: ")
    assert "did you mean 'csr.satp'" in desk.execute("kvm set csr.sapt 1")
    assert "takes a register and a value" in desk.execute("kvm set core.pc")


def test_the_summary_names_kernel_host_and_vcpus(tmp_path: Path) -> None:
    """`kvm` alone says what there is; anything else is corrected."""
    said = Desk(tmp_path, SHUTDOWN, kernel="linux-6.13").execute("kvm")
    assert said.startswith("linux-6.13, 2 vcpus, host ISA ")
    assert "\nvcpu 0: runnable, ISA " in said
    assert "\nvcpu 1: stopped, ISA " in said
    assert "slot 0: 0x80000000 to 0x803fffff" in said
    assert Desk(tmp_path, SHUTDOWN).execute("kvm rges") == "'kvm' takes regs, set or exits (did you mean 'regs'?)\n"


def test_an_exit_is_caught(tmp_path: Path) -> None:
    """The guest stops behind the instruction that left, when user space has answered; then it goes on."""
    desk = Desk(tmp_path, ["lui s0,0x10000", "lb a0,5(s0)", *SHUTDOWN])
    assert desk.execute("catch kvm-exit mmio") == "1: catch kvm-exit mmio\n"
    assert desk.execute("catch kvm-exit system-event") == "2: catch kvm-exit system-event\n"

    stop = desk.run()

    assert isinstance(stop, Caught)
    assert stop.text.endswith("KVM_EXIT_MMIO, a load of 1 bytes from 0x10000005")
    assert desk.guest.x(10) == 0x60
    assert desk.machine.debug.read_pc(0) == START + 8
    assert isinstance(desk.run(), Caught)
    assert desk.run() == GuestExit(0)


def test_only_the_named_reason_is_caught(tmp_path: Path) -> None:
    """Without a reason every exit to user space is; what KVM handles by itself is none."""
    desk = Desk(tmp_path, [*MASK, *SHUTDOWN])
    desk.execute("catch kvm-exit sbi")
    assert desk.run() == GuestExit(0)
    assert "did you mean 'mmio'" in desk.execute("catch kvm-exit mimo")
