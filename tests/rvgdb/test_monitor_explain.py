"""The monitor's `pm`, `walk` and `gva2gpa`, over a real machine."""

from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from rvgdb.monitor import Monitor, Scene
from rvgdb.runner import Runner
from rvgdb.target.machine import Region, Target
from tests.helpers.machines import Guest
from tests.helpers.paging import A, D, R, Tables, U, V, W, X

PAGE = 4096
TABLES = RAM_BASE + 32 * PAGE
DATA = RAM_BASE + 8 * PAGE
MPRV_S = 1 << 17 | 1 << 11
PMLEN7, PMLEN16 = 2 << 32, 3 << 32
SV39X4 = 8 << 60


class Desk:
    """A monitor over a machine whose M-mode borrows S-mode's view of memory."""

    def __init__(self) -> None:
        self.guest = Guest("reference", "addi x0, x0, 0")
        self.hart = self.guest.machine.harts[0]
        self.hart.put("pmpcfg", 0x1F)
        self.hart.put("pmpaddr", (1 << 54) - 1)
        runner = Runner(self.guest.machine, report=print)
        regions = (("Uart", Region("io", 0x1000_0000, 256)), ("Ram", Region("ram", RAM_BASE, 4 << 20)))
        self.monitor = Monitor(Scene(Target(self.guest.machine), runner, regions))

    def write(self, address: int, data: bytes) -> None:
        """Put bytes at a physical address."""
        self.guest.debug.write_memory(0, address, data, physical=True)

    def read(self, address: int, length: int) -> bytes:
        """Bytes at a physical address."""
        return self.guest.debug.read_memory(0, address, length, physical=True)

    def change(self, **fields: int) -> None:
        """Set fields of the hart."""
        for name, value in fields.items():
            self.hart.put(name, value)


@pytest.fixture
async def desk() -> Desk:
    """A desk, inside trio."""
    return Desk()


async def test_every_mode_is_explained(desk: Desk) -> None:
    """The governing field of each, what it does, and which the hart's accesses are made in now."""
    desk.change(mstatus=MPRV_S, satp=SV39X4, menvcfg=PMLEN7, mseccfg=PMLEN16)
    lines = desk.monitor.execute("pm").splitlines()
    assert lines[:4] == [
        "hart 0 is in M-mode; its loads and stores are made in S-mode, by mstatus.MPRV",
        "  U   senvcfg.PMM=off: addresses are used as they are",
        "* S   menvcfg.PMM=PMLEN7: bits 63:57 are ignored and become copies of bit 56 (satp.MODE=Sv39)",
        "  M   mseccfg.PMM=PMLEN16: bits 63:48 are ignored and become zero",
    ]
    desk.change(mstatus=MPRV_S | 1 << 19)
    assert "* S   menvcfg.PMM=PMLEN7, but mstatus.MXR=1 switches masking off\n" in desk.monitor.execute("pm")


async def test_what_becomes_of_an_address(desk: Desk) -> None:
    """A line for what each access means, and where it gets or what it raises; where the table of the manual says."""
    tables = Tables(desk, "sv39", TABLES)
    tables.map(0x1234_5000, DATA, V | R | A | D)
    desk.change(mstatus=MPRV_S, satp=tables.satp, menvcfg=PMLEN7)
    text = desk.monitor.execute("pm 0xaa00000012345678")
    load, store, fetch = text.split("store in ")[0], text.split("store in ")[1].split("fetch in ")[0], text
    assert "  means 0x0000000012345678\n" in load
    assert f"  reaches physical {DATA + 0x678:#x} (Ram)\n" in load
    assert "  raises store-page-fault (15), tval 0x12345678\n" in store
    assert "fetch in M-mode: never masked\n  means 0xaa00000012345678\n" in fetch
    assert "  means 0xff00000012345678\n" in desk.monitor.execute("pm 0xab00000012345678")


async def test_a_walk_is_shown_entry_by_entry(desk: Desk) -> None:
    """Root, each entry with its bits, what it means, and where it leads."""
    tables = Tables(desk, "sv39", TABLES)
    tables.map(0x1234_5000, DATA, V | R | W | U | A)
    desk.change(mstatus=MPRV_S | 1 << 18, satp=tables.satp, menvcfg=0)
    assert desk.monitor.execute("walk 0x12345678").splitlines() == [
        "load at 0x12345678, made in S-mode",
        "  menvcfg.PMM=off: addresses are used as they are",
        "  tables of 0x12345678: satp.MODE=Sv39, root 0x80020000",
        "    level 2: entry at 0x80020000 = 0x0000000020008401 v-------: the next table is at 0x80021000",
        "    level 1: entry at 0x80021488 = 0x0000000020008801 v-------: the next table is at 0x80022000",
        "    level 0: entry at 0x80022a28 = 0x0000000020002057 vrw-u-a-: a page, allows load, store",
        f"    leads to {DATA + 0x678:#x}",
        f"  reaches physical {DATA + 0x678:#x} (Ram)",
    ]
    stored = desk.monitor.execute("walk $x0 + 0x12345678 store")
    assert "D is 0 for a store, and the hardware does not set them (ADUE=0)\n  raises store-page-fault" in stored
    desk.change(menvcfg=1 << 61)
    assert "A and D are brought up to date: 0x00000000200020d7 vrw-u-ad" in desk.monitor.execute(
        "walk 0x12345678 store"
    )
    assert tables.pte(0x1234_5000) & D == 0


