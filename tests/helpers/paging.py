"""Page tables in a rig's RAM, and single accesses through them.

The bits are the manual's (volume II, "Sv39 Page-Table Entry"), written down again: a mistake in the emulator's own
names must show.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

from emulator.engine.layout import RAM_BASE
from emulator.isa.extensions import parse_cpu
from emulator.isa.text import assemble
from tests.helpers.rig import Rig

V, R, W, X, U, G, A, D = (1 << bit for bit in range(8))
N: Final = 1 << 63
PAGE: Final = 4096
RW: Final = V | R | W | A | D
RX: Final = V | R | X | A | D
RWX: Final = RW | X

ADUE: Final = 1 << 61
PBMTE: Final = 1 << 62

MPRV: Final = 1 << 17
SUM: Final = 1 << 18
MXR: Final = 1 << 19
TVM: Final = 1 << 20

MODES: Final = {"sv39": (8, 3), "sv48": (9, 4), "sv57": (10, 5)}
"""By name: `satp.MODE` and levels."""

USER, SUPERVISOR, MACHINE = 0, 1, 3

FETCH_PAGE, LOAD_PAGE, STORE_PAGE = 12, 13, 15
FETCH_ACCESS, LOAD_ACCESS, STORE_ACCESS = 1, 5, 7
PAGE_FAULT: Final = {"fetch": FETCH_PAGE, "load": LOAD_PAGE, "store": STORE_PAGE}
ACCESS_FAULT: Final = {"fetch": FETCH_ACCESS, "load": LOAD_ACCESS, "store": STORE_ACCESS}

PAGES: Final = 64
CODE: Final = RAM_BASE
"""Physical page of the instructions that make accesses, mapped at `CODE_S` and, for U-mode, at `CODE_U`."""
HANDLER: Final = RAM_BASE + PAGE
DATA: Final = RAM_BASE + 16 * PAGE
"""First of sixteen physical pages, 64 KiB aligned, filled with `c.nop` but for each page's first word."""
TABLES: Final = RAM_BASE + 32 * PAGE
CODE_S: Final = 0x10_0000
CODE_U: Final = 0x10_1000
NOP: Final = (1).to_bytes(2, "little")

PLACES: Final = {
    "load": "ld x5, 0(x6)",
    "store": "sd x7, 0(x6)",
    "amo": "amoadd.d x5, x0, (x6)",
    "lr": "lr.d x5, (x6)",
    "lb": "lb x5, 0(x6)",
    "sb": "sb x7, 0(x6)",
    "lh": "lh x5, 0(x6)",
    "lw": "lw x5, 0(x6)",
}
_CODE: Final = tuple(map(assemble, PLACES.values()))
STORED: Final = 0x1122_3344_5566_0001
"""What stores store: eight bytes of which the first two are `c.nop`, and which are no legal PTE."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An exception: its cause and trap value."""

    cause: int
    tval: int


class Memory(Protocol):
    """Where tables are: a rig's RAM, or a machine's."""

    def write(self, address: int, data: bytes) -> None:
        """Put bytes at a physical address."""
        ...

    def read(self, address: int, length: int) -> bytes:
        """Bytes at a physical address."""
        ...


class Tables:
    """A tree of page tables.

    Args:
        memory: Where it lies.
        mode: `sv39`, `sv48` or `sv57`.
        first: Physical address of the root; more tables are made behind it as they are needed.
        guest: Whether they are a G-stage's, whose root has four pages.
    """

    def __init__(self, memory: Memory, mode: str, first: int = TABLES, *, guest: bool = False) -> None:
        self._memory = memory
        self._number, self.levels = MODES[mode]
        self.root = first
        self._root_indices = 2047 if guest else 511
        size = 4 * PAGE if guest else PAGE
        self._free = first + size
        memory.write(first, bytes(size))

    @property
    def satp(self) -> int:
        """The value of `satp`, `vsatp` or `hgatp` that makes these tables the current ones."""
        return self._number << 60 | self.root >> 12

    def place(self, address: int, level: int = 0) -> int:
        """Physical address of the PTE that serves `address` at a level; tables above it are made."""
        table = self.root
        for above in range(self.levels - 1, level, -1):
            entry = self._entry(table, address, above)
            pte = int.from_bytes(self._memory.read(entry, 8), "little")
            if not pte & V:
                pte = self._free >> 12 << 10 | V
                self._memory.write(self._free, bytes(PAGE))
                self._free += PAGE
                self._memory.write(entry, pte.to_bytes(8, "little"))
            table = (pte >> 10 & (1 << 44) - 1) << 12
        return self._entry(table, address, level)

    def _entry(self, table: int, address: int, level: int) -> int:
        indices = self._root_indices if level == self.levels - 1 else 511
        return table + 8 * (address >> 12 + 9 * level & indices)

    def put(self, address: int, pte: int, level: int = 0) -> None:
        """Write the PTE of `address` at a level."""
        self._memory.write(self.place(address, level), pte.to_bytes(8, "little"))

    def map(self, address: int, physical: int, flags: int, level: int = 0) -> None:
        """Write a leaf, or with flags that say so a pointer."""
        self.put(address, physical >> 12 << 10 | flags, level)

    def pte(self, address: int, level: int = 0) -> int:
        """The PTE as it is now."""
        return int.from_bytes(self._memory.read(self.place(address, level), 8), "little")


