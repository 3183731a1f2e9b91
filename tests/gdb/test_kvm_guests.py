"""A guest of ours under the emulated KVM: GDB sees the guest, and by name what is under it, while KVM is at work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest

from rvgdb.sessions import CommandFailed, EmulatorProcess, Gdb, StopReason, find_gdb, open_gdb, open_rvgdb
from tests.helpers.code import ECALL, SRET, WFI
from tests.helpers.elf import Elf
from tests.helpers.guests import ROOT

pytestmark = pytest.mark.unlike_qemu("its KVM needs a RISC-V host")

ELF: Final = Elf(ROOT / "guests/elf/masking_sv39.elf")
TAG: Final = 0x55 << 57
WIDE_TAG: Final = 0xBEEF << 48
HIGH_ALIAS: Final = 0xFFFF_FFC0_0000_0000
SECRET: Final = 0x5EC7E7
PMLEN: Final = {"off": 0, "PMLEN7": 2, "PMLEN16": 3}
"""The field PMM (Pointer Masking, table of `pmm`)."""


@asynccontextmanager
async def attached(*options: str) -> AsyncIterator[tuple[Gdb, EmulatorProcess]]:
    """A GDB at a guest's first instruction."""
    if find_gdb() is None:
        pytest.fail("needs a GDB that knows RISC-V, for example Debian's package gdb-multiarch")
    words = ("-accel", "kvm", "-kernel", str(ELF.path), "-S", *options)
    async with open_rvgdb(*words) as machine, open_gdb(elf=ELF.path) as gdb:
        await gdb.connect(machine.address)
        yield gdb, machine


@pytest.fixture
async def gdb() -> AsyncIterator[Gdb]:
    """A GDB at the guest, which has one vcpu."""
    async with attached() as (gdb, _):
        yield gdb


@pytest.fixture
async def two_vcpus() -> AsyncIterator[Gdb]:
    """The same on two vcpus."""
    async with attached("-smp", "2") as (gdb, _):
        yield gdb


async def run_to(gdb: Gdb, location: str) -> None:
    """Run to a function or address, once."""
    await gdb.tbreak(location)
    await gdb.cont()
    await gdb.expect_breakpoint()


async def run_to_catch(gdb: Gdb) -> None:
    """Run to what the monitor was told to stop at."""
    await gdb.cont()
    await gdb.expect_signal("SIGTRAP")


async def pmm(gdb: Gdb, csr: str) -> str:
    """The field PMM of a CSR, by its name in GDB, held to the bits of the CSR."""
    name = await gdb.evaluate(f"${csr}_PMM")
    assert PMLEN[name] == await gdb.integer(f"(${csr} >> 32) & 3")
    return name


async def test_threads_are_vcpus(two_vcpus: Gdb) -> None:
    """Each vcpu is a thread with its own CSRs: the second has masking of its own, and its own ASID."""
    gdb = two_vcpus
    assert [thread.number for thread in await gdb.threads()] == [1, 2]
    await run_to(gdb, "first_life")
    first, second = await gdb.threads()
    assert first.frame is not None
    assert second.frame is not None
    assert (first.frame.function, second.frame.function) == ("wait_for_greeting", "first_life")
    assert await gdb.integer("$mhartid") == 1
    assert await pmm(gdb, "henvcfg") == "off"
    await gdb.console("finish")
    assert await pmm(gdb, "henvcfg") == "PMLEN16"
    assert "ASID=2 MODE=Sv39" in await gdb.evaluate("$vsatp_view")
    await gdb.select_thread(1)
    assert await gdb.integer("$mhartid") == 0
    assert await pmm(gdb, "henvcfg") == "PMLEN7"
    assert "ASID=1 MODE=Sv39" in await gdb.evaluate("$vsatp_view")


