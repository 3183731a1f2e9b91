"""Every packet's answer, over a memory stream and a fake machine."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
import trio

from emulator.stops import BreakpointHit, GuestExit, TrapLoop, WatchKind, WatchpointHit
from protocol import requests
from protocol.requests import Request
from rvgdb.dispatch import TABLE
from rvgdb.handlers.searching import checksum
from rvgdb.runner import StepMask
from tests.rvgdb.fake_machine import BASE, SIZE
from tests.rvgdb.rsp_client import RspClient, Stub


def le(value: int) -> bytes:
    """Eight bytes in target order, as hex."""
    return value.to_bytes(8, "little").hex().encode()


# --- registers ---


async def test_g_gives_x0_to_x31_and_pc(stub: Stub, gdb: RspClient) -> None:
    """The same 33 registers as QEMU's."""
    stub.machine.harts[0].x[2] = 0x1234
    reply = await gdb.ask(b"g")
    assert len(reply) == 33 * 16
    assert reply[2 * 16 : 3 * 16] == le(0x1234)
    assert reply[-16:] == le(BASE)


async def test_capital_g_sets_them(stub: Stub, gdb: RspClient) -> None:
    """What is written is read back; x0 stays 0."""
    values = b"".join(le(index + 1) for index in range(33))
    assert await gdb.ask(b"G" + values) == b"OK"
    assert stub.machine.harts[0].x[:4] == [0, 2, 3, 4]
    assert stub.machine.harts[0].pc == 33


async def test_a_short_capital_g_is_refused(stub: Stub, gdb: RspClient) -> None:
    """Half a register file changes nothing."""
    assert (await gdb.ask(b"G00")).startswith(b"E")
    assert stub.machine.harts[0].pc == BASE


@pytest.mark.parametrize(
    ("number", "value"),
    [(b"5", 7), (b"20", 0x80000100), (b"41", 1), (b"%x" % (66 + 0x300), 0x1800)],
)
async def test_p_reads_what_capital_p_wrote(gdb: RspClient, number: bytes, value: int) -> None:
    """General registers, pc, priv and a CSR, by QEMU's numbers."""
    assert await gdb.ask(b"P" + number + b"=" + le(value)) == b"OK"
    assert await gdb.ask(b"p" + number) == le(value)


@pytest.mark.parametrize("body", [b"p%x" % (66 + 0x180), b"p21", b"p80000000", b"pffffffff", b"p40"])
async def test_a_register_that_is_not_there_is_an_error(gdb: RspClient, body: bytes) -> None:
    """Numbers without a register, however large."""
    assert (await gdb.ask(body)).startswith(b"E.there is no register")


async def test_a_csr_that_refuses_says_why(gdb: RspClient) -> None:
    """A refused write is never OK."""
    assert await gdb.ask(b"P%x=" % (66 + 0xF14) + le(1)) == b"E.mhartid is read-only"


async def test_a_csr_that_refuses_is_a_number_without_error_texts(stub: Stub) -> None:
    """`E.` is only for debuggers that asked for it."""
    client = stub.connect()
    await client.ask(b"qSupported:multiprocess+")
    assert await client.ask(b"P%x=" % (66 + 0xF14) + le(1)) == b"E14"


async def test_a_csr_that_cannot_be_read_is_an_error(gdb2: RspClient) -> None:
    """Reads may be refused too."""
    await gdb2.ask(b"Hgp1.2")
    assert (await gdb2.ask(b"p%x" % (66 + 0x341))).startswith(b"E.mepc")


@pytest.mark.parametrize("body", [b"P5=11", b"P41=" + le(2), b"P5=" + le(1) + b"00"])
async def test_a_value_that_does_not_fit_is_refused(gdb: RspClient, body: bytes) -> None:
    """Wrong sizes and privileges that do not exist."""
    assert (await gdb.ask(body)).startswith(b"E")


# --- memory ---


