"""A guest's memory behind two stages of translation, and single accesses to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from emulator.engine.layout import RAM_BASE
from emulator.isa.extensions import parse_cpu
from emulator.isa.text import assemble
from tests.helpers.paging import DATA, HANDLER, MPRV, PAGE, PAGES, STORED, Tables
from tests.helpers.rig import Rig

CPU: Final = "rv64,h=on,svnapot=on,svpbmt=on"

GUEST_TABLES: Final = 0x4000_0000
"""Guest-physical address of the VS-stage's root; the tables behind it follow."""
GUEST_DATA: Final = 0x5000_0000
"""Guest-physical address of the data pages."""
VS_PAGES: Final = 12
VS_PLACE: Final = RAM_BASE + 32 * PAGE
"""Physical pages of the VS-stage's tables, in reverse order."""
G_PLACE: Final = RAM_BASE + 44 * PAGE

MPV: Final = 1 << 39
SPVP: Final = 1 << 8
RWXU: Final = 0xDF

PLACES: Final = {
    "load": ("ld x5, 0(x6)", 0x3283),
    "store": ("sd x7, 0(x6)", 0x70_3023),
    "lr": ("lr.d x5, (x6)", 0x1000_32AF),
    "amo": ("amoadd.d x5, x0, (x6)", 0x0000_32AF),
    "hlv": ("hlv.d x5, (x6)", 0x6C00_42F3),
    "hlvx": ("hlvx.wu x5, (x6)", 0x6830_42F3),
    "hsv": ("hsv.d x7, (x6)", 0x6E70_4073),
}
"""Instructions that make accesses, and what the manual makes of them in mtinst."""


@dataclass(frozen=True, slots=True)
class GuestFault:
    """An exception: cause, trap value, second trap value, instruction, and whether the value is a guest's address."""

    cause: int
    tval: int
    tval2: int = 0
    tinst: int = 0
    gva: int = 1


@cache
def _rig(kind: str) -> Rig:
    return Rig(kind, parse_cpu(CPU), PAGES * PAGE)


def host_table(address: int) -> int:
    """Where a guest-physical address of the VS-stage's tables lies."""
    page, offset = divmod(address - GUEST_TABLES, PAGE)
    assert 0 <= page < VS_PAGES
    return VS_PLACE + (VS_PAGES - 1 - page) * PAGE + offset


class _GuestRam:
    """The VS-stage's tables, written at guest-physical addresses."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def write(self, address: int, data: bytes) -> None:
        """Put bytes that may fill pages."""
        for at in range(0, len(data), PAGE):
            self._rig.write(host_table(address + at), data[at : at + PAGE])

    def read(self, address: int, length: int) -> bytes:
        """Bytes of one page."""
        return self._rig.read(host_table(address), length)


class TwoStages:
    """A hart in M-mode, which makes accesses as a guest.

    Args:
        kind: Name of the engine.
        vs: Mode of the VS-stage, `sv39`, `sv48` or `sv57`.
        g: Mode of the G-stage.
    """

    def __init__(self, kind: str, vs: str = "sv39", g: str = "sv39") -> None:
        self.rig = _rig(kind)
        self.rig.write(RAM_BASE, bytes(PAGES * PAGE))
        self.rig.reset()
        self.rig.program((assemble(text) for text, _ in PLACES.values()), RAM_BASE)
        self.rig.write(DATA, (1).to_bytes(2, "little") * (16 * PAGE // 2))
        self.hart = self.rig.hart
        self.second = Tables(self.rig, g, G_PLACE, guest=True)
        for page in range(VS_PAGES):
            self.second.map(GUEST_TABLES + page * PAGE, host_table(GUEST_TABLES + page * PAGE), RWXU)
        self.first = Tables(_GuestRam(self.rig), vs, GUEST_TABLES)
        self.change(vsatp=self.first.satp, hgatp=self.second.satp, mtvec=HANDLER, pmpcfg=0x1F, pmpaddr=(1 << 54) - 1)

    def change(self, **fields: int) -> None:
        """Change fields of the hart from outside, and let nothing cached outlive it."""
        for name, value in fields.items():
            self.hart.put(name, value)
        self.rig.engine.flush()

    def access(self, what: str, address: int, *, priv: int = 1, status: int = 0) -> GuestFault | None:
        """Make one access as VS (1) or VU (0): a fetch, or a key of `PLACES`.

        Args:
            what: The access.
            address: Guest-virtual.
            priv: The guest's privilege.
            status: More bits of `mstatus`.

        Returns:
            The exception that it raised, None if it was made.
        """
        fetch, hypervisor = what == "fetch", what.startswith("h")
        pc = address if fetch else RAM_BASE + 4 * list(PLACES).index(what)
        mprv = 0 if fetch or hypervisor else MPRV | MPV | priv << 11
        fields = {"priv": priv if fetch else 3, "virt": int(fetch), "mstatus": status | mprv, "pc": pc}
        fields |= {"mcause": 0, "mtval": 0, "mtval2": 0, "mtinst": 0}
        self.hart.put("hstatus", SPVP * priv if hypervisor else 0)
        self.hart.put("reservation", (1 << 64) - 1)
        for name, value in fields.items():
            self.hart.put(name, value)
        for number, value in ((5, 0), (6, address), (7, STORED)):
            self.hart.put("x", value, number)
        self.rig.engine.flush()
        self.rig.run(1)
        if self.hart.get("pc") != HANDLER:
            return None
        assert self.hart.get("mepc") == pc
        cause, tval, tval2, tinst = (self.hart.get(name) for name in ("mcause", "mtval", "mtval2", "mtinst"))
        return GuestFault(cause, tval, tval2, tinst, self.hart.get("mstatus") >> 38 & 1)

    def word(self, physical: int) -> int:
        """Eight bytes of RAM."""
        return int.from_bytes(self.rig.read(physical, 8), "little")