async def test_what_is_under_the_guest(gdb: Gdb) -> None:
    """The hypervisor's CSRs hold what KVM programs, by number and by field; its tables are where its ELF says."""
    await run_to(gdb, "check_firmware")
    expected = {
        "hedeleg": 0xB10D,  # arch/riscv/include/asm/kvm_host.h, KVM_HEDELEG_DEFAULT, and illegal instructions
        "hideleg": 0x444,
        "hcounteren": 2,
        "htimedelta": 0,
        "vsatp": 8 << 60 | 1 << 44 | ELF.symbols["root"] >> 12,
        "vstvec": ELF.symbols["trap_entry"],
    }
    assert await gdb.registers(*expected) == expected
    assert await gdb.integer("$hgatp >> 60") == 10
    assert "VMID=1 MODE=Sv57x4" in await gdb.evaluate("$hgatp_view")
    assert "SPV=1 SPVP=S" in await gdb.evaluate("$hstatus_view")
    assert "VTW=1" in await gdb.evaluate("$hstatus_view")
    assert await pmm(gdb, "henvcfg") == "off"
    assert await gdb.integer("$priv") == 5


async def test_supervisor_csrs_are_the_guests(gdb: Gdb) -> None:
    """By their own names the supervisor's CSRs are what the guest means by them, in both modes; HS-mode's are `hs_`."""
    await run_to(gdb, "check_user")
    satp = 8 << 60 | 1 << 44 | ELF.symbols["root"] >> 12
    assert await gdb.register("satp") == satp
    assert await gdb.register("hs_satp") == 0
    assert await gdb.register("stvec") == ELF.symbols["trap_entry"]
    assert await gdb.register("hs_stvec") == 0x8000_0000  # emulator/kvm/world.py: where its handler would be
    await gdb.set_var("$sscratch", 0)
    await run_to(gdb, "user_load")
    await run_to(gdb, "user_load")
    assert await gdb.integer("$priv") == 4
    assert await gdb.register("satp") == satp
    assert await gdb.integer("$sstatus & 0x120") == 0x20  # SPIE and not SPP: run_user has left for VU-mode
    assert await gdb.register("sscratch") == ELF.symbols["harts"]
    await run_to(gdb, "trap")
    tagged = ELF.symbols["user_secret"] | TAG
    assert (await gdb.register("scause"), await gdb.register("stval")) == (13, tagged)
    assert await gdb.register("sepc") == ELF.symbols["user_load"]
    assert await gdb.register("vsepc") == ELF.symbols["user_load"]
    await gdb.set_var("$sscratch", 0x1234)
    assert await gdb.register("vsscratch") == 0x1234
    assert await gdb.register("hs_sscratch") == 0


async def test_memory_is_the_guests(gdb: Gdb) -> None:
    """Addresses are the guest's virtual ones, tagged ones as the mode at hand masks them."""
    secret = ELF.symbols["secret"]
    await run_to(gdb, "check_firmware")
    assert await gdb.memory(secret, 8) == await gdb.memory(secret | HIGH_ALIAS, 8) == SECRET.to_bytes(8, "little")
    with pytest.raises(CommandFailed):
        await gdb.memory(secret | TAG, 8)
    await run_to(gdb, "check_length_7")
    assert await gdb.memory(secret | TAG, 8) == SECRET.to_bytes(8, "little")
    with pytest.raises(CommandFailed):
        await gdb.memory(0x3F00000000, 8)
    tagged = f"{secret | TAG:#x}"
    assert f"{tagged}:\t{SECRET:#018x}" in await gdb.console(f"x/gx {tagged}")
    await gdb.write_memory(secret | TAG, (1).to_bytes(8, "little"))
    assert await gdb.memory(secret, 8) == (1).to_bytes(8, "little")


@pytest.mark.parametrize("hardware", [False, True], ids=["break", "hbreak"])
async def test_breakpoints_in_both_modes(gdb: Gdb, hardware: bool) -> None:
    """Breakpoints stop in VS- and in VU-mode, and KVM's work between them is unseen."""
    await gdb.break_at("check_refusals", hardware=hardware)
    await gdb.break_at("user_load", hardware=hardware)
    await gdb.cont()
    await gdb.expect_breakpoint("check_refusals")
    assert await gdb.integer("$priv") == 5
    expected = [0, TAG, TAG, WIDE_TAG, WIDE_TAG]
    for tag in expected:
        await gdb.cont()
        await gdb.expect_breakpoint("user_load")
        assert await gdb.integer("$priv") == 4
        assert await gdb.register("a0") == ELF.symbols["user_secret"] | tag