async def test_memory_is_read_and_written(stub: Stub, gdb: RspClient) -> None:
    """`M`, `X` and `m`, `x`."""
    assert await gdb.ask(b"M%x,4:01020304" % BASE) == b"OK"
    assert await gdb.ask(b"X%x,2:\x05\x06" % (BASE + 4)) == b"OK"
    assert await gdb.ask(b"m%x,6" % BASE) == b"010203040506"
    assert await gdb.ask(b"x%x,6" % BASE) == b"b\x01\x02\x03\x04\x05\x06"


async def test_a_probe_of_no_bytes_is_ok(gdb: RspClient) -> None:
    """GDB asks with an empty `X` whether the packet is known."""
    assert await gdb.ask(b"X0,0:") == b"OK"


async def test_reading_over_the_end_gives_what_is_there(gdb: RspClient) -> None:
    """A partial answer is an answer."""
    assert await gdb.ask(b"m%x,8" % (BASE + SIZE - 2)) == b"0000"


async def test_reading_nothing_is_an_error(stub: Stub, gdb: RspClient) -> None:
    """Where not one byte is, the error says so: with a text, or with E14."""
    assert (await gdb.ask(b"m0,4")).startswith(b"E.cannot access memory at 0x0")
    assert (await gdb.ask(b"x0,4")).startswith(b"E.cannot access memory")
    assert (await gdb.ask(b"M0,1:00")).startswith(b"E.cannot access memory")


async def test_physical_mode_reads_physical_memory(stub: Stub, gdb: RspClient) -> None:
    """QEMU's PhyMemMode is passed on and can be asked for."""
    assert await gdb.ask(b"qqemu.PhyMemMode") == b"0"
    assert await gdb.ask(b"Qqemu.PhyMemMode:1") == b"OK"
    assert await gdb.ask(b"qqemu.PhyMemMode") == b"1"
    await gdb.ask(b"m%x,4" % BASE)
    assert stub.machine.debug.physical_reads == 1


async def test_memory_is_searched(stub: Stub, gdb: RspClient) -> None:
    """A pattern across two blocks is found, one beyond the length is not."""
    place = 0xFFFE - 1
    stub.machine.debug.memory[place : place + 3] = b"abc"
    assert await gdb.ask(b"qSearch:memory:%x;%x;abc" % (BASE, SIZE)) == b"1,%x" % (BASE + place)
    assert await gdb.ask(b"qSearch:memory:%x;%x;abc" % (BASE, place)) == b"0"
    assert await gdb.ask(b"qSearch:memory:%x;ffffffffffffffff;zzz" % BASE) == b"0"
    assert (await gdb.ask(b"qSearch:memory:0;4;a")).startswith(b"E")


async def test_a_checksum_is_gdbs(stub: Stub, gdb: RspClient) -> None:
    """CRC-32/MPEG-2: its published check value, whole and in two parts."""
    stub.machine.debug.memory[:9] = b"123456789"
    assert await gdb.ask(b"qCRC:%x,9" % BASE) == b"C376e6e7"
    assert checksum(b"6789", checksum(b"12345")) == 0x0376E6E7
    assert (await gdb.ask(b"qCRC:%x,4" % (BASE + SIZE - 2))).startswith(b"E")


# --- breakpoints ---


async def test_a_software_breakpoint_stops(stub: Stub, gdb: RspClient) -> None:
    """Z0, continue, the stop with its reason and registers."""
    assert await gdb.ask(b"Z0,%x,4" % (BASE + 8)) == b"OK"
    reply = await gdb.ask(b"vCont;c")
    assert reply.startswith(b"T05")
    assert b"swbreak:;" in reply
    assert b"thread:p1.1;" in reply or b"thread:p01.01;" in reply
    assert b"20:" + le(BASE + 8) in reply
    assert await gdb.ask(b"z0,%x,4" % (BASE + 8)) == b"OK"
    assert stub.machine.debug.breakpoints == set()


async def test_a_hardware_breakpoint_is_named(gdb: RspClient) -> None:
    """Z1 stops as `hwbreak`."""
    await gdb.ask(b"Z1,%x,4" % (BASE + 8))
    assert b"hwbreak:;" in await gdb.ask(b"c")


