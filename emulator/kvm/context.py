"""A vcpu's registers, between the user space that sets them and the hart that runs with them.

What user space writes is kept as it is until the vcpu runs; then the hart takes what it can of it (WARL), and from then
on its own registers are what is read.
"""

from __future__ import annotations

from typing import Protocol

ALL_ONES = (1 << 64) - 1
DOUBLES = 32
"""Registers of the kernel's union of floating-point layouts; behind the doubles follows `fcsr`."""


class Registers(Protocol):
    """The registers of a hart that is in a guest, by the names that the guest has for them."""

    def has(self, name: str) -> bool:
        """Whether the hart has a register."""
        ...

    def read(self, name: str) -> int:
        """Its value."""
        ...

    def write(self, name: str, value: int) -> None:
        """Give it the legal value that is nearest."""
        ...


class Context:
    """Registers by name: `pc`, `x1` to `x31`, `f0` to `f31`, `fcsr`, `mode` (1 for VS, 0 for VU), `sstatus`, `hvip`...

    Args:
        scounteren: The CSR's value in a new vcpu.
    """

    def __init__(self, scounteren: int) -> None:
        self._initial = {"mode": 1, "scounteren": scounteren, "vstimecmp": ALL_ONES}
        self._hart: Registers | None = None
        self._written = dict(self._initial)
        """What user space wrote since the hart last ran, and what no hart has a register for."""

    def reset(self) -> None:
        """As a new vcpu is: in VS-mode, everything else 0."""
        names = NAMES if self._hart is not None else ()
        self._written = dict.fromkeys(names, 0) | self._initial

    def get(self, name: str) -> int:
        """A register."""
        if name in self._written:
            return self._written[name]
        if self._hart is not None and self._hart.has(name):
            return self._hart.read(name)
        return 0

    def put(self, name: str, value: int) -> None:
        """Set a register."""
        self._written[name] = value & ALL_ONES

    def attach(self, hart: Registers) -> None:
        """Have a hart from now on."""
        self._hart = hart

    def load(self) -> None:
        """Give the hart what was written."""
        if self._hart is None or not self._written:
            return
        kept = {}
        for name, value in self._written.items():
            if self._hart.has(name):
                self._hart.write(name, value)
            else:
                kept[name] = value
        self._written = kept

    def hold(self, name: str) -> None:
        """Keep a register's value here until the next load, whatever becomes of the hart's."""
        self.put(name, self.get(name))

    def fp_word(self, index: int) -> int:
        """A word of 32 bits of the floating-point union."""
        register, half = divmod(index, 2)
        value = self.get(f"f{register}") if register < DOUBLES else self.get("fcsr")
        return value >> 32 * half & 0xFFFF_FFFF

    def set_fp_word(self, index: int, value: int) -> None:
        """Set a word of the floating-point union."""
        register, half = divmod(index, 2)
        name = f"f{register}" if register < DOUBLES else "fcsr"
        mask = 0xFFFF_FFFF << 32 * half
        self.put(name, self.get(name) & ~mask | value << 32 * half)


CSRS = {
    "sstatus": "vsstatus",
    "sie": "vsie",
    "stvec": "vstvec",
    "sscratch": "vsscratch",
    "sepc": "vsepc",
    "scause": "vscause",
    "stval": "vstval",
    "satp": "vsatp",
    "scounteren": "scounteren",
    "senvcfg": "senvcfg",
    "sstateen0": "sstateen0",
    "hvip": "hvip",
    "vstimecmp": "vstimecmp",
}
"""The hart's CSR behind each of the guest's. Three have no VS copy; a vcpu has a hart of its own, where they stay."""

NAMES = ("pc", *(f"x{index}" for index in range(1, 32)), *(f"f{index}" for index in range(32)), "fcsr", "mode", *CSRS)
"""Every register of a guest."""
