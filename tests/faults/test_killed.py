"""A debugger that is killed while the guest runs: the guest goes on, and nothing of its state is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator

import pytest

from emulator.isa.text import assemble
from rvgdb.sessions import EmulatorProcess, Gdb, open_gdb, open_rvgdb
from tests.faults.load import Holding
from tests.helpers.guests import DEMO

UART = 0x1000_0000
FIRST, SECOND = "#@"
LOOP = (
    "lui x5, 0x40",
    "addi x5, x5, -1",
    "bne x5, x0, -4",
    "sb x10, 0(x11)",
    "jal x0, -16",
)
CODE = b"".join(assemble(text).to_bytes(4, "little") for text in LOOP)
"""Prints the letter in x10 for ever, with a pause of half a million instructions."""


KEPT = "ra sp gp tp t1 t2 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6 mscratch mtvec".split()


@pytest.fixture
async def machine() -> AsyncIterator[EmulatorProcess]:
    """The built-in guest, stopped at its reset."""
    async with open_rvgdb(*DEMO.options) as machine:
        yield machine


async def state(gdb: Gdb) -> dict[str, int]:
    """The registers that the loop leaves alone."""
    return dict(await gdb.registers(*KEPT))


async def run_and_be_killed(gdb: Gdb, machine: EmulatorProcess, letter: str) -> None:
    """Let the guest run, and kill GDB as soon as it is seen to."""
    await gdb.cont()
    await machine.expect_output(letter)
    os.kill(gdb.pid, signal.SIGKILL)


async def test_a_killed_debugger_costs_nothing(machine: EmulatorProcess) -> None:
    """GDB is killed twice, with breakpoints set and the guest running; the guest prints on, and then ends as always."""
    async with open_gdb(elf=DEMO.elf.path) as gdb:
        await gdb.connect(machine.address)
        await gdb.tbreak("main")
        await gdb.cont()
        place = (await gdb.expect_breakpoint("main")).address
        assert place is not None
        saved = await gdb.memory(place, len(CODE))
        arguments = await gdb.registers("a0", "a1")
        await gdb.write_memory(place, CODE)
        await gdb.set_var("$a0", ord(FIRST))
        await gdb.set_var("$a1", UART)
        before = await state(gdb)
        await gdb.break_at(f"*{place + 0x100}")
        await run_and_be_killed(gdb, machine, FIRST)
    descriptors = Holding.of(machine.pid).descriptors
    await machine.expect_output(FIRST * (machine.output.count(FIRST.encode()) + 2))

    async with open_gdb(elf=DEMO.elf.path) as gdb:
        await gdb.connect(machine.address)
        assert await state(gdb) == before
        assert await gdb.memory(place, len(CODE)) == CODE
        assert place <= await gdb.register("pc") < place + len(CODE)
        await gdb.set_var("$a0", ord(SECOND))
        await run_and_be_killed(gdb, machine, SECOND)
    await machine.expect_output(SECOND * 2)

    async with open_gdb(elf=DEMO.elf.path) as gdb:
        await gdb.connect(machine.address)
        assert Holding.of(machine.pid).descriptors <= descriptors + 1
        assert await state(gdb) == {**before, "a0": ord(SECOND)}
        await gdb.write_memory(place, saved)
        for name, value in (*arguments.items(), ("pc", place)):
            await gdb.set_var(f"${name}", value)
        await gdb.cont()
        await machine.expect_output(DEMO.last_words)
    assert await machine.wait() == 0
    assert b"Traceback" not in machine.errors
