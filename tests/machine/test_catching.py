"""Catchpoints, and watchpoints on aliases, tags, places and in address spaces, on both engines."""

from __future__ import annotations

import pytest

from emulator.catching import CsrAccess, CsrCatch, SbiCatch, TrapCatch
from emulator.config import MachineConfig
from emulator.engine import ENGINES
from emulator.engine.watching import Context, Space, Watch
from emulator.isa.extensions import parse_cpu
from emulator.machine import Machine
from emulator.stops import BudgetSpent, Caught, Stop, WatchKind, WatchpointHit
from tests.helpers.paging import DATA, SUPERVISOR, A, D, R, Tables, V, W, X
from tests.helpers.program import build

CODE = 0x4000
HERE = 0x8000
PLACE = DATA + 0x1000
SATP, STVEC, MENVCFG, SSCRATCH, VSSCRATCH = 0x180, 0x105, 0x30A, 0x140, 0x240
PMM_7 = 2 << 32
TAG = 0x55 << 57
LOOP = "sd x6, 0(x7)\nld x5, 0(x7)\naddi x6, x6, 1\njal x0, -12"
ASID = 5


class _Ram:
    """A machine's RAM, written as `Tables` writes a rig's."""

    def __init__(self, machine: Machine) -> None:
        self._debug = machine.debug

    def write(self, address: int, data: bytes) -> None:
        self._debug.write_memory(0, address, data, physical=True)

    def read(self, address: int, length: int) -> bytes:
        return self._debug.read_memory(0, address, length, physical=True)


@pytest.fixture(params=ENGINES)
def machine(request: pytest.FixtureRequest) -> Machine:
    """A hart in S-mode whose tables map code and, twice, data; its pointers ignore 7 bits."""
    machine = Machine(
        MachineConfig(ram_size=1 << 21, cpu=parse_cpu("rv64")), transmit=lambda _: None, engine=str(request.param)
    )
    debug = machine.debug
    debug.write_csr(0, 0x3B0, (1 << 54) - 1)
    debug.write_csr(0, 0x3A0, 0x1F)
    tables = Tables(_Ram(machine), "sv39")
    tables.map(CODE, DATA, V | R | X | A)
    for address in (HERE, HERE + 0x1000):
        tables.map(address, PLACE, V | R | W | A | D)
    debug.write_csr(0, SATP, tables.satp | ASID << 44)
    debug.write_csr(0, MENVCFG, PMM_7)
    debug.write_priv(0, SUPERVISOR)
    return machine


def run(machine: Machine, text: str, pointer: int = HERE, steps: int = 400) -> Stop:
    """Run a program with a pointer in x7 from its beginning."""
    machine.debug.write_memory(0, DATA, build(text, CODE).code, physical=True)
    machine.debug.write_pc(0, CODE)
    machine.debug.write_x(0, 7, pointer)
    return machine.run(steps)


@pytest.mark.parametrize("set_at", [HERE, HERE | TAG, HERE | 1 << 57])
@pytest.mark.parametrize("used", [HERE, HERE | TAG, HERE | 3 << 57])
def test_every_alias(machine: Machine, set_at: int, used: int) -> None:
    """A watchpoint on any alias of a location stops accesses by all of them and reports the address that was set."""
    assert isinstance(run(machine, LOOP, used), BudgetSpent)
    machine.debug.insert_watchpoint(WatchKind.READ, set_at, 8)
    stop = run(machine, LOOP, used)
    assert isinstance(stop, WatchpointHit)
    assert (stop.kind, stop.address, stop.access, stop.size) == (WatchKind.READ, set_at, used, 8)
    assert (stop.ignored, stop.made) == (7, WatchKind.READ)
    assert machine.debug.read_pc(0) == CODE + 4


def test_without_masking_a_tag_is_an_address(machine: Machine) -> None:
    """Where nothing is ignored, a watchpoint at another address is at another address."""
    machine.debug.write_csr(0, MENVCFG, 0)
    machine.debug.insert_watchpoint(WatchKind.ACCESS, HERE | TAG, 8)
    assert isinstance(run(machine, LOOP), BudgetSpent)


@pytest.mark.parametrize("wanted", [HERE, HERE | TAG])
@pytest.mark.parametrize("used", [HERE, HERE | TAG, HERE | 3 << 57])
def test_exactly_one_tag(machine: Machine, wanted: int, used: int) -> None:
    """A watchpoint for one tag stops accesses with that tag and lets the others through."""
    machine.debug.insert_watch(Watch(WatchKind.ACCESS, wanted, 8, exact=True))
    assert isinstance(run(machine, LOOP, used), WatchpointHit) is (used == wanted)


def test_behind_the_access(machine: Machine) -> None:
    """A watchpoint may stop behind its access; the same access does not stop twice, the next one does."""
    machine.debug.insert_watch(Watch(WatchKind.WRITE, HERE, 8, after=True))
    machine.debug.write_x(0, 6, 1)
    assert isinstance(run(machine, LOOP), WatchpointHit)
    for turn in (1, 2, 3):
        assert machine.debug.read_pc(0) == CODE + 4
        assert machine.debug.read_memory(0, HERE, 8) == turn.to_bytes(8, "little")
        assert isinstance(machine.run(400), WatchpointHit)


