"""Monitor commands: what they print and do, in QEMU's forms."""

from __future__ import annotations

import pytest

from rvgdb.monitor import Monitor, Scene
from rvgdb.monitor.registry import COMMANDS, INFO
from rvgdb.runner import Runner
from rvgdb.target.machine import Region, Target
from tests.rvgdb.fake_machine import BASE, FakeMachine


class Desk:
    """A monitor over a fake machine of two harts."""

    def __init__(self) -> None:
        self.machine = FakeMachine(2)
        target = Target(self.machine)
        self.runner = Runner(self.machine, report=print)
        regions = (("Uart", Region("io", 0x1000_0000, 256)), ("Ram", Region("ram", BASE, 0x1_0000)))
        self.scene = Scene(target, self.runner, regions)
        self.monitor = Monitor(self.scene)
        self.machine.debug.memory[:16] = bytes.fromhex("97020000138682027325f141feffffff")


@pytest.fixture
async def desk() -> Desk:
    """A desk, inside trio."""
    return Desk()


EXAMINED = [
    ("x 0x80000000", "0000000080000000: 0x00000297\n"),
    ("x /4xw 0x80000000", "0000000080000000: 0x00000297 0x02828613 0x41f12573 0xfffffffe\n"),
    ("x/2xg 0x80000000", "0000000080000000: 0x0282861300000297 0xfffffffe41f12573\n"),
    ("x/2xb $pc", "0000000080000000: 0x97 0x02\n"),
    ("x/2dh 0x80000000", "0000000080000000:   663     0\n"),
    ("x/1dw 0x8000000c", "000000008000000c:         -2\n"),
    ("x/1uw 0x8000000c", "000000008000000c: 4294967294\n"),
    ("x/2c 0x80000000", "0000000080000000: '\\x97' '\\x02'\n"),
    ("x/1oh 0x80000000", "0000000080000000:  01227\n"),
    (
        "x/5xw 0x80000000",
        "0000000080000000: 0x00000297 0x02828613 0x41f12573 0xfffffffe\n0000000080000010: 0x00000000\n",
    ),
    ("xp/1xw 0x80000000+4", "0000000080000004: 0x02828613\n"),
    ("xp/1xw $x10 + 2147483652", "0000000080000004: 0x02828613\n"),
    ("x/1xw $s0 - 4 + $mstatus", "0000000080000004: 0x02828613\n"),
    ("x/2xw 0x8000fffc", "000000008000fffc: 0x00000000 Cannot access memory\n"),
    ("x/8xw 0", "0000000000000000: Cannot access memory\n"),
    ("x/2i 0x80000000", "0x0000000080000000:  00000013          nop\n0x0000000080000004:  00000013          nop\n"),
]


@pytest.mark.parametrize(("line", "text"), EXAMINED)
async def test_memory_is_shown_as_qemu_shows_it(desk: Desk, line: str, text: str) -> None:
    """Sizes, formats, registers in addresses, and where memory ends."""
    desk.machine.harts[0].x[8] = BASE
    desk.machine.harts[0].csrs[0x300] = 8
    assert desk.monitor.execute(line) == text


REFUSED = [
    ("foo", "unknown command: 'foo'"),
    ("hlep", "(did you mean 'help'?)"),
    ("info foo", "unknown command: 'info foo'"),
    ("help foo", "unknown command: 'foo'"),
    ("x", "an address is missing"),
    ("x/4xz 0", "cannot read the format '/4xz'"),
    ("x/0xw 0", "a count from 1"),
    ("x/99999999xw 0", "a count from 1"),
    ("x foo", "cannot read 'foo'"),
    ("x 1 2", "cannot read '2'"),
    ("x $nope", "unknown register '$nope'"),
    ("xp/i 0x80000000", "use x"),
    ("cpu 2", "there is no CPU '2'; the last one is 1"),
    ("cpu x", "there is no CPU 'x'"),
    ("cpu", "which CPU?"),
    ("quit now", "quit: extraneous characters at the end of line"),
    ("info status now", "info status: extraneous characters at the end of line"),
    ("info registers 9", "there is no CPU '9'"),
    ("gdbserver tcp::1", "run rvgdb with -s"),
]


