"""A guest with its board: how it begins, what user space answers, how it ends, and what its device tree says."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.boot import make_plan
from emulator.config import MachineConfig
from emulator.devicetree import Node, decode
from emulator.errors import ConfigError, MemoryUnavailable
from emulator.stops import BreakpointHit, BudgetSpent, GuestExit, GuestReset, HypervisorExit, Idle
from emulator.virt_tree import build_tree
from emulator.vmm.config import make_host, make_kernel, parse_host_cpu
from tests.vmm.guests import START, Guest

LOOP = "jal zero,0"
FINISH = ("lui t0,0x100", "lui t1,0x5", "addi t1,t1,0x555", "sw t1,0(t0)", LOOP)
DBCN = ("lui a7,0x44424", "addi a7,a7,0x34e")
SHUTDOWN = ("lui a7,0x53525", "addi a7,a7,0x354", "li a6,0", "li a0,0", "li a1,0", "ecall")


def cpu_node(guest: Guest) -> Node:
    """The first hart in the guest's device tree."""
    node = decode(guest.machine.board.device_tree, source="the guest").root.find("/cpus/cpu@0")
    assert node is not None
    return node


def names(node: Node) -> set[str]:
    """What `riscv,isa-extensions` lists."""
    return set(node.properties["riscv,isa-extensions"].decode().strip("\0").split("\0"))


def test_a_guest_begins_as_kvm_and_qemu_let_it(tmp_path: Path) -> None:
    """In VS-mode at its entry, a0 the hart and a1 the device tree, address translation off; the others are stopped."""
    guest = Guest(tmp_path, [LOOP], harts=2)
    machine = guest.machine

    assert machine.debug.read_priv(0) == 5
    assert machine.debug.read_pc(0) == START
    assert (guest.x(10), guest.x(11)) == (0, machine.board.plan.device_tree_address)
    assert machine.debug.read_memory(0, guest.x(11), 4, physical=True) == bytes.fromhex("d00dfeed")
    assert [vcpu.stopped for vcpu in machine.vm.vcpus.values()] == [False, True]
    assert machine.step(1) == BudgetSpent()
    assert machine.debug.read_pc(1) == START


def test_a_kernel_lies_behind_the_place_of_the_firmware(tmp_path: Path) -> None:
    """A raw kernel is at 2 MiB, where firmware would have left it."""
    kernel = tmp_path / "Image"
    kernel.write_bytes(bytes(64))

    assert make_plan(MachineConfig(kernel=kernel), hosted=True).start == 0x8020_0000
    assert make_plan(MachineConfig(kernel=kernel)).start == 0x8000_0000


@pytest.mark.parametrize("kernel", ["linux-6.12", "linux-6.13", "linux-6.18", "linux-7.2"])
def test_the_debug_console_prints(tmp_path: Path, kernel: str) -> None:
    """DBCN is enabled under every kernel; a byte and a string come out, and the finisher ends the run."""
    text = tuple(b"hi\n")
    store = [line for index, byte in enumerate(text) for line in (f"li t1,{byte}", f"sb t1,{index}(s0)")]
    guest = Guest(
        tmp_path,
        [
            *("auipc s0,1", *store, *DBCN, "li a6,0", f"li a0,{len(text)}", "addi a1,s0,0", "li a2,0", "ecall"),
            *("addi s1,a1,0", *DBCN, "li a6,2", "li a0,0x21", "ecall", *FINISH),
        ],
        kernel=kernel,
    )

    assert guest.run() == GuestExit(0)
    assert guest.output == b"hi\n!"
    assert guest.x(9) == len(text)


def test_the_old_console_depends_on_the_kernel(tmp_path: Path) -> None:
    """SBI v0.1 prints where the kernel serves it, and is not supported elsewhere."""
    lines = ["li a0,0x41", "li a7,1", "ecall", *FINISH]

    for legacy, output in ((True, b"A"), (False, b"")):
        guest = Guest(tmp_path, lines, legacy_sbi=legacy)
        assert guest.run() == GuestExit(0)
        assert guest.output == output


def test_input_goes_to_the_console_that_the_guest_reads(tmp_path: Path) -> None:
    """DBCN reads what has been typed; the serial port is left alone."""
    read = ("auipc s0,1", *DBCN, "li a6,1", "li a0,8", "addi a1,s0,0", "li a2,0", "ecall")
    guest = Guest(tmp_path, [*read, "addi s1,a1,0", "ebreak", *read, "addi s2,a1,0", "lb s3,0(s0)", *FINISH])
    guest.machine.debug.insert_breakpoint(START + 4 * 9)

    assert isinstance(guest.run(), BreakpointHit)
    assert guest.x(9) == 0
    guest.machine.receive(b"xy")
    guest.machine.debug.write_pc(0, START + 4 * 10)

    assert guest.run() == GuestExit(0)
    assert guest.x(18) == 2
    assert guest.x(19) == ord("x")