REASONS = [
    (0, "load", "not valid, V is 0"),
    (V | W | A | D, "load", "reserved: W without R"),
    (V | R | A | D | 1 << 58, "load", "reserved bits are set"),
    (V | R | A | D | 1 << 61, "load", "N or PBMT is not legal here"),
    (V | R | A | D, "store", "store is not allowed"),
    (V | R | U | A | D, "load", "load is not allowed"),
    (V, "load", "a pointer to a table, where only a page can be"),
    (V | R | W, "load", "A is 0"),
]


@pytest.mark.parametrize(("flags", "kind", "reason"), REASONS)
async def test_a_fault_has_its_reason(desk: Desk, flags: int, kind: str, reason: str) -> None:
    """What of the last entry the walk refused."""
    tables = Tables(desk, "sv39", TABLES)
    tables.put(0x1234_5000, DATA >> 12 << 10 | flags)
    desk.change(mstatus=MPRV_S, satp=tables.satp, menvcfg=0)
    text = desk.monitor.execute(f"walk 0x12345000 {kind}")
    assert reason in text
    assert f"  raises {kind}-page-fault ({ {'load': 13, 'store': 15}[kind] }), tval 0x12345000" in text


async def test_what_is_not_of_the_mode_and_what_pmp_forbids(desk: Desk) -> None:
    """An address that is not sign-extended, an entry in memory that the PMP closes, data that it closes."""
    tables = Tables(desk, "sv39", TABLES)
    tables.map(0x1234_5000, DATA, V | R | X | A | D)
    desk.change(mstatus=MPRV_S, satp=tables.satp)
    assert "are not copies of the highest one translated" in desk.monitor.execute("walk 0x4000000000")
    desk.hart.put("pmpaddr", (RAM_BASE + 16 * PAGE) >> 2)
    desk.hart.put("pmpcfg", 0x0F)  # TOR: everything below
    assert "the PMP forbids the access to the entry" in desk.monitor.execute("walk 0x12345000")
    desk.change(satp=0)
    desk.hart.put("pmpcfg", 0x0C)
    assert "  the PMP forbids it at physical 0x80008000\n" in desk.monitor.execute(f"walk {DATA:#x}")


async def test_gva2gpa_as_qemu(desk: Desk) -> None:
    """QEMU's command and its two answers."""
    tables = Tables(desk, "sv39", TABLES)
    tables.map(0x1234_5000, DATA, V | R | A | D)
    desk.change(mstatus=MPRV_S, satp=tables.satp)
    assert desk.monitor.execute("gva2gpa 0x12345678") == f"gpa: {DATA + 0x678:#x}\n"
    assert desk.monitor.execute("gva2gpa 0x5000") == "Unmapped\n"
    desk.change(mstatus=0)
    assert desk.monitor.execute("gva2gpa 0x5000") == "gpa: 0x5000\n"


async def test_info_mem_as_qemu(desk: Desk) -> None:
    """QEMU's columns; neighbours that allow the same are one line, and the upper half is sign-extended."""
    assert desk.monitor.execute("info mem") == "No translation or protection\n"
    tables = Tables(desk, "sv39", TABLES)
    for page in range(3):
        tables.map(0x1234_5000 + page * PAGE, DATA + page * PAGE, V | R | W | A | D)
    tables.map(0x1234_8000, DATA, V | R | X | U | A)
    tables.map(0xFFFF_FFC0_0000_0000, RAM_BASE, V | R | W | X, level=2)
    tables.put(0x2000_0000, 0)
    desk.change(satp=tables.satp)
    assert desk.monitor.execute("info mem").splitlines() == [
        "vaddr            paddr            size             attr",
        "---------------- ---------------- ---------------- -------",
        "0000000012345000 0000000080008000 0000000000003000 rw---ad",
        "0000000012348000 0000000080008000 0000000000001000 r-xu-a-",
        "ffffffc000000000 0000000080000000 0000000040000000 rwx----",
    ]


async def test_info_mem_of_a_guest(desk: Desk) -> None:
    """The tables at `vsatp`, found through the G-stage, and guest-physical addresses."""
    tables = Tables(desk, "sv39", TABLES)
    tables.map(0x1234_5000, 0x5000, V | R | A | D)
    root = RAM_BASE + 64 * PAGE
    desk.write(root + 8 * (RAM_BASE >> 30), (RAM_BASE >> 12 << 10 | V | R | W | U | A | D).to_bytes(8, "little"))
    desk.change(vsatp=tables.satp, hgatp=SV39X4 | root >> 12, priv=1, virt=1)
    assert "0000000012345000 0000000000005000 0000000000001000 r----ad\n" in desk.monitor.execute("info mem")


async def test_what_a_machine_has_not_is_refused(desk: Desk) -> None:
    """A missing address says so."""
    assert desk.monitor.execute("walk") == "an address is missing: a number or a sum of numbers and $registers\n"
    assert "cannot read 'frob'" in desk.monitor.execute("walk 0x1000 frob")
