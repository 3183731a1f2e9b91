"""`info registers`, `info all-registers`, `p/x $mstatus`, and writing registers and CSRs."""

from __future__ import annotations

import pytest

from rvgdb.sessions import CommandFailed, StopReason
from rvgdb.sessions.inspecting import GENERAL
from tests.gdb.conftest import Session


def listed(text: str) -> dict[str, int]:
    """Name and value of each row that a register listing gives as a number."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: int(row[1], 16) for row in rows if len(row) > 1 and row[1].startswith("0x")}


async def stop_in_trap(session: Session) -> None:
    """Let the guest run to its first timer interrupt."""
    await session.gdb.tbreak("trap")
    await session.gdb.cont()
    await session.gdb.expect_breakpoint("trap")


async def test_info_registers(session: Session) -> None:
    """The listing has the general registers and pc, with the values that the ELF gives for two of them."""
    await stop_in_trap(session)
    registers = listed(await session.gdb.console("info registers"))
    assert tuple(registers) == GENERAL[1:]  # GDB leaves out the one that is always zero
    assert registers == await session.gdb.registers(*GENERAL[1:])
    assert registers["gp"] == session.guest.elf.symbols["__global_pointer$"]
    assert session.guest.elf.function_at(registers["pc"]) == "trap"


async def test_info_all_registers(session: Session) -> None:
    """The listing of everything has the CSRs too, and no row of it is an error."""
    await stop_in_trap(session)
    text = await session.gdb.console("info all-registers")
    registers = listed(text)
    assert set(GENERAL) < set(registers)
    assert registers[f"{session.guest.mode}tvec"] == session.guest.elf.symbols["trap_entry"]
    assert registers[f"{session.guest.mode}cause"] == session.guest.timer_cause
    assert {"mstatus", "misa", "mhartid", "satp", "pmpcfg0", "mscratch", "medeleg", "mideleg"} <= set(registers)


async def test_print_mstatus(session: Session) -> None:
    """`p/x $mstatus` or `$sstatus` in a trap handler shows what a trap does to the interrupt-enable stack."""
    await stop_in_trap(session)
    mstatus = int((await session.gdb.console(f"p/x ${session.guest.mode}status")).split(" = ")[1], 16)
    enabled, before, mode = {"m": (3, 7, 3 << 11), "s": (1, 5, 1 << 8)}[session.guest.mode]
    assert mstatus >> enabled & 1 == 0  # xIE: cleared by the trap
    assert mstatus >> before & 1 == 1  # xPIE: what xIE was
    assert mstatus & mode == mode  # xPP: the guests trap from the mode that they handle traps in
    assert mstatus >> 32 & 3 == 2  # UXL: 64 bits


async def test_write_register(session: Session) -> None:
    """A register that GDB writes is what the guest computes with: it prints another number."""
    await session.gdb.tbreak(f"*{session.guest.elf.symbols['put_decimal']}")
    await session.gdb.cont()
    await session.gdb.expect_breakpoint("put_decimal")
    await session.gdb.set_var("$a0", 424242)
    assert await session.gdb.register("a0") == 424242
    await session.gdb.cont()
    await session.machine.expect_output("424242")


async def test_write_pc(session: Session) -> None:
    """A program counter that GDB writes is where the guest goes on."""
    await session.gdb.tbreak("main")
    await session.gdb.cont()
    await session.gdb.expect_breakpoint("main")
    await session.gdb.set_var("$pc", session.guest.elf.symbols["count_ticks"])
    assert (await session.gdb.stepi()).address == session.guest.elf.instructions(
        session.guest.elf.symbols["count_ticks"], 2
    )[1]


async def test_zero_stays_zero(session: Session) -> None:
    """Writing x0 changes nothing."""
    await session.gdb.set_var("$zero", 5)
    await session.gdb.stepi()
    assert await session.gdb.register("zero") == 0


async def test_write_csr(session: Session) -> None:
    """A CSR that GDB writes keeps the value, whatever mode the guest is in."""
    await stop_in_trap(session)
    await session.gdb.set_var("$mscratch", 0x0123456789ABCDEF)
    await session.gdb.stepi()
    assert await session.gdb.register("mscratch") == 0x0123456789ABCDEF


async def test_csr_write_takes_effect(session: Session) -> None:
    """A trap vector that GDB writes is where the next trap goes."""
    await session.gdb.tbreak("count_ticks")
    await session.gdb.cont()
    await session.gdb.expect_breakpoint("count_ticks")
    await session.gdb.set_var(f"${session.guest.mode}tvec", session.guest.elf.entry)
    await session.gdb.hbreak(f"*{session.guest.elf.entry}")
    await session.gdb.cont()
    await session.gdb.expect_stop(StopReason.BREAKPOINT, address=session.guest.elf.entry)
    assert await session.gdb.register(f"{session.guest.mode}cause") == session.guest.timer_cause


@pytest.mark.unlike_qemu("its version 7.2 keeps whatever is written to MPP")
async def test_csr_is_warl(session: Session) -> None:
    """A field that takes only legal values keeps one: MPP cannot be 2, and the rest of the value is taken."""
    before = await session.gdb.register("mstatus")
    await session.gdb.set_var("$mstatus", before & ~(3 << 11) | 2 << 11 | 1 << 22)
    assert await session.gdb.register("mstatus") == before | 1 << 22


@pytest.mark.unlike_qemu("it says OK and changes nothing")
async def test_a_refused_csr_write_is_an_error(session: Session) -> None:
    """What a CSR cannot take at all is told, not swallowed: the modes of satp that the manual reserves."""
    before = await session.gdb.register("satp")
    with pytest.raises(CommandFailed):
        await session.gdb.set_var("$satp", 3 << 60)
    assert await session.gdb.register("satp") == before


@pytest.mark.unlike_qemu("it says OK and changes nothing")
async def test_read_only_csr(session: Session) -> None:
    """Writing a read-only CSR is an error, and the session goes on."""
    with pytest.raises(CommandFailed, match="mhartid"):
        await session.gdb.set_var("$mhartid", 7)
    await session.gdb.stepi()
    assert await session.gdb.register("mhartid") == 0
