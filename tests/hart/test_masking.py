"""Pointer masking: every way to make an access, every field that may govern it, every translation.

The oracle is the manual's chapter written down once more, as tables; it decides each cell for the hart's routine (the
full product) and for guest code on both engines (a cover of it).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count, product
from typing import Final

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.engine.reference import ReferenceDomain
from emulator.hart.access import begin_access, begin_guest_access, begin_guest_execution, start_access
from emulator.isa.extensions import parse_cpu
from emulator.isa.text import assemble
from tests.helpers.paging import DATA, HANDLER, MPRV, MXR, PAGE, PAGES, RWX, Tables, U
from tests.helpers.rig import Rig

CPU: Final = "rv64,h=on,zicboz=on"
MASK: Final = (1 << 64) - 1
MPV: Final = 1 << 39
SPVP: Final = 1 << 8
HU: Final = 1 << 9
CBZE: Final = 1 << 7

PRIVILEGE: Final = {"U": 0, "S": 1, "M": 3, "VU": 0, "VS": 1}
"""Modes, and the privilege that each is nominally."""

FIELD: Final = {"M": "mseccfg", "S": "menvcfg", "U": "senvcfg", "VS": "henvcfg", "VU": "senvcfg"}
"""Which register's PMM a mode's accesses heed."""

FIELDS: Final = ("mseccfg", "menvcfg", "senvcfg", "henvcfg", "hstatus")
PMLEN: Final = {0: 0, 2: 7, 3: 16}
TRANSLATIONS: Final = ("bare", "sv39", "sv48", "sv57")
HIGH: Final = 0xFFFF_FFFF_0000_0000
"""Added to an address of RAM: the same memory, in the upper half of every space."""


@dataclass(frozen=True, slots=True)
class Way:
    """How an access comes to be made in a mode.

    Attributes:
        mode: The effective mode.
        by: `itself`, `mprv` (M-mode for another), `hlv` or `hlvx` (HLV and HSV, HLVX).
        executing: The mode that executes the instruction.
    """

    mode: str
    by: str
    executing: str

    @property
    def governing(self) -> str:
        """The register whose field says PMLEN."""
        as_user = self.by == "hlv" and self.executing == "U" and self.mode == "VU"
        return "hstatus" if as_user else FIELD[self.mode]


WAYS: Final = (
    *(Way(mode, "itself", mode) for mode in PRIVILEGE),
    *(Way(mode, "mprv", "M") for mode in PRIVILEGE),
    *(Way(mode, by, executing) for by in ("hlv", "hlvx") for mode in ("VS", "VU") for executing in ("M", "S", "U")),
)


def transformed(way: Way, pmm: int, *, virtual: bool, mxr: tuple[bool, bool], address: int) -> int:
    """The address that an access uses.

    Args:
        way: How it is made.
        pmm: The field that governs it.
        virtual: Whether satp or vsatp, whichever governs the mode, is not Bare.
        mxr: Of sstatus (HS-level) and of vsstatus.
        address: As the program formed it.
    """
    off = way.mode != "M" and (mxr[0] or (way.mode[0] == "V" and mxr[1]))
    kept = 64 - (0 if off or way.by == "hlvx" else PMLEN[pmm])
    low = address % (1 << kept)
    sign = virtual and way.mode != "M" and low >> kept - 1
    return low + (MASK + 1 - (1 << kept) if sign else 0)


def registers(way: Way, pmm: dict[str, int], mxr: tuple[bool, bool]) -> dict[str, int]:
    """The hart's state, but for translation: the mode, the fields and the status registers."""
    guest = way.mode[0] == "V"
    status = MXR * mxr[0]
    if way.by == "mprv":
        status |= MPRV | PRIVILEGE[way.mode] << 11 | MPV * guest
    spvp = SPVP if way.by.startswith("hlv") and way.mode == "VS" else 0
    return {
        **{name: pmm[name] << 32 | CBZE for name in FIELDS[:4]},
        "hstatus": pmm["hstatus"] << 48 | HU | spvp,
        "mstatus": status,
        "vsstatus": MXR * mxr[1],
        "priv": PRIVILEGE[way.executing],
        "virt": int(way.executing[0] == "V"),
    }


