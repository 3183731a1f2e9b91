"""Writes machine code with labels, from the project's own instruction rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from emulator.isa.table import BY_NAME, encode

if TYPE_CHECKING:
    from emulator.isa.rows import Row


@lru_cache(maxsize=1 << 15)
def _encoded(name: str, *values: tuple[str, int]) -> int:
    """The encoding of an instruction by name; programs have many alike."""
    return encode(BY_NAME[name], dict(values))


class Code:
    """Code that grows from an address on.

    Attributes:
        base: The address of its first byte.
    """

    def __init__(self, base: int) -> None:
        self.base = base
        self._bytes = bytearray()
        self._fixups: list[tuple[str, int, Callable[[int], bytes]]] = []
        self._labels: dict[str, int] = {}
        self._fresh = 0

    @property
    def here(self) -> int:
        """The address of what is emitted next."""
        return self.base + len(self._bytes)

    def word(self, word: int, length: int | None = None) -> None:
        """Emit an encoding as it is; its low two bits tell the length."""
        self._bytes += word.to_bytes(length or (4 if word & 3 == 3 else 2), "little")

    def row(self, row: Row, **values: int) -> None:
        """Emit an instruction of a row."""
        self.word(encode(row, values), row.length)

    def op(self, name: str, **values: int) -> None:
        """Emit an instruction by name."""
        self.word(_encoded(name, *values.items()), BY_NAME[name].length)

    def label(self, hint: str = "") -> str:
        """A new label, still without a place."""
        self._fresh += 1
        return f"{hint}{self._fresh}"

    def place(self, label: str) -> None:
        """The label is here."""
        self._labels[label] = self.here

    def place_at(self, label: str, address: int) -> None:
        """The label is elsewhere."""
        self._labels[label] = address

    def jump(self, name: str, label: str, **values: int) -> None:
        """Emit a branch or jump to a label that may have no place yet."""
        at, row = self.here, BY_NAME[name]
        self._later(
            label, row.length, lambda target: encode(row, {**values, "imm": target - at}).to_bytes(row.length, "little")
        )

    def address(self, rd: int, label: str, offset: int = 0) -> None:
        """Emit two instructions that put the address of a label (plus an offset) into a register."""
        at = self.here

        def build(target: int) -> bytes:
            distance = target + offset - at
            low = (distance + 0x800 & 0xFFF) - 0x800
            high = encode(BY_NAME["auipc"], {"rd": rd, "imm": distance - low})
            return high.to_bytes(4, "little") + encode(BY_NAME["addi"], {"rd": rd, "rs1": rd, "imm": low}).to_bytes(
                4, "little"
            )

        self._later(label, 8, build)

    def constant(self, rd: int, value: int) -> None:
        """Emit instructions that put a 64-bit value into a register."""
        value = (value & (1 << 64) - 1) - (value >> 63 & 1) * (1 << 64)
        if -0x800 <= value < 0x800:
            self.op("addi", rd=rd, rs1=0, imm=value)
            return
        low = (value + 0x800 & 0xFFF) - 0x800
        if -(1 << 31) <= value < (1 << 31):
            upper = value - low
            self.op("lui", rd=rd, imm=upper - (1 << 32) if upper >= 1 << 31 else upper)
            self.op("addiw", rd=rd, rs1=rd, imm=low)
            return
        rest, shift = (value - low) >> 12, 12
        while rest & 1 == 0:
            rest, shift = rest >> 1, shift + 1
        self.constant(rd, rest)
        self.op("slli", rd=rd, rs1=rd, imm=shift)
        if low:
            self.op("addi", rd=rd, rs1=rd, imm=low)

    def align(self, alignment: int) -> None:
        """Fill up with zeros."""
        self._bytes += bytes(-len(self._bytes) % alignment)

    def finish(self) -> bytes:
        """The bytes, with every label resolved."""
        for label, at, build in self._fixups:
            piece = build(self._labels[label])
            self._bytes[at : at + len(piece)] = piece
        return bytes(self._bytes)

    def _later(self, label: str, length: int, build: Callable[[int], bytes]) -> None:
        self._fixups.append((label, len(self._bytes), build))
        self._bytes += bytes(length)