async def test_steps_cross_kvm(gdb: Gdb) -> None:
    """A step over an `ecall` that KVM answers is one step, `sret` one into VU-mode, a trap one back."""
    call = ELF.find_code("memset", ECALL)  # the next one behind it is that of set_pmlen
    await run_to(gdb, f"*{call:#x}")
    stop = await gdb.stepi()
    assert stop.address == call + 4
    assert await gdb.register("a0") == 0
    await run_to(gdb, f"*{ELF.find_code('run_user', SRET):#x}")
    stop = await gdb.stepi()
    assert stop.function == "user_load"
    assert await gdb.integer("$priv") == 4
    await run_to(gdb, "*user_exit")
    stop = await gdb.stepi()
    assert stop.address == ELF.symbols["trap_entry"]
    assert await gdb.integer("$priv") == 5
    assert await gdb.integer("$vscause") == 8


async def test_source_steps_go_over_calls_into_kvm(gdb: Gdb) -> None:
    """`next` and `finish` over functions that call the SBI end where the source says."""
    await run_to(gdb, "check_length_16")
    stop = await gdb.next()
    stop = await gdb.next()
    assert stop.function == "check_length_16"
    assert await pmm(gdb, "henvcfg") == "PMLEN16"
    stop = await gdb.finish()
    assert stop.function == "main"


async def test_a_backtrace_crosses_the_modes(gdb: Gdb) -> None:
    """In the handler of a timer interrupt the stack goes on in the VU-mode program."""
    await gdb.condition(await gdb.break_at("on_tick"), "tick_mirror")
    await gdb.cont()
    await gdb.expect_breakpoint("on_tick")
    names = [frame.function for frame in await gdb.frames()]
    assert names[:2] == ["on_tick", "trap"]
    assert names[3] == "user_wait"
    assert await gdb.integer("$vscause") == 1 << 63 | 5


async def test_watchpoints_see_through_tags(gdb: Gdb) -> None:
    """A watchpoint on the plain address stops at stores through a tagged pointer, in VS-mode and from the handler."""
    await run_to(gdb, "check_length_7")
    await gdb.watch("secret")
    for old, new in ((SECRET, SECRET + 1), (SECRET + 1, SECRET)):
        await gdb.cont()
        stop = await gdb.expect_stop(StopReason.WATCH, function="check_length_7")
        assert (stop.old, stop.new) == (str(old), str(new))
    await gdb.console("delete")
    await gdb.watch("user_ticks")
    for count in range(2):
        await gdb.cont()
        stop = await gdb.expect_stop(StopReason.WATCH, function="on_tick")
        assert (stop.old, stop.new) == (str(count), str(count + 1))


async def test_watchpoints_on_tagged_addresses(gdb: Gdb) -> None:
    """A watchpoint on a tagged address is for every alias of the location, as VU-mode's own field masks them."""
    place = ELF.symbols["user_secret"]
    for pmlen, tag in (("PMLEN7", 0x33 << 57), ("PMLEN16", 0x1234 << 48)):
        await gdb.rwatch(f"*(long *) {place | tag:#x}")
        await gdb.cont()
        stop = await gdb.expect_stop(StopReason.READ_WATCH, function="user_load")
        assert stop.new == str(SECRET)
        assert await gdb.integer("$priv") == 4
        assert await pmm(gdb, "senvcfg") == pmlen
        await gdb.console("delete")


async def test_pm_and_walk_tell_both_stages(gdb: Gdb) -> None:
    """`pm` names henvcfg for VS-mode and senvcfg for VU-mode; `walk` goes through the guest's tables and KVM's."""
    await run_to(gdb, "check_length_7")
    secret = ELF.symbols["secret"]
    told = await gdb.monitor(f"pm {secret | TAG:#x}")
    assert told.startswith("load in VS-mode: henvcfg.PMM=PMLEN7: bits 63:57 are ignored and become copies of bit 56")
    assert f"means {secret:#018x}" in told
    walked = await gdb.monitor(f"walk {secret | TAG:#x}")
    assert f"vsatp.MODE=Sv39, root {ELF.symbols['root']:#x}" in walked
    assert f"G-stage of {secret:#x}: hgatp.MODE=Sv57x4" in walked
    await run_to(gdb, "user_wait")
    assert "* VU  senvcfg.PMM=PMLEN16" in await gdb.monitor("pm")