@cache
def _rig(engine: str) -> Rig:
    return Rig(engine, parse_cpu(CPU), PAGES * PAGE)


BEGIN: Final = {"hlv": begin_guest_access, "hlvx": begin_guest_execution}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.mode}-{way.by}-{way.executing}")
def test_every_cell(way: Way) -> None:
    """All values of all fields, satp and vsatp Bare or not, both MXR: the address is the manual's."""
    rig = _rig("reference")
    rig.reset()
    domain = ReferenceDomain(rig.blocks, rig.hart, rig.backing, rig)
    addresses = (0xABFF_FFFF_1234_5678, 0xAB00_0000_1234_5678, 0xABCD_9000_1234_5678, 0xAA00_4000_1234_5678)
    for values, satp, vsatp, mxr in product(
        product(PMLEN, repeat=5), (0, 8), (0, 8), product((False, True), (False, True))
    ):
        pmm = dict(zip(FIELDS, values, strict=True))
        state = registers(way, pmm, mxr) | {"satp": satp << 60, "vsatp": vsatp << 60}
        for name, value in state.items():
            rig.hart.put(name, value)
        virtual = bool(vsatp if way.mode[0] == "V" else satp)
        address = addresses[sum(values) % len(addresses)]
        wanted = transformed(way, pmm[way.governing], virtual=virtual, mxr=mxr, address=address)
        assert start_access(domain, address, BEGIN.get(way.by, begin_access)) == wanted, state


# The same as guest code.

KINDS: Final = {
    "load": "ld x5, 0(x6)",
    "store": "sd x7, 0(x6)",
    "amo": "amoadd.d x5, x7, (x6)",
    "lr": "lr.d x5, (x6)",
    "sc": "sc.d x5, x7, (x6)",
    "cbo": "cbo.zero (x6)",
    "compressed": "c.ld x10, 0(x11)",
    "hlv": "hlv.d x5, (x6)",
    "hsv": "hsv.d x7, (x6)",
    "hlvx": "hlvx.wu x5, (x6)",
}
LOADS: Final = {"load", "lr", "compressed", "hlv", "hlvx"}
ORDINARY: Final = ("load", "store", "amo", "lr", "sc", "cbo", "compressed")
KINDS_BY_WAY: Final = {"itself": ORDINARY, "mprv": ORDINARY, "hlv": ("hlv", "hsv"), "hlvx": ("hlvx",)}
BLOCK: Final = DATA + 64
VALUE: Final = 0x1357_9BDF_0246_8ACE

POINTERS: Final = (
    BLOCK,
    BLOCK | 0xAA << 56,
    BLOCK | 0xAB << 56,
    BLOCK | 0xABCD << 48,
    (BLOCK + HIGH) % (1 << 57) | 0x2A << 57,
    (BLOCK + HIGH) % (1 << 48) | 0x1234 << 48,
)
"""The same place, with and without tags of 7, 8 and 16 bits, in both halves."""


