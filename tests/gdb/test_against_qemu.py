"""The same session on rvgdb and on QEMU: both must tell GDB the same."""

from __future__ import annotations

from functools import partial

from rvgdb.sessions import open_qemu
from rvgdb.sessions.inspecting import GENERAL
from tests.gdb.conftest import QEMU, RVGDB, Emulator, Session, attached
from tests.helpers.guests import DEMO, SMODE, Guest

ALIKE = Emulator(QEMU.name, partial(open_qemu, "-cpu", "rv64,h=on"), QEMU.settings)
"""QEMU with the extensions that rvgdb has."""

CSRS = (
    "mstatus",
    "mtvec",
    "mie",
    "mepc",
    "mcause",
    "mtval",
    "medeleg",
    "mideleg",
    "mscratch",
    "satp",
    "sstatus",
    "priv",
)

SUPERVISOR_INTERRUPTS = 0x222
"""The bits of mideleg that are compared: those of VS-mode are read-only ones, shown by QEMU 7.2 only once written."""

Record = list[tuple[str | None, dict[str, int]]]


async def record(emulator: Emulator, guest: Guest, script: list[str], *, steps: int) -> Record:
    """Where a session passes, and the registers there: at each place of the script, and after steps from the last."""
    seen: Record = []
    async with attached(emulator, guest) as session:
        for place in script:
            await session.gdb.tbreak(place)
            await session.gdb.cont()
            stop = await session.gdb.expect_breakpoint()
            seen.append((stop.function, await look(session)))
        for _ in range(steps):
            stop = await session.gdb.stepi()
            seen.append((stop.function, await look(session)))
    return seen


async def look(session: Session) -> dict[str, int]:
    """The general registers and those CSRs that do not depend on time."""
    seen = dict(await session.gdb.registers(*GENERAL, *CSRS))
    seen["mideleg"] &= SUPERVISOR_INTERRUPTS
    return seen


async def test_reset_vector() -> None:
    """Every instruction of the boot ROM does to every register what it does on QEMU."""
    here = await record(RVGDB, DEMO, [], steps=6)
    there = await record(ALIKE, DEMO, [], steps=6)
    assert here == there


async def test_demo() -> None:
    """The built-in guest passes the same places with the same registers, up to the first that depends on time."""
    script = ["main", "measure", "volume_of", "measure", "fibonacci", "fibonacci", "fibonacci"]
    here = await record(RVGDB, DEMO, script, steps=40)
    there = await record(ALIKE, DEMO, script, steps=40)
    assert here == there


async def test_trap() -> None:
    """The first timer interrupt finds and leaves the same machine state, instruction by instruction."""
    here = await record(RVGDB, DEMO, ["count_ticks", "trap_entry"], steps=20)
    there = await record(ALIKE, DEMO, ["count_ticks", "trap_entry"], steps=20)
    for _, registers in (*here, *there):
        del registers["a3"]  # holds what mtime was
    assert here == there


async def test_firmware_hands_over() -> None:
    """OpenSBI enters its payload with the arguments and delegations that it gives on QEMU."""
    here = await record(RVGDB, SMODE, ["*0x80200000"], steps=4)
    there = await record(ALIKE, SMODE, ["*0x80200000"], steps=4)
    assert here == there


async def test_firmware_finds_the_same_machine() -> None:
    """OpenSBI prints about the machine what it prints on QEMU, but for the list of extensions and event counters."""
    here, there = [
        [line for line in (await console(emulator)).splitlines() if "ISA Extensions" not in line and "MHPM" not in line]
        for emulator in (RVGDB, ALIKE)
    ]
    assert here == there


async def console(emulator: Emulator) -> str:
    """What a run of OpenSBI and its payload prints."""
    async with attached(emulator, SMODE) as session:
        await session.gdb.detach()
        await session.machine.expect_output(SMODE.last_words)
        await session.machine.wait()
        return session.machine.output.decode()