async def test_watch_guest_is_for_a_place(gdb: Gdb) -> None:
    """`watch-guest` stops at a guest-physical place whatever address leads there, `watch-alias` at aliases."""
    secret = ELF.symbols["secret"]
    upper = (secret | HIGH_ALIAS) & (1 << 48) - 1 | WIDE_TAG
    await run_to(gdb, "check_what_is_not_masked")
    await gdb.monitor(f"watch-alias {secret:#x} 8 read")
    await gdb.monitor(f"watch-guest {secret:#x} 8 read")
    await run_to_catch(gdb)
    assert f"2: watch-guest {secret:#x} 8 read: hart 0 read 8 bytes at {upper:#x}" in gdb.transcript
    assert f"1: watch-alias {secret:#x} 8 read: hart" not in gdb.transcript


async def test_aliases_and_tags_are_told(gdb: Gdb) -> None:
    """`watch-alias` says which tag it was, `watch-tag` waits for one."""
    secret = ELF.symbols["secret"]
    await run_to(gdb, "check_length_7")
    await gdb.monitor(f"watch-alias {secret:#x} 8 write")
    await run_to_catch(gdb)
    assert f"wrote 8 bytes at {secret | TAG:#x}, tag 0x55 in the 7 ignored bits" in gdb.transcript
    await gdb.monitor("catch delete 1")
    await gdb.monitor(f"watch-tag {secret | 0x7F << 57:#x} 8 read")
    await run_to_catch(gdb)
    assert f"read 8 bytes at {secret | 0x7F << 57:#x}, tag 0x7f in the 7 ignored bits" in gdb.transcript


@pytest.mark.parametrize(
    ("limit", "function"),
    [
        ("vmid=1", "check_length_7"),
        ("vmid=2", None),
        ("asid=1", "check_length_7"),
        ("asid=2", None),
        ("mode=VS", "check_length_7"),
        ("mode=VU", None),
    ],
)
async def test_watchpoints_are_limited_to_a_space(gdb: Gdb, limit: str, function: str | None) -> None:
    """KVM's guest has VMID 1, this one's first hart ASID 1: a watchpoint for others does not stop it."""
    await run_to(gdb, "check_length_7")
    await gdb.monitor(f"watch-guest {ELF.symbols['secret']:#x} 8 write {limit}")
    end = await gdb.tbreak("check_length_16")
    await gdb.cont()
    stop = await gdb.expect_stop()
    if function is None:
        assert stop.number == end
    else:
        assert (stop.signal, stop.function) == ("SIGTRAP", function)


async def test_the_mode_limits_a_place_that_both_modes_use(gdb: Gdb) -> None:
    """What VU-mode reads and the handler writes is told apart by the mode of the access."""
    await run_to(gdb, "check_ticks_in_user")
    place = f"{ELF.symbols['user_ticks']:#x}"
    await gdb.monitor(f"watch-guest {place} 8 read mode=VU")
    await run_to_catch(gdb)
    assert await gdb.integer("$priv") == 4
    await gdb.monitor("catch delete 1")
    await gdb.monitor(f"watch-guest {place} 8 write mode=VS")
    await run_to(gdb, "user_wait")
    await run_to_catch(gdb)
    assert await gdb.integer("$priv") == 5


async def test_an_address_space_of_the_second_hart(two_vcpus: Gdb) -> None:
    """A place that both harts use, watched in the second one's ASID, stops that one."""
    gdb = two_vcpus
    place = f"{ELF.symbols['round']:#x}"
    await run_to(gdb, "check_second_hart")
    await gdb.monitor(f"watch-alias {place} 4 access asid=2")
    await gdb.cont()
    stop = await gdb.expect_signal("SIGTRAP")
    assert (stop.thread, stop.function) == (2, "secondary")
    await gdb.monitor("catch delete 1")
    await gdb.monitor(f"watch-alias {place} 4 access asid=1")
    await gdb.cont()
    stop = await gdb.expect_signal("SIGTRAP")
    assert (stop.thread, stop.function) == (1, "check_second_hart")