class _Spaces:
    """A rig with tables of every mode, of U-mode's and of S-mode's pages, that map RAM onto itself."""

    def __init__(self, engine: str) -> None:
        self.rig = _rig(engine)
        self.rig.reset()
        self.rig.write(RAM_BASE, bytes(PAGES * PAGE))
        self.rig.program(map(assemble, KINDS.values()))
        self._satp = {"bare": {False: 0, True: 0}}
        place = RAM_BASE + 32 * PAGE
        for mode in TRANSLATIONS[1:]:
            self._satp[mode] = {}
            for user in (False, True):
                tables = Tables(self.rig, mode, place)
                for address in (RAM_BASE, RAM_BASE + HIGH):
                    tables.map(address, RAM_BASE, RWX | U * user, level=2)
                self._satp[mode][user] = tables.satp
                place += PAGE * (2 * tables.levels - 5)
        second = Tables(self.rig, "sv39", RAM_BASE + 60 * PAGE, guest=True)
        second.map(RAM_BASE, RAM_BASE, RWX | U, level=2)
        self.hgatp = (0, second.satp)
        assert place <= second.root

    def satp(self, translation: str, mode: str) -> int:
        """The value of satp or vsatp with which a mode can use RAM."""
        return self._satp[translation][mode in ("U", "VU")]

    def access(self, kind: str, pointer: int) -> tuple[int, int] | None:
        """Cause and trap value of an access; None where it was made, at `BLOCK`."""
        hart, rig = self.rig.hart, self.rig
        rig.write(BLOCK, VALUE.to_bytes(8, "little"))
        pc = RAM_BASE + sum(
            2 if text.startswith("c.") else 4 for text in list(KINDS.values())[: list(KINDS).index(kind)]
        )
        for number, value in ((5, 0), (6, pointer), (7, 1), (10, 0), (11, pointer)):
            hart.put("x", value, number)
        before = {name: hart.get(name) for name in ("priv", "virt", "mstatus")}
        for name, value in (("pc", pc), ("reservation", MASK), ("mcause", 0), ("mtval", 0)):
            hart.put(name, value)
        rig.run(1)
        if hart.get("pc") == HANDLER:
            for name, value in before.items():
                hart.put(name, value)
            rig.engine.flush()
            return hart.get("mcause"), hart.get("mtval")
        word = int.from_bytes(rig.read(BLOCK, 8), "little")
        made = {
            "store": word == 1,
            "hsv": word == 1,
            "amo": word == VALUE + 1 and hart.get("x", 5) == VALUE,
            "sc": hart.get("x", 5) == 1,
            "cbo": word == 0,
            "hlvx": hart.get("x", 5) == VALUE & 0xFFFF_FFFF,
            "compressed": hart.get("x", 10) == VALUE,
            "lr": hart.get("x", 5) == VALUE and hart.get("reservation") == BLOCK,
        }
        assert made.get(kind, hart.get("x", 5) == VALUE), kind
        return None


def outcome(kind: str, address: int, way: Way, *, virtual: bool, hgatp: int) -> tuple[int, int] | None:
    """What the access does at a masked address: nothing but RAM is mapped, at two places where there are spaces."""
    there = (BLOCK, BLOCK + HIGH) if virtual and way.mode != "M" else (BLOCK,)
    if address in there:
        return None
    family = (5, 7)
    if virtual and way.mode != "M":
        family = (13, 15)
    elif hgatp and way.mode[0] == "V":
        family = (21, 23)
    return family[kind not in LOADS], address


def cells(way: Way, spaces: _Spaces) -> Iterator[tuple[int, str, int, tuple[bool, bool]]]:
    """Governing field, translation of the first stage, hgatp, both MXR: all of them."""
    guest = way.mode[0] == "V"
    return product(
        PMLEN,
        TRANSLATIONS,
        spaces.hgatp if guest else spaces.hgatp[:1],
        ((False, False), (True, False), *(((False, True),) if guest else ())),
    )


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.mode}-{way.by}-{way.executing}")
def test_guest_code(way: Way, engine: str) -> None:
    """Loads, stores, atomics, blocks and guest accesses through tagged pointers end as the manual says."""
    spaces = _Spaces(engine)
    kinds = KINDS_BY_WAY[way.by]
    turn = count()
    for value, translation, hgatp, mxr in cells(way, spaces):
        others = 2 if value == 3 else 3  # so that whoever heeds another field shows it
        pmm = dict.fromkeys(FIELDS, others) | {way.governing: value}
        governs, idle = ("vsatp", "satp") if way.mode[0] == "V" else ("satp", "vsatp")
        other = "bare" if translation != "bare" else "sv39"
        state = registers(way, pmm, mxr) | {
            governs: spaces.satp(translation, way.mode),
            idle: spaces.satp(other, way.executing),
            "hgatp": hgatp,
            "mtvec": HANDLER,
            "pmpcfg": 0x1F,
            "pmpaddr": (1 << 54) - 1,
        }
        for name, number in state.items():
            spaces.rig.hart.put(name, number)
        spaces.rig.engine.flush()
        virtual = translation != "bare"
        for pointer in POINTERS:
            kind = kinds[next(turn) % len(kinds)]
            address = transformed(way, value, virtual=virtual, mxr=mxr, address=pointer)
            wanted = outcome(kind, address, way, virtual=virtual, hgatp=hgatp)
            assert spaces.access(kind, pointer) == wanted, (kind, hex(pointer), state)
