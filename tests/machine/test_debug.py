from __future__ import annotations

import threading

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.engine.watching import Watch
from emulator.errors import CsrRefused, MemoryUnavailable
from emulator.isa.text import assemble
from emulator.stops import BreakpointHit, BudgetSpent, Interrupted, WatchKind, WatchpointHit
from tests.helpers.machines import PLIC, UART, Guest

LOOP = "loop:\naddi s0, s0, 1\nsd s0, 0(t0)\njal x0, loop"
DATA = RAM_BASE + 0x4000


def test_stepping_over_a_breakpoint(engine: str) -> None:
    """A step executes its instruction even with a breakpoint at it; a run stops there again."""
    guest = Guest(engine, LOOP)
    guest.debug.write_x(0, 5, DATA)
    guest.debug.insert_breakpoint(RAM_BASE)
    for count in range(3):
        assert guest.machine.run(100) == BreakpointHit(0, RAM_BASE)
        assert guest.x(8) == count
        assert guest.machine.step(0) == BudgetSpent()
        assert guest.debug.read_pc(0) == RAM_BASE + 4


def test_breakpoints_are_counted(engine: str) -> None:
    """A breakpoint inserted twice is there until it has been removed twice."""
    guest = Guest(engine, LOOP)
    guest.debug.write_x(0, 5, DATA)
    for _ in range(2):
        guest.debug.insert_breakpoint(RAM_BASE)
    guest.debug.remove_breakpoint(RAM_BASE)
    assert guest.machine.run(100) == BreakpointHit(0, RAM_BASE)
    guest.debug.remove_breakpoint(RAM_BASE)
    guest.debug.remove_breakpoint(RAM_BASE)
    assert guest.machine.run(100) == BudgetSpent()


def test_a_watchpoint_as_inserted(engine: str) -> None:
    """The stop names the watchpoint and the access, which has not been made."""
    guest = Guest(engine, LOOP)
    guest.debug.write_x(0, 5, DATA)
    guest.debug.insert_watchpoint(WatchKind.WRITE, DATA + 4, 2)

    watch = Watch(WatchKind.WRITE, DATA + 4, 2)
    stop = WatchpointHit(0, WatchKind.WRITE, DATA + 4, DATA, 8, ignored=0, made=WatchKind.WRITE, watch=watch)
    assert guest.machine.run(100) == stop
    assert guest.debug.read_memory(0, DATA, 8) == bytes(8)
    guest.debug.remove_watchpoint(WatchKind.WRITE, DATA + 4, 2)
    assert guest.machine.run(100) == BudgetSpent()


def test_stepping_over_wfi(engine: str) -> None:
    """A step over WFI does not wait."""
    guest = Guest(engine, "wfi\naddi s0, s0, 1")
    for _ in range(2):
        assert guest.machine.step(0) == BudgetSpent()

    assert guest.x(8) == 1
    assert guest.machine.steps == 2


@pytest.mark.parametrize("text", ["jal x0, 0", f"li t0, {UART}\nl:\nlbu t1, 5(t0)\njal x0, l"])
def test_an_interrupt_from_another_thread(engine: str, text: str) -> None:
    """`interrupt` ends a run that would never end, in plain loops and in loops that poll a device."""
    guest = Guest(engine, text)
    thread = threading.Thread(target=guest.machine.interrupt)
    thread.start()

    assert guest.machine.run(1 << 50) == Interrupted()
    thread.join()
    assert guest.machine.run(100) == BudgetSpent()


def test_looking_at_devices_changes_nothing(engine: str) -> None:
    """A debugger's reads take no byte from the UART and claim no interrupt from the PLIC."""
    guest = Guest(engine, f"li t0, {UART}\nlbu s0, 0(t0)\njal x0, 0")
    guest.machine.receive(b"Z")
    for _ in range(2):
        assert guest.debug.read_memory(0, UART, 1) == b"Z"
        guest.debug.read_memory(0, PLIC + 0x20_0004, 4)

    guest.run(10)

    assert guest.x(8) == ord("Z")


def test_writes_drop_decoded_code(engine: str) -> None:
    """Instructions that a debugger writes are executed, wherever it writes them."""
    guest = Guest(engine, LOOP)
    guest.debug.write_x(0, 5, DATA)
    guest.run(30)
    before = guest.x(8)
    guest.debug.write_memory(0, RAM_BASE, assemble("addi s0, s0, 100").to_bytes(4, "little"))

    guest.run(30)

    assert guest.x(8) == before + 1000


@pytest.mark.parametrize(("name", "value"), [("mhartid", 1), ("misa", 0), ("satp", 3 << 60), ("cycle", 5)])
def test_refused_writes_say_why(engine: str, name: str, value: int) -> None:
    """A write that can change nothing is refused, with the register's name in the reason."""
    guest = Guest(engine, LOOP)
    number = next(info.number for info in guest.debug.csrs() if info.name == name)

    with pytest.raises(CsrRefused, match=name):
        guest.debug.write_csr(0, number, value)


def test_there_is_no_such_csr(engine: str) -> None:
    """A CSR that the machine has not got cannot be read or written."""
    guest = Guest(engine, LOOP)
    with pytest.raises(CsrRefused, match="0x7c0"):
        guest.debug.read_csr(0, 0x7C0)
    with pytest.raises(CsrRefused, match="priv"):
        guest.debug.write_priv(0, 2)
    guest.debug.write_priv(0, 5)
    assert guest.debug.read_priv(0) == 5  # VS, as QEMU has it
    assert guest.machine.harts[0].get("virt") == 1


def test_a_counter_set_by_a_debugger(engine: str) -> None:
    """The next instruction reads what a debugger wrote."""
    guest = Guest(engine, "csrrs s0, mcycle, x0\njal x0, 0")
    guest.debug.write_csr(0, 0xB00, 1234)
    assert guest.csr("mcycle") == 1234

    guest.run(1)

    assert guest.x(8) == 1234


def test_memory_that_is_not_there(engine: str) -> None:
    """Reads give what there is before the end, and fail where there is nothing; writes are all or nothing."""
    guest = Guest(engine, LOOP)
    end = RAM_BASE + len(guest.machine.ram)
    assert len(guest.debug.read_memory(0, end - 4, 100)) == 4
    for address in (0, end, 1 << 63):
        with pytest.raises(MemoryUnavailable):
            guest.debug.read_memory(0, address, 4)
    with pytest.raises(MemoryUnavailable):
        guest.debug.write_memory(0, end - 4, b"12345678")
    assert guest.debug.read_memory(0, end - 4, 4) == bytes(4)