@pytest.mark.parametrize("used", [HERE, HERE + 0x1000, HERE | TAG])
def test_physical(machine: Machine, used: int) -> None:
    """A watchpoint on physical memory stops whatever virtual address leads there."""
    assert isinstance(run(machine, LOOP, used), BudgetSpent)
    machine.debug.insert_watch(Watch(WatchKind.WRITE, PLACE + 4, 2, Space.PHYSICAL))
    stop = run(machine, LOOP, used)
    assert isinstance(stop, WatchpointHit)
    assert stop.access == used
    assert isinstance(run(machine, LOOP, used + 8), BudgetSpent)


@pytest.mark.parametrize(
    ("context", "stops"),
    [
        (Context(asid=ASID), True),
        (Context(asid=ASID + 1), False),
        (Context(modes=frozenset({1})), True),
        (Context(modes=frozenset({0, 3})), False),
        (Context(vmid=0), False),
    ],
)
def test_address_spaces(machine: Machine, context: Context, *, stops: bool) -> None:
    """A watchpoint in one address space, mode or virtual machine lets the accesses of others through."""
    machine.debug.insert_watch(Watch(WatchKind.ACCESS, HERE, 8, context=context))
    assert isinstance(run(machine, LOOP), WatchpointHit) is stops


def test_trap(machine: Machine) -> None:
    """A trap is caught at the handler's first instruction, and no other cause is."""
    machine.debug.write_csr(0, STVEC, CODE + 0x100)
    machine.catches.add(TrapCatch(13))
    program = "ld x5, 0(x7)\nld x5, 0(x0)"
    machine.debug.write_csr(0, 0x302, 1 << 13 | 1 << 9)
    stop = run(machine, program)
    assert isinstance(stop, Caught)
    assert stop.text == f"hart 0 took load-page-fault in S-mode at pc {CODE + 4:#x}, tval 0x0"
    assert machine.debug.read_pc(0) == CODE + 0x100
    machine.catches.remove(TrapCatch(13))
    machine.catches.add(TrapCatch(9))
    assert isinstance(run(machine, program, steps=2), BudgetSpent)


@pytest.mark.parametrize("extension", [None, 0x46574654, 0x10])
def test_sbi(machine: Machine, extension: int | None) -> None:
    """An SBI call of S-mode is caught by its extension, with its arguments."""
    machine.debug.write_x(0, 17, 0x46574654)
    machine.debug.write_x(0, 10, 0xABC)
    machine.catches.add(SbiCatch(extension))
    stop = run(machine, "ecall", steps=1)
    if extension == 0x10:
        assert isinstance(stop, BudgetSpent)
    else:
        assert isinstance(stop, Caught)
        assert "extension 0x46574654, function 0, arguments 0xabc, 0x0" in stop.text


@pytest.mark.parametrize(
    ("text", "stopping"),
    [
        ("csrrs x5, sscratch, x0", {CsrAccess.READ}),
        ("csrrw x0, sscratch, x7", {CsrAccess.WRITE, CsrAccess.CHANGE}),
        ("csrrw x0, sscratch, x6", {CsrAccess.WRITE}),
        ("csrrs x5, sepc, x7", set()),
    ],
)
@pytest.mark.parametrize("access", list(CsrAccess))
def test_csr(machine: Machine, access: CsrAccess, text: str, stopping: set[CsrAccess]) -> None:
    """A CSR's reads, writes or changes stop behind the instruction, with the values; other CSRs do not."""
    machine.debug.write_csr(0, SSCRATCH, 7)
    machine.debug.write_x(0, 6, 7)
    machine.catches.add(CsrCatch(SSCRATCH, access))
    stop = run(machine, text, steps=1)
    if access not in stopping:
        assert isinstance(stop, BudgetSpent)
        return
    assert isinstance(stop, Caught)
    assert stop.text.startswith("hart 0 read sscratch" if access is CsrAccess.READ else "hart 0 wrote sscratch")
    assert machine.debug.read_pc(0) == CODE + 4


def test_a_field_of_a_csr(machine: Machine) -> None:
    """With a mask only a change of those bits stops."""
    machine.catches.add(CsrCatch(SSCRATCH, CsrAccess.CHANGE, 0xF0))
    assert isinstance(run(machine, "csrrwi x0, sscratch, 15\ncsrrwi x0, sscratch, 1", steps=2), BudgetSpent)
    assert isinstance(run(machine, "csrrwi x0, sscratch, 31", steps=1), Caught)


def test_a_csr_that_cannot_be_accessed(machine: Machine) -> None:
    """An access that traps is none."""
    machine.catches.add(CsrCatch(0x305, CsrAccess.READ))
    stop = run(machine, "csrrs x5, mtvec, x0", steps=1)
    assert isinstance(stop, BudgetSpent)
    assert machine.debug.read_csr(0, 0x342) == 2


def test_a_guests_csr(machine: Machine) -> None:
    """In VS-mode an instruction that names `sscratch` accesses `vsscratch`."""
    machine.catches.add(CsrCatch(VSSCRATCH, CsrAccess.WRITE))
    machine.debug.write_csr(0, 0x280, 0)
    machine.debug.write_memory(0, DATA, build("csrrw x0, sscratch, x7", DATA).code, physical=True)
    machine.debug.write_priv(0, 5)
    machine.debug.write_pc(0, DATA)
    assert isinstance(machine.run(1), Caught)


def test_nothing_is_left(machine: Machine) -> None:
    """Removed, nothing is caught, and the engine asks nobody."""
    for catch in (TrapCatch(), SbiCatch(), CsrCatch(SSCRATCH, CsrAccess.READ)):
        machine.catches.add(catch)
        machine.catches.remove(catch)
    machine.debug.write_csr(0, STVEC, CODE)
    assert not isinstance(run(machine, "csrrs x5, sscratch, x0\necall", steps=50), Caught)
