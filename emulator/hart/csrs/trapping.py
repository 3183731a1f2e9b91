"""What traps use and leave: vectors, scratch, exception pcs, causes, values, delegation; and who the hart is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr, constant, exception_pc, stored, vector
from emulator.hart.translation import has

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value

MEDELEG: Final = 0xB3FF
"""Exceptions that may be delegated: all of them but the call from M-mode."""
MEDELEG_OF_H: Final = 0xF0_0400
"""The call from VS-mode, guest-page faults and the virtual instruction."""


def _write_medeleg(d: Domain, value: Value) -> None:
    d.put("medeleg", d.and_(value, d.select(has(d, "h"), MEDELEG | MEDELEG_OF_H, MEDELEG)))


GUEST: Final = (
    vector(0x205, "vstvec", extension="h"),
    stored(0x240, "vsscratch", extension="h"),
    exception_pc(0x241, "vsepc", extension="h"),
    stored(0x242, "vscause", extension="h"),
    stored(0x243, "vstval", extension="h"),
)
"""What VS-mode reaches by the names of S-mode's registers."""

VSTVEC, VSSCRATCH, VSEPC, VSCAUSE, VSTVAL = GUEST

ROWS: Final = (
    vector(0x105, "stvec", guest=VSTVEC),
    stored(0x140, "sscratch", guest=VSSCRATCH),
    exception_pc(0x141, "sepc", guest=VSEPC),
    stored(0x142, "scause", guest=VSCAUSE),
    stored(0x143, "stval", guest=VSTVAL),
    *GUEST,
    constant(0xF11, "mvendorid"),
    constant(0xF12, "marchid"),
    constant(0xF13, "mimpid"),
    Csr(0xF14, "mhartid", lambda d: d.get("mhartid")),
    constant(0xF15, "mconfigptr"),
    Csr(0x301, "misa", lambda d: d.get("misa"), lambda _d, _v: None),
    Csr(0x302, "medeleg", lambda d: d.get("medeleg"), _write_medeleg),
    vector(0x305, "mtvec"),
    stored(0x340, "mscratch"),
    exception_pc(0x341, "mepc"),
    stored(0x342, "mcause"),
    stored(0x343, "mtval"),
)