async def test_two_kinds_share_a_place(stub: Stub, gdb: RspClient) -> None:
    """Removing one of Z0 and Z1 at an address leaves the other; twice is once."""
    for body in (b"Z0,%x,4", b"Z0,%x,4", b"Z1,%x,2", b"z0,%x,4"):
        assert await gdb.ask(body % BASE) == b"OK"
    assert stub.machine.debug.breakpoints == {BASE}
    assert await gdb.ask(b"z1,%x,2" % BASE) == b"OK"
    assert stub.machine.debug.breakpoints == set()


@pytest.mark.parametrize(
    ("digit", "kind", "key"),
    [(2, WatchKind.WRITE, b"watch"), (3, WatchKind.READ, b"rwatch"), (4, WatchKind.ACCESS, b"awatch")],
)
async def test_a_watchpoint_stops(stub: Stub, gdb: RspClient, digit: int, kind: WatchKind, key: bytes) -> None:
    """Z2, Z3 and Z4 with the address as inserted."""
    assert await gdb.ask(b"Z%d,%x,8" % (digit, BASE)) == b"OK"
    assert await gdb.ask(b"Z%d,%x,8" % (digit, BASE)) == b"OK"
    assert stub.machine.debug.watchpoints == {(kind, BASE, 8)}
    stub.machine.stops.append(WatchpointHit(0, kind, BASE, BASE + 4, 4))
    assert b";" + key + b":%x;" % BASE in (await gdb.ask(b"c")).replace(b"T05", b";")
    assert await gdb.ask(b"z%d,%x,8" % (digit, BASE)) == b"OK"
    assert await gdb.ask(b"z%d,%x,8" % (digit, BASE)) == b"OK"
    assert stub.machine.debug.watchpoints == set()


@pytest.mark.parametrize("body", [b"Z0,80000000,1", b"Z1,80000000,3", b"Z2,80000000,0", b"Z2,ffffffffffffffff,2"])
async def test_a_breakpoint_that_makes_no_sense_is_refused(stub: Stub, gdb: RspClient, body: bytes) -> None:
    """Lengths that no instruction or access has."""
    assert (await gdb.ask(body)).startswith(b"E.")
    assert not stub.machine.debug.breakpoints


# --- running ---


async def test_a_step_is_answered(stub: Stub, gdb: RspClient) -> None:
    """One instruction, interrupts held back, registers in the reply."""
    reply = await gdb.ask(b"vCont;s:p1.1")
    assert reply.startswith(b"T05")
    assert b"20:" + le(BASE + 4) in reply
    assert stub.machine.steps == [(0, True)]


async def test_the_old_step_and_continue_take_an_address(stub: Stub, gdb: RspClient) -> None:
    """`s addr` and `c addr` set the pc first."""
    assert b"20:" + le(BASE + 0x104) in await gdb.ask(b"s%x" % (BASE + 0x100))
    await gdb.ask(b"Z0,%x,4" % (BASE + 0x200))
    assert b"20:" + le(BASE + 0x200) in await gdb.ask(b"c%x" % (BASE + 0x1F0))


async def test_a_range_is_stepped(stub: Stub, gdb: RspClient) -> None:
    """`vCont;r` runs a line in one packet: a step, and the rest by the engine."""
    reply = await gdb.ask(b"vCont;r%x,%x:p1.1" % (BASE, BASE + 0x20))
    assert b"20:" + le(BASE + 0x20) in reply
    assert (len(stub.machine.steps), len(stub.machine.runs)) == (1, 1)


async def test_the_leftmost_action_wins(pair: Stub, gdb2: RspClient) -> None:
    """Hart 2 steps while hart 1 goes on for a turn."""
    reply = await gdb2.ask(b"vCont;s:p1.2;c:p1.-1")
    assert b"thread:p1.2;" in reply or b"thread:p01.02;" in reply
    assert pair.machine.runs == [frozenset({0})]
    assert pair.machine.steps == [(1, True)]