def test_the_serial_port_prints_and_interrupts(tmp_path: Path) -> None:
    """The UART's interrupt reaches the vcpu through the PLIC, which has a context of S-mode alone: context 0."""
    plic, uart = "lui s0,0xc000", "lui s1,0x10000"
    guest = Guest(
        tmp_path,
        [
            *(uart, "li t1,0x41", "sb t1,0(s1)", "li t1,1", "sb t1,1(s1)"),
            *(plic, "sw t1,40(s0)", "li t1,0x400", "lui s2,0xc002", "sw t1,0(s2)", "lui s3,0xc200", "sw zero,0(s3)"),
            *("li t1,0x200", "csrw sie,t1", "wfi", "lw a0,4(s3)", "lb a1,0(s1)", *FINISH),
        ],
    )

    assert guest.machine.run(100_000) == Idle()
    assert guest.output == b"A"
    guest.machine.receive(b"z")

    assert guest.run() == GuestExit(0)
    assert (guest.x(10), guest.x(11)) == (10, ord("z"))


def test_a_shutdown_ends_the_run(tmp_path: Path) -> None:
    """SRST's shutdown is the end with status 0, as QEMU ends."""
    assert Guest(tmp_path, SHUTDOWN).run() == GuestExit(0)


def test_a_reset_begins_again(tmp_path: Path) -> None:
    """SRST's reboot, then a reset: the guest is at its start, and runs as before."""
    guest = Guest(tmp_path, ["li a0,1" if line == "li a0,0" else line for line in SHUTDOWN], harts=2)
    assert guest.run() == GuestReset()

    guest.machine.reset()

    assert guest.machine.debug.read_pc(0) == START
    assert guest.x(11) == guest.machine.board.plan.device_tree_address
    assert [vcpu.stopped for vcpu in guest.machine.vm.vcpus.values()] == [False, True]
    assert guest.run() == GuestReset()


def test_where_no_device_is_loads_read_zero(tmp_path: Path) -> None:
    """KVM cannot give the guest a fault for what user space does not have."""
    guest = Guest(tmp_path, ["li a0,-1", "lui s0,0x20000", "ld a0,0(s0)", "sd a0,0(s0)", *FINISH])

    assert guest.run() == GuestExit(0)
    assert guest.x(10) == 0


def test_what_kvm_cannot_do_halts_the_guest(tmp_path: Path) -> None:
    """An atomic access to a device fails KVM_RUN: the stop says so, and the hart is at the instruction."""
    guest = Guest(tmp_path, ["lui s0,0x20000", "amoadd.d a0,a1,(s0)", *FINISH])

    stop = guest.run()

    assert isinstance(stop, HypervisorExit)
    assert stop.failed
    assert "KVM_RUN of vcpu 0 failed: EOPNOTSUPP" in stop.text
    assert guest.machine.debug.read_pc(0) == START + 4
    assert guest.machine.debug.read_priv(0) == 5


def test_seed_is_user_spaces(tmp_path: Path) -> None:
    """A guest with Zkr gets the entropy of the hart's own source, another value each time."""
    guest = Guest(tmp_path, ["csrrw a0,seed,zero", "csrrw a1,seed,zero", *FINISH])

    assert guest.run() == GuestExit(0)
    assert guest.x(10) >> 30 == guest.x(11) >> 30 == 2
    assert guest.x(10) != guest.x(11)


def test_physical_addresses_are_the_guests(tmp_path: Path) -> None:
    """A debugger's physical memory is the guest's, RAM and devices; behind the RAM there is nothing."""
    debug = Guest(tmp_path, ["li a0,5", LOOP]).machine.debug

    assert debug.read_memory(0, START, 4, physical=True) == bytes.fromhex("13055000")
    assert debug.read_memory(0, START, 4) == bytes.fromhex("13055000")
    assert debug.read_memory(0, 0x1000_0005, 1, physical=True) == b"\x60"  # the UART's line status
    debug.write_memory(0, START + 0x1000, b"abc", physical=True)
    assert debug.read_memory(0, START + 0x1000, 3) == b"abc"
    assert debug.read_memory(0, START + (4 << 20) - 2, 8, physical=True) == bytes(2)


def test_a_debugger_looks_at_devices_through_the_guests_eyes(tmp_path: Path) -> None:
    """A virtual address that leads to a device of user space's shows its registers; elsewhere nothing is there."""
    debug = Guest(tmp_path, [LOOP]).machine.debug

    assert debug.read_memory(0, 0x1000_0005, 1) == b"\x60"
    with pytest.raises(MemoryUnavailable):
        debug.read_memory(0, 0x2000_0000, 1)
    with pytest.raises(MemoryUnavailable):
        debug.write_memory(0, 0x1000_0000, b"x")


def test_a_fault_of_the_debuggers_is_none_of_the_guests(tmp_path: Path) -> None:
    """A read that faults in the G-stage leaves nothing that the guest's next trap could tell of."""
    machine = Guest(tmp_path, [LOOP]).machine

    with pytest.raises(MemoryUnavailable):
        machine.debug.read_memory(0, 0x2000_0000, 1)

    assert [machine.harts[0].get(name) for name in ("trap_gva", "trap_tval2", "trap_tinst")] == [0, 0, 0]