async def test_watched_csrs_are_the_guests(gdb: Gdb) -> None:
    """`watch-csr` stops behind the guest's own writes: `satp` is `vsatp` here, and senvcfg has a field to wait for."""
    await gdb.monitor("watch-csr satp")
    await run_to_catch(gdb)
    assert (await gdb.frames())[0].function == "turn_on_paging"
    assert f"which was 0x0 and is {8 << 60 | 1 << 44 | ELF.symbols['root'] >> 12:#x}" in gdb.transcript
    await gdb.monitor("catch delete 1")
    await gdb.monitor("watch-csr senvcfg.PMM")
    for name in ("PMLEN7", "PMLEN16"):
        await run_to_catch(gdb)
        assert await pmm(gdb, "senvcfg") == name
        assert (await gdb.frames())[0].function == "check_user"


async def test_what_kvm_writes_into_a_watched_csr(gdb: Gdb) -> None:
    """`watch-csr henvcfg.PMM` stops when KVM grants masking, behind the call; what KVM leaves as it is stops nobody."""
    await gdb.monitor("watch-csr henvcfg.PMM")
    await run_to_catch(gdb)
    assert (await gdb.frames())[0].function == "sbi_call"
    assert "KVM, for hart 0, wrote henvcfg, which was 0xe0000000000000f0 and is 0xe0000002000000f0" in gdb.transcript
    assert await pmm(gdb, "henvcfg") == "PMLEN7"


async def test_faults_and_calls_are_caught(gdb: Gdb) -> None:
    """`catch trap` stops in the guest's handler, `catch sbi` behind the call that KVM has answered."""
    await gdb.monitor("catch trap load-page-fault")
    await run_to_catch(gdb)
    tagged = ELF.symbols["secret"] | TAG
    assert (await gdb.register("pc"), await gdb.register("stval")) == (ELF.symbols["trap_entry"], tagged)
    await gdb.monitor("catch delete 1")
    await gdb.monitor("catch sbi fwft")
    await run_to_catch(gdb)
    assert await gdb.register("a0") == 0
    assert await pmm(gdb, "henvcfg") == "PMLEN7"


async def test_a_waiting_guest_can_be_interrupted() -> None:
    """Ctrl-C stops a vcpu that KVM has put to sleep with nothing to wake it; what it waits for lets it go on."""
    async with attached() as (gdb, machine):
        await run_to(gdb, "check_ticks")
        await run_to(gdb, f"*{ELF.find_code('check_ticks', WFI):#x}")
        enabled = await gdb.register("vsie")
        await gdb.set_var("$vsie", 0)
        await gdb.cont()
        await gdb.interrupt()
        await gdb.expect_signal("SIGINT")
        assert await gdb.integer("$priv") == 5
        await gdb.set_var("$vsie", enabled)
        await gdb.cont()
        await gdb.expect_exit()
        assert "46 checks, 0 failed" in machine.output.decode()


async def test_steps_go_over_waiting(gdb: Gdb) -> None:
    """A step over `wfi`, which KVM carries out, ends behind it; the timer is heard when the guest runs on."""
    wait = ELF.find_code("check_ticks", WFI)
    await run_to(gdb, f"*{wait:#x}")
    assert (await gdb.stepi()).address == wait + 4
    await run_to(gdb, "on_tick")
    assert await gdb.integer("$vscause") == 1 << 63 | 5


async def test_the_guest_ends_well_under_a_debugger() -> None:
    """After breakpoints and steps, every check of the guest still holds."""
    async with attached("-smp", "2") as (gdb, machine):
        await gdb.break_at("user_load")
        await gdb.cont()
        await gdb.expect_breakpoint("user_load")
        await gdb.stepi(20)
        await gdb.console("delete")
        await gdb.cont()
        await gdb.expect_exit()
        assert await machine.wait() == 0
        assert "63 checks, 0 failed" in machine.output.decode()
