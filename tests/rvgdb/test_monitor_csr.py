"""The monitor's `csr` and `trap`: fields and causes in words."""

from __future__ import annotations

import pytest

from emulator.hart.fields import Cause, Interrupt
from emulator.hart.traplog import TrapRecord
from rvgdb.monitor import Monitor, Scene
from rvgdb.runner import Runner
from rvgdb.target.machine import Target
from tests.rvgdb.fake_machine import BASE, FakeMachine

MSTATUS = 0x300


class Desk:
    """A monitor over a fake machine of two harts."""

    def __init__(self) -> None:
        self.machine = FakeMachine(2)
        self.csrs = self.machine.harts[0].csrs
        runner = Runner(self.machine, report=print)
        self.monitor = Monitor(Scene(Target(self.machine), runner))


@pytest.fixture
async def desk() -> Desk:
    """A desk, inside trio."""
    return Desk()


async def test_a_csr_is_shown_with_its_fields(desk: Desk) -> None:
    """Name, value, number; a line for each field with its bits and what its value means."""
    desk.csrs[MSTATUS] = 0x8000_000A_0000_7880
    lines = desk.monitor.execute("csr mstatus").splitlines()
    assert lines[0] == "mstatus    0x8000000a00007880  CSR 0x300"
    assert "  MPIE       [7]      1" in lines
    assert "  MPP        [12:11]  M (3)" in lines
    assert "  FS         [14:13]  Dirty (3)" in lines
    assert "  SXL        [35:34]  64 (2)" in lines


async def test_a_csr_by_its_number(desk: Desk) -> None:
    """As an instruction word or a log has it."""
    assert desk.monitor.execute("csr 0x300") == desk.monitor.execute("csr 768") == desk.monitor.execute("csr mstatus")


async def test_a_field_is_read_and_written(desk: Desk) -> None:
    """By the manual's name in any case, with a number, an expression or the name of a value; the rest stays."""
    desk.csrs[MSTATUS] = 0x80
    assert desk.monitor.execute("csr mstatus.MPP") == "mstatus.MPP = U (0)  bits [12:11]\n"
    assert desk.monitor.execute("csr mstatus.mpp m") == "mstatus.MPP = M (3)  bits [12:11]\n"
    assert desk.monitor.execute("csr mstatus.MXR 1") == "mstatus.MXR = 1  bits [19]\n"
    assert desk.csrs[MSTATUS] == 0x80 | 3 << 11 | 1 << 19
    assert desk.monitor.execute("csr mepc $pc + 4").startswith(f"mepc       {BASE + 4:#018x}")


async def test_a_pattern_lists_csrs(desk: Desk) -> None:
    """One line each, with the fields that are not 0."""
    desk.csrs[MSTATUS] = 1 << 19 | 1 << 11
    assert desk.monitor.execute("csr m*") == (
        "mstatus       0x0000000000080800  MPP=S  MXR=1\nmhartid       0x0000000000000000\n"
        "mepc          0x0000000000000000\n"
    )


REFUSED = [
    ("csr", "which CSR?"),
    ("csr mstaus", "there is no CSR 'mstaus' on this machine (did you mean 'mstatus'?)"),
    ("csr mstatus.MXX", "mstatus has no field 'MXX'; it has SIE, MIE,"),
    ("csr mepc.X", "mepc has no field 'X'; it has no fields"),
    ("csr mhartid 1", "mhartid is read-only"),
    ("csr mstatus.MPP 4", "mstatus.MPP has values from 0 to 0x3, not 0x4"),
    ("csr mstatus.MPP foo", "MPP has no value 'foo'; it has U, S, "),
    ("csr mstatus foo", "cannot read 'foo' in a value"),
    ("csr 0x7ff", "there is no CSR '0x7ff'"),
    ("csr z*", "no CSR of this machine is like 'z*'"),
    ("trap x", "'x' is no number of traps"),
    ("trap 0", "'0' is no number of traps"),
]


@pytest.mark.parametrize(("line", "text"), REFUSED)
async def test_a_refusal_says_why(desk: Desk, line: str, text: str) -> None:
    """One line, and nothing is written."""
    output = desk.monitor.execute(line)
    assert text in output
    assert output.count("\n") == 1
    assert desk.csrs.get(MSTATUS, 0) == 0


async def test_a_csr_that_cannot_be_read(desk: Desk) -> None:
    """The CSR's own reason is the answer."""
    desk.monitor.execute("cpu 1")
    assert desk.monitor.execute("csr mepc") == "mepc cannot be read on hart 1\n"


M, S, VS = 3, 1, 5
TIMER = 1 << 63 | Interrupt.MTI


async def test_traps_are_described(desk: Desk) -> None:
    """Exceptions with their value, guest-page faults with the guest-physical address, interrupts with neither."""
    assert desk.monitor.execute("trap") == "no trap since the reset\n"
    guest = Cause.LOAD_GUEST_PAGE
    desk.machine.debug.trapped = [
        TrapRecord(0, 7, S, M, BASE, Cause.ECALL_S, 0, 0, 0),
        TrapRecord(1, 9, VS, S, BASE + 8, guest, 0x4000_1003, 0x8000_1000 >> 2, 0x3583),
        TrapRecord(2, 10, VS, S, BASE + 8, guest, 0x4000_1003, 0x9000_0008 >> 2, 0x3000),
        TrapRecord(3, 30, S, M, BASE + 4, TIMER, 0, 0, 0),
    ]
    lines = desk.monitor.execute("trap").splitlines()
    assert lines == [
        "#0 step 7: S to M: ecall-from-s (9), pc 0x80000000, tval 0x0",
        (
            "#1 step 9: VS to S: guest-load-page-fault (21), pc 0x80000008, tval 0x40001003, "
            "guest-physical 0x80001003, tinst 0x3583"
        ),
        (
            "#2 step 10: VS to S: guest-load-page-fault (21), pc 0x80000008, tval 0x40001003, "
            "guest-physical 0x90000008, tinst 0x3000 (a read of a VS-stage page-table entry)"
        ),
        "#3 step 30: S to M: machine-timer interrupt (7), pc 0x80000004",
    ]
    assert desk.monitor.execute("trap 1") == lines[3] + "\n"