@pytest.mark.parametrize(("line", "text"), REFUSED)
async def test_a_bad_line_says_what_is_wrong(desk: Desk, line: str, text: str) -> None:
    """One line of output, and nothing happens."""
    output = desk.monitor.execute(line)
    assert text in output
    assert output.count("\n") == 1


async def test_a_csr_that_refuses_is_no_crash(desk: Desk) -> None:
    """In an address and in a list of registers."""
    desk.monitor.execute("cpu 1")
    assert "mepc cannot be read" in desk.monitor.execute("x $mepc")
    assert "mepc cannot be read" in desk.monitor.execute("info registers")


async def test_registers_are_shown_as_qemu_shows_them(desk: Desk) -> None:
    """The hart chosen by `cpu`, by number, or all."""
    desk.machine.harts[1].x[10] = 0xAB
    text = desk.monitor.execute("info registers 1")
    assert text.startswith("\nCPU#1\n pc       0000000080000000\n mhartid  0000000000000001\n")
    assert " x8/s0    0000000000000000 x9/s1    0000000000000000 x10/a0   00000000000000ab" in text
    desk.monitor.execute("cpu 1")
    assert desk.monitor.execute("info registers") == text
    everything = desk.monitor.execute("info registers -a")
    assert everything.endswith(text)
    assert "CPU#0" in everything


async def test_cpus_are_listed(desk: Desk) -> None:
    """The chosen one is starred."""
    assert desk.monitor.execute("info cpus") == (
        "* CPU #0: pc=0x0000000080000000 M-mode\n  CPU #1: pc=0x0000000080000000 M-mode\n"
    )


async def test_the_memory_tree_has_qemus_names(desk: Desk) -> None:
    """RAM and devices by address."""
    text = desk.monitor.execute("info mtree")
    assert "    0000000010000000-00000000100000ff (prio 0, i/o): serial\n" in text
    assert "    0000000080000000-000000008000ffff (prio 0, ram): riscv_virt_board.ram\n" in text


async def test_running_and_halting(desk: Desk) -> None:
    """`cont`, `stop`, `info status`, `system_reset`, `quit`."""
    monitor = desk.monitor
    assert monitor.execute("info status") == "VM status: paused\n"
    assert monitor.execute("c") == ""
    assert monitor.execute("cont") == ""
    assert monitor.execute("info status") == "VM status: running\n"
    assert monitor.execute("stop") == ""
    assert monitor.execute("system_reset") == ""
    assert desk.machine.resets == 1
    assert monitor.execute("q") == ""
    assert desk.runner.finished.is_set()


async def test_help_lists_every_command(desk: Desk) -> None:
    """All of them, one of them, and those of `info`."""
    text = desk.monitor.execute("help")
    for command in COMMANDS:
        assert f"{'|'.join(command.names)} {command.usage} -- {command.help}\n" in text
    assert desk.monitor.execute("help x") == "x /fmt addr -- virtual memory dump starting at 'addr'\n"
    assert desk.monitor.execute("info").count("\n") == len(INFO)
    assert desk.monitor.execute("help info status").count("\n") == 1
    assert desk.monitor.execute("   ") == ""


async def test_the_debug_port_is_shown(desk: Desk) -> None:
    """Where to attach, or how to have a port."""
    assert "run rvgdb with -s" in desk.monitor.execute("gdbserver")
    desk.scene.gdb_addresses.append("127.0.0.1:1234")
    assert desk.monitor.execute("gdbserver info") == "gdb listening on 127.0.0.1:1234\n"
    assert desk.monitor.execute("info version").startswith("rvgdb ")
