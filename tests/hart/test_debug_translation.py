"""A debugger's translation: everywhere the hart could look under any permission, and nothing changes."""

from __future__ import annotations

import pytest

from emulator.config import MachineConfig
from emulator.errors import MemoryUnavailable
from emulator.isa.extensions import parse_cpu
from emulator.machine import Machine
from tests.helpers.paging import DATA, MACHINE, PAGE, RW, SUPERVISOR, TABLES, USER, A, D, N, R, Tables, U, V, W, X

HERE = 0x4000
TEXT = b"seen through a page"


class _Ram:
    """A machine's RAM, written as `Tables` writes a rig's."""

    def __init__(self, machine: Machine) -> None:
        self._debug = machine.debug

    def write(self, address: int, data: bytes) -> None:
        self._debug.write_memory(0, address, data, physical=True)

    def read(self, address: int, length: int) -> bytes:
        return self._debug.read_memory(0, address, length, physical=True)


@pytest.fixture
def machine() -> Machine:
    """A machine in S-mode whose `satp` leads to empty tables; A and D are for the hart to set."""
    machine = Machine(
        MachineConfig(ram_size=1 << 21, cpu=parse_cpu("rv64")), transmit=lambda _: None, engine="reference"
    )
    machine.debug.write_memory(0, DATA, TEXT, physical=True)
    return machine


@pytest.fixture
def tables(machine: Machine) -> Tables:
    """The tables."""
    made = Tables(_Ram(machine), "sv39")
    machine.debug.write_csr(0, 0x180, made.satp)
    machine.debug.write_priv(0, SUPERVISOR)
    return made


def state(machine: Machine) -> tuple[bytes, bytes]:
    """Everything that a guest could see."""
    return machine.harts[0].architectural(), machine.debug.read_memory(0, 0x8000_0000, 1 << 21, physical=True)


@pytest.mark.parametrize("priv", [USER, SUPERVISOR])
@pytest.mark.parametrize("flags", [R, R | W, X, R | W | X | U, X | U, R | A, R | W | A | D], ids=hex)
@pytest.mark.parametrize("pmp", [0x1F, 0x18])
def test_reads_whatever_is_mapped(machine: Machine, tables: Tables, priv: int, flags: int, pmp: int) -> None:
    """Neither R, X, U and A nor the PMP keeps a debugger out, and neither A nor D is set."""
    tables.map(HERE, DATA, V | flags)
    machine.debug.write_priv(0, priv)
    machine.debug.write_csr(0, 0x3B0, (1 << 54) - 1)
    machine.debug.write_csr(0, 0x3A0, pmp)
    before = state(machine)

    assert machine.debug.read_memory(0, HERE, len(TEXT)) == TEXT
    assert state(machine) == before


def test_writes_do_not_set_a_or_d(machine: Machine, tables: Tables) -> None:
    """A debugger's write changes its bytes and no PTE, and needs no W."""
    tables.map(HERE, DATA, V | R)
    machine.debug.write_memory(0, HERE, b"SEEN")
    assert machine.debug.read_memory(0, DATA, len(TEXT), physical=True) == b"SEEN" + TEXT[4:]
    assert tables.pte(HERE) & (A | D) == 0


@pytest.mark.parametrize("pte", [0, V, V | W, DATA >> 2 | RW | 1 << 54, DATA >> 2 | RW | N, 0x7000_0000 >> 2 | RW])
def test_what_leads_nowhere_is_unavailable(machine: Machine, tables: Tables, pte: int) -> None:
    """Without a valid PTE, or without memory behind it, there is nothing to read or write."""
    tables.put(HERE, pte)
    with pytest.raises(MemoryUnavailable):
        machine.debug.read_memory(0, HERE, 1)
    with pytest.raises(MemoryUnavailable):
        machine.debug.write_memory(0, HERE, b"x")


def test_a_read_ends_where_the_pages_end(machine: Machine, tables: Tables) -> None:
    """Pages that are no neighbours in memory are read as one range, as far as they go."""
    tables.map(HERE, DATA + PAGE, RW)
    tables.map(HERE + PAGE, DATA, RW)
    assert machine.debug.read_memory(0, HERE + PAGE - 2, 6) == b"\0\0" + TEXT[:4]
    assert len(machine.debug.read_memory(0, HERE + PAGE, 2 * PAGE)) == PAGE


def test_m_mode_reads_physical_memory(machine: Machine, tables: Tables) -> None:
    """In M-mode addresses are physical, unless MPRV makes loads and stores somebody else's."""
    tables.map(HERE, DATA, RW)
    machine.debug.write_priv(0, MACHINE)
    assert machine.debug.read_memory(0, DATA, len(TEXT)) == TEXT
    machine.debug.write_csr(0, 0x300, 1 << 17 | SUPERVISOR << 11)
    assert machine.debug.read_memory(0, HERE, len(TEXT)) == TEXT


def test_a_changed_table_is_seen(machine: Machine, tables: Tables) -> None:
    """What the debugger writes into a table holds for its next read, without a fence."""
    tables.map(HERE, DATA + PAGE, RW)
    assert machine.debug.read_memory(0, HERE, 4) == b"\0\0\0\0"
    tables.map(HERE, DATA, RW)
    assert machine.debug.read_memory(0, HERE, 4) == TEXT[:4]


def test_tables_end_before_the_ram_does() -> None:
    """The layout fits the machine's RAM."""
    assert TABLES + 16 * PAGE < 0x8000_0000 + (1 << 21)


def test_tagged_pointers_are_read(machine: Machine, tables: Tables) -> None:
    """A pointer whose tag the stopped mode ignores reads what the program would; without masking there is nothing."""
    high = (1 << 64) - HERE
    tables.map(HERE, DATA, RW)
    tables.map(high, DATA, RW)
    tagged = (HERE | 0x5A << 57, high % (1 << 57) | 0x5A << 57)
    for address in tagged:
        with pytest.raises(MemoryUnavailable):
            machine.debug.read_memory(0, address, 4)
    machine.harts[0].put("menvcfg", 2 << 32)
    machine.debug.forget_pages()
    for address in tagged:
        assert machine.debug.read_memory(0, address, len(TEXT)) == TEXT


def test_a_guest_is_read_through_both_stages(machine: Machine, tables: Tables) -> None:
    """At V=1 addresses are the guest's: through vsatp's tables, which lie where hgatp's say, and with its masking."""
    hart = machine.harts[0]
    second = Tables(_Ram(machine), "sv48", TABLES + 64 * PAGE, guest=True)
    tables.map(HERE, 0x5000_0000, RW)
    for page in range(16):
        second.map(TABLES + page * PAGE, TABLES + page * PAGE, RW | U)
    second.map(0x5000_0000, DATA, RW | U)
    hart.put("vsatp", tables.satp)
    hart.put("hgatp", second.satp)
    hart.put("satp", 0)
    hart.put("virt", 1)
    machine.debug.forget_pages()
    before = state(machine)
    assert machine.debug.read_memory(0, HERE, len(TEXT)) == TEXT
    assert state(machine) == before
    hart.put("henvcfg", 3 << 32)
    machine.debug.forget_pages()
    assert machine.debug.read_memory(0, HERE | 0xABCD << 48, len(TEXT)) == TEXT