async def test_a_range_of_two_harts_is_left_after_a_step(pair: Stub, gdb2: RspClient) -> None:
    """A stub may leave a range early, and the debugger asks again."""
    reply = await gdb2.ask(b"vCont;r%x,%x:p1.1;s:p1.2" % (BASE, BASE + 0x20))
    assert b"20:" + le(BASE + 4) in reply
    assert {hart for hart, _ in pair.machine.steps} == {0, 1}


@pytest.mark.parametrize(
    ("address", "reply"),
    [
        (BASE, b"start:80000000;size:10000;permissions:rwx;name:52414d;"),
        (BASE + 0xFFFF, b"start:80000000;size:10000;permissions:rwx;name:52414d;"),
        (0, b"start:0;size:80000000;"),
        ((1 << 64) - 1, b"start:80010000;size:ffffffff7fff0000;"),
    ],
)
async def test_memory_regions(gdb: RspClient, address: int, reply: bytes) -> None:
    """LLDB learns what is around an address: memory, or the gap up to the next."""
    assert await gdb.ask(b"qMemoryRegionInfo:%x" % address) == reply


async def test_a_hart_that_is_not_named_does_not_run(pair: Stub, gdb2: RspClient) -> None:
    """Scheduler locking: only the named hart runs."""
    await gdb2.ask(b"Z0,%x,4" % (BASE + 8))
    await gdb2.ask(b"vCont;c:p1.2")
    assert pair.machine.runs[0] == frozenset({1})
    assert pair.machine.harts[0].pc == BASE


async def test_the_old_step_means_the_chosen_hart(pair: Stub, gdb2: RspClient) -> None:
    """`Hc` chooses who steps with `s`."""
    await gdb2.ask(b"Hcp1.2")
    await gdb2.ask(b"s")
    assert pair.machine.steps == [(1, True)]
    assert pair.machine.runs == []


@pytest.mark.parametrize("body", [b"vCont;c:p1.7", b"vCont;s:p3.1", b"vCont;t"])
async def test_an_action_for_nobody_is_refused(stub: Stub, gdb: RspClient, body: bytes) -> None:
    """Threads that do not exist, and nothing to run."""
    assert (await gdb.ask(body)).startswith(b"E.")
    assert not stub.runner.running


async def test_ctrl_c_stops_a_busy_guest(stub: Stub, gdb: RspClient) -> None:
    """One byte while the guest spins; the answer is SIGINT."""
    await stub.run_busily(gdb)
    await gdb.stream.send_all(b"\x03")
    assert (await gdb.reply()).startswith(b"T02")


async def test_a_packet_stops_a_busy_guest_too(stub: Stub, gdb: RspClient) -> None:
    """As in QEMU: the stop is told, then the packet answered."""
    await stub.run_busily(gdb)
    await gdb.send(b"p20")
    assert (await gdb.reply()).startswith(b"T02")
    assert await gdb.reply() == le(BASE)


async def test_why_stopped_keeps_breakpoints(stub: Stub, gdb: RspClient) -> None:
    """`?` repeats the halt and deletes nothing."""
    await gdb.ask(b"Z0,%x,4" % (BASE + 8))
    assert (await gdb.ask(b"?")).startswith(b"T05")
    assert stub.machine.debug.breakpoints == {BASE + 8}


async def test_a_trap_loop_is_a_stop_with_a_signal(stub: Stub, gdb: RspClient) -> None:
    """An illegal instruction for ever is SIGILL, and the user is told once."""
    stub.machine.stops.append(TrapLoop(0, BASE, 2, 0))
    assert (await gdb.ask(b"c")).startswith(b"T04")
    assert len(stub.reports) == 1


async def test_the_guests_end_is_told(stub: Stub, gdb: RspClient) -> None:
    """`W` with the status, then the run is over."""
    stub.machine.stops.append(GuestExit(3))
    assert (await gdb.ask(b"c")).startswith(b"W03")
    with trio.fail_after(5):
        await stub.runner.finished.wait()


