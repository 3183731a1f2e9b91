"""Conditions at breakpoints of a whole machine: memory behind page tables, CSRs, harts, prints."""

from __future__ import annotations

import pytest

from emulator.config import MachineConfig
from emulator.engine import ENGINES
from emulator.isa.extensions import parse_cpu
from emulator.isa.text import assemble
from emulator.judgements import Judgement, Step
from emulator.machine import Machine
from emulator.stops import BreakpointHit
from tests.helpers.paging import DATA, SUPERVISOR, A, R, Tables, U, V, W, X

CODE = 0x4000
HERE = 0x8000
SATP = 0x180
MENVCFG = 0x30A
PMM_7 = 2 << 32
END = Step("end")


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
    """A machine whose first hart is in S-mode at a loop, behind page tables."""
    config = MachineConfig(ram_size=1 << 21, harts=2, cpu=parse_cpu("rv64"))
    machine = Machine(config, transmit=lambda _: None, engine=str(request.param))
    debug = machine.debug
    debug.write_csr(0, 0x3B0, (1 << 54) - 1)
    debug.write_csr(0, 0x3A0, 0x1F)
    words = [assemble("addi x5, x5, 1"), assemble("jal x0, -4")]
    debug.write_memory(0, DATA, b"".join(word.to_bytes(4, "little") for word in words), physical=True)
    debug.write_memory(0, DATA + 0x1000, (7).to_bytes(8, "little"), physical=True)
    tables = Tables(_Ram(machine), "sv39")
    tables.map(CODE, DATA, V | R | X | A)
    tables.map(HERE, DATA + 0x1000, V | R | W | U)
    debug.write_csr(0, SATP, tables.satp)
    debug.write_priv(0, SUPERVISOR)
    debug.write_pc(0, CODE)
    return machine


def equals(*left: Step, value: int) -> Judgement:
    """Stop where an expression has a value."""
    return Judgement(((*left, Step("const", value), Step("equal"), END),))


@pytest.mark.parametrize("pointer", [HERE, HERE | 0x55 << 57], ids=["plain", "tagged"])
def test_memory_behind_tables(machine: Machine, pointer: int) -> None:
    """A condition reads a user's page from S-mode, through a tagged pointer too, and leaves no trace."""
    debug = machine.debug
    debug.write_csr(0, MENVCFG, PMM_7)
    debug.insert_breakpoint(CODE + 4, equals(Step("const", pointer), Step("ref64"), Step("x", 5), Step("sub"), value=0))
    before = debug.read_memory(0, 0x8000_0000, 1 << 21, physical=True)

    assert machine.run(1000, only=frozenset({0})) == BreakpointHit(0, CODE + 4)
    assert debug.read_x(0, 5) == 7
    assert debug.read_memory(0, 0x8000_0000, 1 << 21, physical=True) == before


def test_a_page_that_is_not_mapped(machine: Machine) -> None:
    """A condition that reads where no page is mapped stops with the address, and no trap is taken."""
    judgement = equals(Step("const", 0x123000), Step("ref8"), value=0)
    machine.debug.insert_breakpoint(CODE + 4, judgement)
    hit = machine.run(1000, only=frozenset({0}))
    assert hit == BreakpointHit(0, CODE + 4, "cannot access memory at address 0x123000")
    assert machine.debug.read_csr(0, 0x142) == 0


def test_csrs(machine: Machine) -> None:
    """A condition reads a CSR whatever the privilege, and time as it is at the instruction."""
    debug = machine.debug
    debug.write_csr(0, 0xB00, 0)
    debug.insert_breakpoint(CODE + 4, equals(Step("csr", 0xB00), value=41))
    assert machine.run(1000, only=frozenset({0})) == BreakpointHit(0, CODE + 4)
    assert debug.read_csr(0, 0xB00) == 41
    assert debug.read_x(0, 5) == 21


def test_each_of_several_may_stop(machine: Machine) -> None:
    """Judgements at one address are independent: each that says so stops, until it is removed."""
    debug = machine.debug
    first, second = (equals(Step("x", 5), value=value) for value in (3, 5))
    debug.insert_breakpoint(CODE + 4, second)
    debug.insert_breakpoint(CODE + 4, first)
    assert isinstance(machine.run(1000, only=frozenset({0})), BreakpointHit)
    assert debug.read_x(0, 5) == 3
    machine.step(0)
    assert isinstance(machine.run(1000, only=frozenset({0})), BreakpointHit)
    assert debug.read_x(0, 5) == 5
    debug.remove_breakpoint(CODE + 4, second)
    debug.remove_breakpoint(CODE + 4, first)
    assert not isinstance(machine.run(100, only=frozenset({0})), BreakpointHit)


Told = list[tuple[int, bytes, tuple[int, ...]]]


def listen(machine: Machine) -> Told:
    """What commands print from now on: the hart, the text, its arguments."""
    told: Told = []

    def note(hart: int, text: bytes, stride: int, words: memoryview) -> None:
        listed = words.tolist()
        told.extend((hart, text, tuple(listed[at + 1 : at + stride])) for at in range(0, len(listed), stride))

    machine.debug.printer = note
    return told


def printing(text: bytes, *arguments: Step) -> Judgement:
    """Print a text with some arguments, whose last is on the stack first."""
    hidden = Step("const", 0)
    return Judgement(commands=((*reversed(arguments), hidden, hidden, Step("print", len(arguments), text), END),))


def test_prints(machine: Machine) -> None:
    """What a command prints is told with the hart, the text and the arguments in their order."""
    told = listen(machine)
    machine.debug.insert_breakpoint(CODE + 4, printing(b"%d %d", Step("x", 5), Step("const", 9)))
    machine.run(6, only=frozenset({0}))
    assert told == [(0, b"%d %d", (value, 9)) for value in (1, 2, 3)]


def test_prints_come_in_their_order(machine: Machine) -> None:
    """Whatever their lengths, and whether or not they show memory, which is read while it is as they found it."""
    told = listen(machine)
    machine.debug.insert_breakpoint(CODE, printing(b"%d", Step("x", 5)))
    machine.debug.insert_breakpoint(CODE, printing(b"none"))
    machine.debug.insert_breakpoint(CODE + 4, printing(b"%s %d", Step("const", HERE), Step("x", 5)))
    machine.run(8, only=frozenset({0}))
    expected = [(0, b"%d", (0,)), (0, b"none", ())]
    for value in (1, 2, 3, 4):
        expected += [(0, b"%s %d", (HERE, value)), (0, b"%d", (value,)), (0, b"none", ())]
    assert told == expected[: len(told)]
    assert len(told) >= 12


def test_more_prints_than_there_is_room_for(machine: Machine) -> None:
    """When the engine's room is full they are passed on, in the middle of a slice, and none is lost."""
    room = machine._blocks.shared
    if room.get("print_room"):
        room.put("print_room", 16)
    told = listen(machine)
    machine.debug.insert_breakpoint(CODE + 4, printing(b"%d %d", Step("x", 5), Step("const", 9)))
    machine.run(200, only=frozenset({0}))
    assert told == [(0, b"%d %d", (value, 9)) for value in range(1, 101)]
