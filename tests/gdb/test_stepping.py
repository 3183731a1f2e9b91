"""`stepi`, `step`, `next`, `finish` and `until`."""

from __future__ import annotations

from rvgdb.sessions import StopReason
from tests.gdb.conftest import Session
from tests.helpers.code import ECALL


async def run_to(session: Session, location: str) -> None:
    """Let the guest run to a place that it passes."""
    await session.gdb.tbreak(location)
    await session.gdb.cont()
    await session.gdb.expect_breakpoint()


async def test_stepi(session: Session) -> None:
    """Each step ends at the next of the addresses that the encodings in the ELF give."""
    entry = session.guest.elf.symbols["trap_entry"]
    await run_to(session, f"*{entry}")
    stack = await session.gdb.register("sp")
    for address in session.guest.elf.instructions(entry, 8)[1:]:
        assert (await session.gdb.stepi()).address == address
    assert await session.gdb.register("sp") == stack - 144


async def test_stepi_count(session: Session) -> None:
    """A step with a count is that many instructions."""
    entry = session.guest.elf.symbols["trap_entry"]
    await run_to(session, f"*{entry}")
    stop = await session.gdb.stepi(10)
    assert stop.address == session.guest.elf.instructions(entry, 11)[-1]


async def test_stepi_over_trap_return(session: Session) -> None:
    """A step over `mret` or `sret` ends at the address in xepc and in the mode that the trap came from."""
    address = session.guest.elf.find_code("trap_entry", session.guest.trap_return)
    await run_to(session, f"*{address}")
    interrupted = await session.gdb.register(f"{session.guest.mode}epc")
    stop = await session.gdb.stepi()
    assert stop.address == interrupted
    assert session.guest.elf.function_at(interrupted) == "count_ticks"


async def test_stepi_into_a_trap(firmware: Session) -> None:
    """A step over `ecall` in S-mode ends at the first instruction of the firmware's trap handler."""
    await run_to(firmware, f"*{firmware.guest.elf.find_code('sbi_has', ECALL)}")
    call = await firmware.gdb.register("pc")
    stop = await firmware.gdb.stepi()
    assert stop.address == await firmware.gdb.register("mtvec")
    assert await firmware.gdb.register("mepc") == call
    assert await firmware.gdb.register("mcause") == 9  # Priv. spec: environment call from S-mode


async def test_step_enters_a_call(session: Session) -> None:
    """`step` at a line with a call stops in the called function, whose caller the backtrace shows."""
    await run_to(session, f"main.c:{session.guest.line_of(session.guest.first_line)}")
    stop = await session.gdb.step()
    assert (stop.reason, stop.function) == (StopReason.STEPPED, session.guest.first_call)
    assert [frame.function for frame in await session.gdb.frames()][1] == "main"


async def test_next_passes_over_a_call(session: Session) -> None:
    """`next` at a line with a call stops at the next line of the same function."""
    line = session.guest.line_of(session.guest.first_line)
    await run_to(session, f"main.c:{line}")
    stop = await session.gdb.next()
    assert (stop.reason, stop.function, stop.line) == (StopReason.STEPPED, "main", line + 1)


async def test_finish(session: Session) -> None:
    """`finish` stops where `ra` pointed when the function was entered."""
    await run_to(session, f"*{session.guest.elf.symbols['put_decimal']}")
    back = await session.gdb.register("ra")
    stop = await session.gdb.finish()
    assert (stop.reason, stop.address) == (StopReason.FINISHED, back)


async def test_finish_shows_the_value(demo: Session) -> None:
    """`finish` shows what the function returned: the volume of the first box."""
    await run_to(demo, "volume_of")
    stop = await demo.gdb.finish()
    assert (stop.function, stop.returned) == ("measure", str(5 * 3 * 1))


async def test_until_location(session: Session) -> None:
    """`until LOCATION` stops at a later line of the same function."""
    await run_to(session, "count_ticks")
    line = session.guest.line_of("ticks < WANTED_TICKS") + 2
    stop = await session.gdb.until(str(line))
    assert (stop.reason, stop.function, stop.line) == (StopReason.REACHED, "count_ticks", line)


async def test_until_leaves_a_loop(demo: Session) -> None:
    """`until` at the end of a loop's body runs the loop to its end instead of going back."""
    loop = demo.guest.line_of("for (int i = 0; i < count; i++)")
    await run_to(demo, f"main.c:{loop + 5}")
    await demo.gdb.until()
    stop = await demo.gdb.until()
    assert (stop.function, stop.line) == ("measure_all", loop + 7)
    assert await demo.gdb.integer("total_volume") == 5 * 3 * 1 + 33 * 12 * 19 + 120 * 80 * 100


async def test_nexti_passes_over_a_call(session: Session) -> None:
    """`nexti` at a `jal` stops at the instruction behind it."""
    jump = session.guest.elf.symbols["cleared"]
    call = next(a for a in session.guest.elf.instructions(jump, 16) if session.guest.elf.code(a, 2)[0] == 0xEF)
    await run_to(session, f"*{call}")
    await session.gdb.tbreak("main")
    stop = await session.gdb.nexti()
    assert stop.function == "main"