async def test_a_stop_chooses_the_hart(pair: Stub, gdb2: RspClient) -> None:
    """After a stop of hart 2 registers are hart 2's."""
    pair.machine.harts[1].x[5] = 99
    pair.machine.stops.append(BreakpointHit(1, BASE))
    await gdb2.ask(b"vCont;c")
    assert await gdb2.ask(b"p5") == le(99)


# --- threads ---


async def test_harts_are_threads(gdb2: RspClient) -> None:
    """Lists, liveness, description, the current one."""
    assert (await gdb2.ask(b"qfThreadInfo")).replace(b"p01.0", b"p1.") == b"mp1.1,p1.2"
    assert await gdb2.ask(b"qsThreadInfo") == b"l"
    assert await gdb2.ask(b"Tp1.2") == b"OK"
    assert (await gdb2.ask(b"Tp1.3")).startswith(b"E.there is no thread 3")
    assert bytes.fromhex((await gdb2.ask(b"qThreadExtraInfo,p1.2")).decode()) == b"hart1 M-mode"
    assert (await gdb2.ask(b"qThreadExtraInfo,p1.9")).startswith(b"E.")
    assert await gdb2.ask(b"Hgp1.2") == b"OK"
    assert (await gdb2.ask(b"qC")).replace(b"p01.0", b"p1.") == b"QCp1.2"
    assert (await gdb2.ask(b"Hgp2.1")).startswith(b"E.there is no process 2")
    assert await gdb2.ask(b"Hgp0.0") == b"OK"
    assert await gdb2.ask(b"Hc-1") == b"OK"


async def test_threads_have_names_in_xml(gdb2: RspClient) -> None:
    """The document GDB shows as `info threads`."""
    reply = await gdb2.ask(b"qXfer:threads:read::0,1000")
    assert reply.startswith(b"l")
    assert b'core="1" name="hart1"' in reply
    assert b'id="p1.2"' in reply.replace(b"p01.0", b"p1.")


# --- documents ---


async def test_the_target_description_names_every_register(gdb: RspClient) -> None:
    """Numbers are QEMU's, the OS ABI is none, a CSR with fields has a type of its own."""
    text = (await gdb.ask(b"qXfer:features:read:target.xml:0,10000")).decode()
    assert text.startswith("l")
    assert "<osabi>none</osabi>" in text
    registers = {reg.get("name"): reg for reg in ET.fromstring(text[1:]).iter("reg")}
    expected = {
        "pc": ("code_ptr", 32),
        "priv": ("int", 65),
        "mstatus": ("mstatus", 66 + 0x300),
        "mepc": ("int", 66 + 0x341),
    }
    for name, (kind, number) in expected.items():
        assert (registers[name].get("type"), registers[name].get("regnum")) == (kind, str(number))


async def test_the_description_comes_in_pieces(gdb: RspClient) -> None:
    """Offsets work and an annex that is not there is an error."""
    whole = await gdb.ask(b"qXfer:features:read:target.xml:0,10000")
    first = await gdb.ask(b"qXfer:features:read:target.xml:0,20")
    assert first == b"m" + whole[1:33]
    assert (await gdb.ask(b"qXfer:features:read:target.xml:ffffff,20")) == b"l"
    assert (await gdb.ask(b"qXfer:features:read:other.xml:0,20")).startswith(b"E")


async def test_the_memory_map_is_only_for_who_asked(gdb: RspClient) -> None:
    """By default GDB must not learn physical regions."""
    assert await gdb.ask(b"qXfer:memory-map:read::0,1000") == b""
    async with Stub(memory_map=True).running() as other:
        client = other.connect()
        assert b"qXfer:memory-map:read+" in await client.introduce()
        reply = await client.ask(b"qXfer:memory-map:read::0,1000")
        assert b'<memory type="ram" start="0x80000000" length="0x10000"/>' in reply


# --- QEMU's ---


