"""The loads and stores that KVM can carry out for user space: what they move, read off the instruction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from emulator.isa.table import decode

LOADS: Final = {
    "lb": (1, True),
    "lbu": (1, False),
    "lh": (2, True),
    "lhu": (2, False),
    "lw": (4, True),
    "lwu": (4, False),
    "ld": (8, True),
}
"""Bytes, and whether the register gets the sign, by mnemonic."""
STORES: Final = {"sb": 1, "sh": 2, "sw": 4, "sd": 8}
COMPRESSED: Final = frozenset("c.lw c.ld c.lwsp c.ldsp c.sw c.sd c.swsp c.sdsp".split())
"""The compressed ones that KVM knows; those of Zcb are not among them."""


@dataclass(frozen=True, slots=True)
class MemoryAccess:
    """A load or store.

    Attributes:
        is_write: Whether it stores.
        length: Bytes.
        register: Number of the register that is loaded or stored.
        signed: Whether a loaded value is extended by its sign.
        size: Bytes of the instruction.
    """

    is_write: bool
    length: int
    register: int
    signed: bool
    size: int

    def extend(self, data: bytes) -> int:
        """What a load puts into its register."""
        return int.from_bytes(data[: self.length], "little", signed=self.signed) & (1 << 64) - 1


def decode_access(word: int) -> MemoryAccess | None:
    """Read a load or store off its encoding; None for what KVM does not carry out."""
    instruction = decode(word)
    if instruction is None:
        return None
    row = instruction.row
    if row.length == 2 and row.name not in COMPRESSED:
        return None
    return _access(row.target.name, instruction.rd, instruction.rs2, row.length)


def read_transformed(tinst: int) -> MemoryAccess | None:
    """Read a load or store off `htinst`, where the hart put it, so that the instruction need not be fetched.

    Bit 1 is 0 for a compressed one, which is there as what it stands for (manual volume II, "Transformed Instruction or
    Pseudoinstruction for mtinst or htinst"). `rs1` is not the instruction's.
    """
    instruction = decode(tinst | 0b10)
    if instruction is None:
        return None
    size = 4 if tinst & 0b10 else 2
    return _access(instruction.row.target.name, instruction.rd, instruction.rs2, size)


def _access(name: str, rd: int, rs2: int, size: int) -> MemoryAccess | None:
    if name in LOADS:
        length, signed = LOADS[name]
        return MemoryAccess(False, length, rd, signed, size)
    if name in STORES:
        return MemoryAccess(True, STORES[name], rs2, False, size)
    return None
