"""What traps use and leave: vectors, scratch, exception pcs, causes, values, delegation; and who the hart is."""

from __future__ import annotations

from typing import Final

from emulator.hart.csrs.row import Csr, constant, exception_pc, stored, vector

MEDELEG: Final = 0xB3FF
"""Exceptions that may be delegated: all of them but the call from M-mode."""

ROWS: Final = (
    vector(0x105, "stvec"),
    stored(0x140, "sscratch"),
    exception_pc(0x141, "sepc"),
    stored(0x142, "scause"),
    stored(0x143, "stval"),
    constant(0xF11, "mvendorid"),
    constant(0xF12, "marchid"),
    constant(0xF13, "mimpid"),
    Csr(0xF14, "mhartid", lambda d: d.get("mhartid")),
    constant(0xF15, "mconfigptr"),
    Csr(0x301, "misa", lambda d: d.get("misa"), lambda _d, _v: None),
    stored(0x302, "medeleg", writable=MEDELEG),
    vector(0x305, "mtvec"),
    stored(0x340, "mscratch"),
    exception_pc(0x341, "mepc"),
    stored(0x342, "mcause"),
    stored(0x343, "mtval"),
)