def test_the_tree_has_no_machine_mode(tmp_path: Path) -> None:
    """As QEMU's under KVM: no CLINT, and the PLIC drives S-mode's line of each hart."""
    tree = decode(Guest(tmp_path, [LOOP], harts=2).machine.board.device_tree, source="the guest").root
    soc = tree.child("soc")
    assert soc is not None
    plic = soc.child("interrupt-controller@c000000")
    assert plic is not None
    wires = plic.properties["interrupts-extended"]

    assert soc.child("clint@2000000") is None
    assert [wires[at + 3] for at in range(4, len(wires), 8)] == [9, 9]
    assert build_tree(MachineConfig()).root.find("/soc/clint@2000000") is not None


def test_the_tree_names_what_the_guest_may_use(tmp_path: Path) -> None:
    """The guest's Smnpm is there as the host has Ssnpm; H is the host's alone; what is hidden is not named."""
    plain = names(cpu_node(Guest(tmp_path, [LOOP])))
    hidden = cpu_node(Guest(tmp_path, [LOOP], cpu="host,smnpm=off,zba=off,sv57=off"))
    older = names(cpu_node(Guest(tmp_path, [LOOP], kernel="linux-6.12")))
    smaller = names(cpu_node(Guest(tmp_path, [LOOP], isa="rv64imafdch_sstc")))

    assert {"smnpm", "ssnpm", "sstc", "i", "zba"} <= plain
    assert not {"h", "smepmp", "smmpm", "sdtrig"} & plain
    assert plain - names(hidden) == {"smnpm", "zba"}
    assert hidden.properties["mmu-type"] == b"riscv,sv48\0"
    assert b"smnpm" not in hidden.properties["riscv,isa"]
    assert not {"smnpm", "ssnpm"} & older
    assert smaller == {"i", "m", "a", "f", "d", "c", "sstc", "zaamo", "zalrsc", "zca"} | (smaller & {"zmmul"})


def test_what_cannot_be_hidden_is_warned_of(tmp_path: Path) -> None:
    """As QEMU does: the guest runs, its tree does not name the extension, and the user is told that it is there."""
    guest = Guest(tmp_path, [LOOP], cpu="host,ssnpm=off", harts=2)

    assert len(guest.warnings) == 1
    assert "linux-7.2 cannot disable 'ssnpm'" in guest.warnings[0]
    assert "ssnpm" not in names(cpu_node(guest))
    assert guest.machine.vm.vcpus[1].has("ssnpm")
    assert "6.13 cannot disable 'smnpm'" in Guest(tmp_path, [LOOP], kernel="linux-6.13", cpu="host,-smnpm").warnings[0]


@pytest.mark.parametrize(
    ("isa", "cpu", "text"),
    [
        ("rv64imafdch_sstc", "host,smnpm=on", "linux-7.2 on this host has no 'smnpm' for guests"),
        ("rv64imach", "host,d=on", "on this host has no 'd' for guests"),
        (None, "host,h=on", "the host does not have 'h' enabled"),
        (None, "host,i=off", "does not disable 'i'"),
        ("rv64imafdch_svade", "host,svadu=on", "has no 'svadu'"),
    ],
)
def test_what_kvm_refuses_is_said_in_a_sentence(tmp_path: Path, isa: str | None, cpu: str, text: str) -> None:
    """What cannot be enabled, and a letter that cannot be disabled, is an error, as QEMU's is."""
    with pytest.raises(ConfigError) as refusal:
        Guest(tmp_path, [LOOP], isa=isa, cpu=cpu)
    assert text in str(refusal.value)


def test_what_kvm_does_not_know_may_be_off(tmp_path: Path) -> None:
    """QEMU ignores that an extension which KVM does not know is to be off."""
    guest = Guest(tmp_path, [LOOP], kernel="linux-6.12", cpu="host,smnpm=off,smepmp=off,zba=on,cbom_blocksize=64")
    assert guest.warnings == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rv64", "write -cpu host"),
        ("host,smnpn=off", "did you mean 'smnpm'?"),
        ("host,smnpm=maybe", "'smnpm' takes on or off"),
        ("host,cboz_blocksize=32", "cboz_blocksize is 64 on the host"),
    ],
)
def test_a_cpu_that_is_not_the_hosts_is_refused(text: str, message: str) -> None:
    """Another model, an unknown property, a bad value."""
    with pytest.raises(ConfigError) as refusal:
        parse_host_cpu(text)
    assert message in str(refusal.value)


def test_hosts_and_kernels_are_checked() -> None:
    """An error names the choices."""
    with pytest.raises(ConfigError, match=r"linux-6\.12, linux-6\.13, linux-6\.18, linux-7\.2"):
        make_kernel("linux-5.0")
    with pytest.raises(ConfigError, match="no KVM"):
        make_host("rv64imafdc")
    with pytest.raises(ConfigError, match="this machine has no 'v'"):
        make_host("rv64imafdcvh")
