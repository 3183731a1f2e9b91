"""LLDB attaches, shows registers, breaks, steps, watches and leaves; what it prints is compared with the ELF."""

from __future__ import annotations

import re

from rvgdb.sessions import EmulatorProcess
from tests.helpers.guests import DEMO
from tests.lldb.conftest import Lldb

RESET = 0x1000
"""Where QEMU's virt board starts its harts."""


def value_of(name: str, printed: str) -> int:
    """The last value of a register that LLDB printed."""
    return int(re.findall(rf"^\s*{name} = (0x[0-9a-f]+)", printed, re.MULTILINE)[-1], 16)


async def test_attach_and_leave(lldb: Lldb, machine: EmulatorProcess) -> None:
    """LLDB sees both harts at the reset address, and the guest runs on to its end once it has detached."""
    printed = await lldb(
        "thread list", "register read pc mhartid", "thread select 2", "register read mhartid", "detach"
    )
    assert re.search(rf"thread #1: tid = 0x0001, {RESET:#018x}", printed)
    assert re.search(rf"thread #2: tid = 0x0002, {RESET:#018x}", printed)
    assert value_of("pc", printed) == RESET
    assert value_of("mhartid", printed) == 1
    await machine.expect_output(DEMO.last_words)
    assert await machine.wait() == 0


async def test_it_needs_no_elf(lldb: Lldb) -> None:
    """The stub says what machine it is, so that LLDB disassembles without a program at hand."""
    printed = await lldb("target list", "disassemble -s 0x1000 -c 1", elf=False)
    assert "arch=riscv64-" in printed
    assert "auipc" in printed


async def test_registers(lldb: Lldb) -> None:
    """Integer, floating-point and control registers are there by name; what is written is read back."""
    printed = await lldb(
        "register read",
        "register write a0 0x1122334455667788",
        "register write mscratch 0x55",
        "register read a0 mscratch",
    )
    for name in ("zero", "sp", "a7", "ft0", "mstatus", "satp", "priv"):
        assert re.search(rf"^\s*{name} = ", printed, re.MULTILINE), name
    assert value_of("a0", printed) == 0x1122334455667788
    assert value_of("mscratch", printed) == 0x55


async def test_a_refused_write_has_its_reason(lldb: Lldb) -> None:
    """The stub's reason reaches a person at LLDB's prompt."""
    printed = await lldb("process plugin packet send Pffff=00")
    assert "E" in printed
    reply = re.search(r"response: E\d\d;([0-9a-f]+)", printed)
    assert reply
    assert bytes.fromhex(reply[1]).decode()


async def test_break_and_step(lldb: Lldb) -> None:
    """A breakpoint by name is hit in its function, the call stack is right, and steps go where the source goes."""
    line = DEMO.line_of("box->volume = volume_of(box);")
    printed = await lldb(
        "breakpoint set -n measure", "continue", "bt", "thread step-inst", "thread step-over", "thread step-over"
    )
    assert f"measure(box={DEMO.elf.symbols['boxes']:#018x}) at main.c:{line}" in printed
    frames = re.findall(r"frame #\d: 0x[0-9a-f]+ \S+`(\w+)", printed)
    assert frames[-7:-3] == ["measure", "measure_all", "main", "_start"]
    assert "stop reason = instruction step into" in printed
    assert f"at main.c:{line + 1}:" in printed
    assert f"at main.c:{line + 2}:" in printed


async def test_watch(lldb: Lldb) -> None:
    """A watchpoint tells the value before and after: LLDB knows that it stops before the access."""
    printed = await lldb("breakpoint set -n measure", "continue", "watchpoint set variable total_volume", "continue")
    assert "Watchpoint 1 hit" in printed
    assert re.search(r"old value: 0\s+new value: 15", printed)  # 5 × 3 × 1, the first of `boxes`


async def test_memory_regions(lldb: Lldb) -> None:
    """LLDB shows where RAM is, and all of the address space in a few lines."""
    printed = await lldb("memory region 0x80001000", "memory region --all")
    assert re.search(r"\[0x0*80000000-0x0*88000000\) rwx", printed)
    assert len(re.findall(r"^\[0x", printed, re.MULTILINE)) < 12


async def test_memory(lldb: Lldb) -> None:
    """Memory is read and written; what the ELF says is there is there."""
    address = DEMO.elf.symbols["measure"]
    expected = DEMO.elf.code(address, 4)
    printed = await lldb(
        f"memory read -s1 -fx -c4 {address:#x}",
        f"memory write -s4 {address:#x} 0xcafe",
        f"memory read -s4 -fx -c1 {address:#x}",
    )
    assert " ".join(f"0x{byte:02x}" for byte in expected) in printed
    assert "0x0000cafe" in printed