async def test_qemus_step_bits(stub: Stub, gdb: RspClient) -> None:
    """The mask can be asked for and set, and bits that mean nothing are refused."""
    assert await gdb.ask(b"qqemu.sstepbits") == b"ENABLE=1,NOIRQ=2,NOTIMER=4"
    assert await gdb.ask(b"qqemu.sstep") == b"0x7"
    assert await gdb.ask(b"Qqemu.sstep=5") == b"OK"
    assert stub.runner.step_mask == StepMask.ENABLE | StepMask.NO_TIMER
    assert (await gdb.ask(b"Qqemu.sstep=8")).startswith(b"E.")
    assert await gdb.ask(b"qqemu.Supported") == b"sstepbits;sstep;PhyMemMode"


# --- lifecycle ---


async def test_small_talk(gdb: RspClient) -> None:
    """Questions with one answer."""
    assert await gdb.ask(b"qAttached") == b"1"
    assert await gdb.ask(b"qAttached:1") == b"1"
    assert (await gdb.ask(b"qAttached:7")).startswith(b"E.")
    assert await gdb.ask(b"!") == b"OK"
    assert (await gdb.ask(b"qGDBServerVersion")).startswith(b"name:rvgdb;version:")
    assert await gdb.ask(b"vMustReplyEmpty") == b""
    assert await gdb.ask(b"vCtrlC") == b"OK"
    assert (await gdb.ask(b"vAttach;1")).startswith(b"T05")
    assert (await gdb.ask(b"vAttach;2")).startswith(b"E.")


async def test_restart_resets(stub: Stub, gdb: RspClient) -> None:
    """`R` has no answer; `vRun` has a stop."""
    stub.machine.harts[0].pc = 4
    await gdb.send(b"R00")
    assert await gdb.ask(b"p20") == le(BASE)
    assert (await gdb.ask(b"vRun;")).startswith(b"T05")
    assert (await gdb.ask(b"vRun;2f62;61")).startswith(b"E.")
    assert stub.machine.resets == 2


async def test_kill_ends_the_run(stub: Stub, gdb: RspClient) -> None:
    """`k` has no answer."""
    await gdb.send(b"k")
    with trio.fail_after(5):
        await stub.runner.finished.wait()
    assert stub.runner.exit_status == 0


async def test_kill_of_a_process_must_name_the_right_one(stub: Stub, gdb: RspClient) -> None:
    """`vKill;99` leaves the machine alone; `vKill;1` ends it."""
    assert (await gdb.ask(b"vKill;63")).startswith(b"E.")
    assert not stub.runner.finished.is_set()
    assert await gdb.ask(b"vKill;1") == b"OK"
    with trio.fail_after(5):
        await stub.runner.finished.wait()


@pytest.mark.parametrize("body", [b"D;5", b"D;ffffffff"])
async def test_detach_from_a_process_that_is_not_there(stub: Stub, gdb: RspClient, body: bytes) -> None:
    """Two packets that kill QEMU."""
    assert (await gdb.ask(body)).startswith(b"E")
    assert not stub.runner.running


async def test_monitor_output_is_console_text(gdb: RspClient) -> None:
    """`monitor info status`, and a command that does not exist."""
    assert (
        bytes.fromhex((await gdb.ask(b"qRcmd," + b"info status".hex().encode()))[1:].decode()) == b"VM status: paused\n"
    )
    assert await gdb.reply() == b"OK"
    await gdb.send(b"qRcmd," + b"infoo".hex().encode())
    assert b"unknown command: 'infoo'" in bytes.fromhex((await gdb.reply())[1:].decode())
    assert await gdb.reply() == b"OK"
    assert await gdb.ask(b"qRcmd," + b"stop".hex().encode()) == b"OK"


def test_every_request_has_a_handler() -> None:
    """The protocol has no request without an entry, but those that the session or part 2's features answer."""
    by_the_session = {"Negotiate", "StartNoAckMode", "ListResumeActions", "EnableErrorStrings"}
    elsewhere = {*by_the_session, "ReverseContinue", "ReverseStep", "Request"}
    found = {value for value in vars(requests).values() if isinstance(value, type) and issubclass(value, Request)}
    assert {kind.__name__ for kind in found} - {kind.__name__ for kind in TABLE} == elsewhere