@cache
def _rig(kind: str, cpu: str) -> Rig:
    return Rig(kind, parse_cpu(cpu), PAGES * PAGE)


class Guest:
    """A hart whose every access is made through page tables.

    Args:
        kind: Name of the engine.
        mode: `sv39`, `sv48` or `sv57`.
        cpu: As `-cpu`.
    """

    def __init__(self, kind: str, mode: str = "sv39", cpu: str = "rv64") -> None:
        self.rig = _rig(kind, cpu)
        self.rig.write(RAM_BASE, bytes(PAGES * PAGE))
        self.rig.reset()
        self.rig.device.clear()
        self.put_code()
        self.rig.write(DATA, NOP * (16 * PAGE // 2))
        self.hart = self.rig.hart
        self.tables = Tables(self.rig, mode)
        self.tables.map(CODE_S, CODE, RX)
        self.tables.map(CODE_U, CODE, RX | U)
        for name, value in {
            "satp": self.tables.satp,
            "mtvec": HANDLER,
            "pmpcfg": 0x1F,
            "pmpaddr": (1 << 54) - 1,
            "mcounteren": 7,
            "scounteren": 7,
        }.items():
            self.hart.put(name, value)

    def put_code(self) -> None:
        """Write the instructions that make accesses."""
        self.rig.program(_CODE, CODE)

    def change(self, **fields: int) -> None:
        """Change fields of the hart from outside, and let nothing cached outlive it."""
        for name, value in fields.items():
            self.hart.put(name, value)
        self.rig.engine.flush()

    def access(self, what: str, address: int, *, priv: int = SUPERVISOR, status: int = 0) -> Fault | None:
        """Make one access.

        Args:
            what: `fetch`, or a key of `PLACES`.
            address: Virtual.
            priv: The privilege that it is made in.
            status: `mstatus` at that time.

        Returns:
            The exception that it raised, None if it was made.
        """
        base = {MACHINE: CODE, SUPERVISOR: CODE_S, USER: CODE_U}[priv]
        pc = address if what == "fetch" else base + 4 * list(PLACES).index(what)
        fields = {"priv": priv, "mstatus": status, "pc": pc, "mcause": 0, "mtval": 0}
        for name, value in fields.items():
            self.hart.put(name, value)
        for number, value in ((5, 0), (6, address), (7, STORED)):
            self.hart.put("x", value, number)
        self.rig.engine.flush()
        self.rig.run(1)
        if self.hart.get("pc") != HANDLER:
            return None
        assert self.hart.get("mepc") == pc
        return Fault(self.hart.get("mcause"), self.hart.get("mtval"))

    def allowed(self, address: int, *, priv: int = SUPERVISOR, status: int = 0) -> set[str]:
        """Which of fetch, load and store are made in a page; the others must raise their page faults."""
        made = set()
        for what, cause in PAGE_FAULT.items():
            place = address if what == "fetch" else address + 16  # so that what is executed stays
            fault = self.access(what, place, priv=priv, status=status)
            if fault is None:
                made.add(what)
            else:
                assert fault == Fault(cause, place)
        return made

    def word(self, physical: int) -> int:
        """Eight bytes of RAM."""
        return int.from_bytes(self.rig.read(physical, 8), "little")

    def put_word(self, physical: int, value: int) -> None:
        """Set eight bytes of RAM."""
        self.rig.write(physical, value.to_bytes(8, "little"))
