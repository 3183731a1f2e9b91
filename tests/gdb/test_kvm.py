"""GDB at a guest of the emulated KVM: the guest under its own names, and what is under it by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from rvgdb.gdbext import script
from tests.gdb.conftest import Emulator, Session, attached
from tests.helpers.guests import HOSTED

pytestmark = pytest.mark.unlike_qemu("QEMU has KVM only on a host that is RISC-V")


async def in_trap(session: Session) -> None:
    """Stop at the first timer interrupt, in the guest's handler."""
    await session.gdb.tbreak("trap")
    await session.gdb.cont()
    await session.gdb.expect_breakpoint("trap")


async def test_supervisor_csrs_are_the_guests(emulator: Emulator) -> None:
    """In VS-mode `$stvec` is what the guest calls so, `$vstvec` the same, and `$hs_stvec` HS-mode's own."""
    async with attached(emulator, HOSTED) as session:
        gdb = session.gdb
        await in_trap(session)
        assert await gdb.register("priv") == 5
        for name in ("stvec", "scause", "sepc", "sstatus", "satp"):
            assert await gdb.register(name) == await gdb.register(f"v{name}"), name
        assert await gdb.register("stvec") == session.guest.elf.symbols["trap_entry"]
        assert await gdb.register("scause") == 1 << 63 | 5
        assert await gdb.register("hs_stvec") == 0x8000_0000
        assert await gdb.register("hs_scause") == 22  # virtual instruction: the WFI that KVM handled last
        assert await gdb.register("hgatp") >> 60 == 10
        await gdb.set_var("$sscratch", 0x1234)
        assert await gdb.register("vsscratch") == 0x1234
        assert await gdb.register("hs_sscratch") == 0


async def test_a_condition_reads_what_the_guest_reads(emulator: Emulator) -> None:
    """A condition that names `$scause` is evaluated with the guest's, inside the engine."""
    async with attached(emulator, HOSTED) as session:
        gdb = session.gdb
        await gdb.set("breakpoint condition-evaluation target")
        await gdb.console("break trap if $scause == 0x8000000000000005 && $hs_scause == 22")
        await gdb.cont()
        await gdb.expect_breakpoint("trap")


async def test_the_monitor_shows_both(emulator: Emulator) -> None:
    """`monitor csr` says which CSR the guest's name means; `hs_` leads to HS-mode's."""
    async with attached(emulator, HOSTED) as session:
        gdb = session.gdb
        await in_trap(session)
        said = await gdb.monitor("csr scause")
        assert said.startswith("scause     0x8000000000000005  CSR 0x142, in this guest vscause\n")
        assert "supervisor-timer" in said
        assert (await gdb.monitor("csr hs_scause")).startswith("hs_scause  0x0000000000000016  CSR 0x142\n")
        assert "VS  henvcfg.PMM=off" in await gdb.monitor("pm")
        trap = session.guest.elf.symbols["trap"]
        assert f"(guest-physical {trap:#x}, slot 0)" in await gdb.monitor(f"walk {trap:#x}")
        assert "which KVM hands to user space: the Uart answers" in await gdb.monitor("walk 0x10000000 store")
        assert "nothing is there, a load reads 0" in await gdb.monitor("walk 0x8000 load")
        assert "nothing is there, a store is lost" in await gdb.monitor("walk 0x8000 store")
        assert "KVM makes an instruction-access-fault of the guest's" in await gdb.monitor("walk 0x8000 fetch")
        assert "nothing is there, a load reads 0" in await gdb.monitor("walk 0x20000000")


async def test_kvm_answers_in_gdb(emulator: Emulator, tmp_path: Path) -> None:
    """The script's commands `kvm` and `sbi`, with the selected thread's vcpu."""
    place = tmp_path / "rvgdb-gdb.py"
    place.write_text(script())
    async with attached(emulator, HOSTED, "-smp", "2") as session:
        gdb = session.gdb
        await gdb.console(f"source {place}")
        await in_trap(session)
        assert "isa_ext.smnpm" in await gdb.console("kvm regs smnpm")
        assert "time.set_timer" in await gdb.console("sbi") or "dbcn.console_write" in await gdb.console("sbi")
        assert "ecall-from-vs: sbi" in await gdb.console("kvm exits")
        await gdb.select_thread(2)
        assert (await gdb.console("kvm regs core.pc")).split()[1] == hex(session.guest.reset_pc)
        assert "vcpu 1: stopped" in await gdb.console("kvm")


async def test_an_exit_is_caught(emulator: Emulator) -> None:
    """`monitor catch kvm-exit` stops as a trap does; the console says which exit it was, and the guest goes on."""
    async with attached(emulator, HOSTED) as session:
        await session.gdb.monitor("catch kvm-exit sbi")
        await session.gdb.cont()
        await session.gdb.expect_signal("SIGTRAP")
        assert "KVM_EXIT_RISCV_SBI, extension 0x4442434e" in session.gdb.transcript
        await session.gdb.monitor("catch delete all")
        await session.gdb.cont()
        await session.machine.expect_output(session.guest.last_words)


async def test_a_guest_moves_under_the_debugger(emulator: Emulator, tmp_path: Path) -> None:
    """`monitor migrate` in one session; another machine goes on with the file, where a second GDB finds the guest."""
    state = tmp_path / "guest.state"
    async with attached(emulator, HOSTED) as session:
        await in_trap(session)
        there = await session.gdb.registers("pc", "sp", "a0", "stvec", "sstatus", "vsatp", "henvcfg", "hedeleg")
        ticks = await session.gdb.integer("ticks")
        assert f"saved in {state}" in await session.gdb.monitor(f"migrate {state}")
    async with attached(emulator, HOSTED, "-incoming", str(state)) as session:
        assert await session.gdb.registers(*there) == there
        assert await session.gdb.integer("ticks") == ticks
        await session.gdb.break_at("trap")
        await session.gdb.cont()
        await session.gdb.expect_breakpoint("trap")
        assert await session.gdb.integer("ticks") == ticks + 1
        await session.gdb.delete()
        await session.gdb.cont()
        await session.machine.expect_output(session.guest.last_words)


async def test_what_kvm_cannot_do_stops_with_the_reason(emulator: Emulator) -> None:
    """An atomic access to a device fails KVM_RUN: the guest is halted before it, and a reset begins again."""
    async with attached(emulator, HOSTED) as session:
        gdb = session.gdb
        await in_trap(session)
        pc = await gdb.register("pc")
        await gdb.write_memory(pc, (0x00A5_302F).to_bytes(4, "little"))  # amoadd.d zero, a0, (a0)
        await gdb.set_var("$a0", 0x2000_0000)
        await gdb.cont()
        await gdb.expect_signal("SIGABRT")
        assert "KVM_RUN of vcpu 0 failed: EOPNOTSUPP" in gdb.transcript
        assert await gdb.register("pc") == pc
        await gdb.monitor("system_reset")
        await gdb.console("maintenance flush register-cache")
        assert await gdb.register("pc") == session.guest.reset_pc
        await gdb.cont()
        await session.machine.expect_output(session.guest.last_words)
