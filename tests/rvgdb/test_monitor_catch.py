"""`catch` and `watch-…` on the monitor."""

from __future__ import annotations

import pytest

from emulator.config import MachineConfig
from emulator.isa.extensions import parse_cpu
from emulator.isa.text import assemble
from emulator.machine import Machine
from rvgdb.monitor import Monitor
from rvgdb.monitor.command import Scene
from rvgdb.runner import Runner
from rvgdb.target.machine import Target

BASE = 0x8000_0000
CPU = parse_cpu("rv64,smmpm=on")


class Desk:
    """A monitor and its machine."""

    def __init__(self) -> None:
        self.machine = Machine(MachineConfig(ram_size=1 << 21, cpu=CPU), transmit=lambda _: None, engine="reference")
        self.target = Target(self.machine)
        runner = Runner(self.machine, report=print)
        self.execute = Monitor(Scene(self.target, runner)).execute

    def run(self, text: str, **registers: int) -> str:
        """What there is to say after running an instruction."""
        debug = self.machine.debug
        debug.write_memory(0, BASE, assemble(text).to_bytes(4, "little"), physical=True)
        debug.write_pc(0, BASE)
        for name, value in registers.items():
            debug.write_x(0, int(name[1:]), value)
        return self.target.points.tell(self.machine.run(1), debug.read_pc(0))


@pytest.fixture
def desk() -> Desk:
    """A halted machine."""
    return Desk()


def test_points_have_numbers(desk: Desk) -> None:
    """Whatever is set gets a number, is listed once, and is deleted by it."""
    assert desk.execute("catch list") == "nothing is set\n"
    assert desk.execute("catch trap ecall-from-vs") == "1: catch trap ecall-from-vs\n"
    assert desk.execute("catch sbi fwft") == "2: catch sbi fwft\n"
    assert desk.execute("catch trap ecall-from-vs") == "1: catch trap ecall-from-vs\n"
    assert desk.execute("watch-csr henvcfg.PMM write") == "3: watch-csr henvcfg.PMM write\n"
    assert (
        desk.execute("watch-tag 0x80001000 4 read asid=3 mode=VS") == "4: watch-tag 0x80001000 4 read asid=3 mode=VS\n"
    )
    assert desk.execute("catch delete 2") == ""
    assert [line[0] for line in desk.execute("catch list").splitlines()] == ["1", "3", "4"]
    desk.execute("catch delete all")
    assert desk.execute("catch list") == "nothing is set\n"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("catch", "'catch' takes trap, sbi, kvm-exit, list or delete"),
        ("catch trp", "did you mean"),
        ("catch trap guest-lod-page-fault", "there is no trap cause 'guest-lod-page-fault'"),
        ("catch sbi fwtf", "did you mean"),
        ("catch delete 7", "nothing has the number 7"),
        ("catch delete x", "takes a number"),
        ("watch-tag", "'watch-tag' needs an address"),
        ("watch-tag 0x1000 0", "covers no memory"),
        ("watch-tag 0x1000 mode=Q", "'mode=Q' is not understood"),
        ("watch-phys 0x1000 asid=70000", "asid 70000 is out of range"),
        ("watch-phys 0x1000 always", "'always' is no length"),
        ("watch-csr", "'watch-csr' takes a CSR"),
        ("watch-csr henvcg", "did you mean"),
        ("watch-csr satp.PMM", "satp has no field 'PMM'"),
        ("watch-csr satp always", "'always' is no access to a CSR"),
    ],
)
def test_refusals(desk: Desk, line: str, answer: str) -> None:
    """What cannot be set is refused in a sentence that says what can."""
    assert answer in desk.execute(line)
    assert desk.execute("catch list") == "nothing is set\n"


def test_what_is_told(desk: Desk) -> None:
    """A stop names the point that it is at, and what happened."""
    desk.execute("watch-phys 0x80001000 8 write")
    told = desk.run("sd x6, 0(x7)", x7=BASE + 0x1000)
    assert (
        told
        == f"1: watch-phys 0x80001000 8 write: hart 0 wrote 8 bytes at {BASE + 0x1000:#x}; now at pc {BASE + 4:#x}\n"
    )
    desk.execute("watch-csr mscratch")
    told = desk.run("csrrw x0, mscratch, x7", x7=9)
    assert told == f"2: watch-csr mscratch: hart 0 wrote mscratch, which was 0x0 and is 0x9; now at pc {BASE + 4:#x}\n"
    desk.execute("catch trap 11")
    told = desk.run("ecall")
    assert told == f"3: catch trap 11: hart 0 took ecall-from-m in M-mode at pc {BASE:#x}, tval 0x0; now at pc 0x0\n"


def test_a_tag_is_told(desk: Desk) -> None:
    """A watchpoint on aliases says which tag made the access."""
    desk.machine.debug.write_csr(0, 0x747, 2 << 32)
    desk.execute("watch-alias 0x80001000")
    told = desk.run("ld x6, 0(x7)", x7=BASE + 0x1000 | 0x55 << 57)
    assert "hart 0 read 8 bytes at 0xaa00000080001000, tag 0x55 in the 7 ignored bits" in told
