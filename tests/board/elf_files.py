"""Writes small ELF files, right and wrong, so that tests need no compiler."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

EM_RISCV = 243
ELF_HEADER = struct.Struct("<4sBBBBB7xHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")

SECTION_NAMES = b"\0.symtab\0.strtab\0"
"""In the same table as the symbols' names; Spike finds the symbols by them."""
LOAD = 1
EXECUTABLE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A segment to load.

    Attributes:
        address: Physical address.
        data: Bytes in the file.
        size: Bytes in memory; as many as `data` by default.
        virtual: Virtual address; the physical one by default.
        kind: `p_type`.
    """

    address: int
    data: bytes = b"\x6f\0\0\0"
    size: int | None = None
    virtual: int | None = None
    kind: int = LOAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """What an ELF is made of; the defaults make a proper executable.

    Attributes:
        entry: Entry address.
        loads: Segments.
        symbols: Defined symbols.
        machine: `e_machine`.
        elf_class: 1 for 32 bits, 2 for 64.
        byte_order: 1 for little-endian, 2 for big-endian.
        kind: `e_type`.
    """

    entry: int = 0x8000_0000
    loads: tuple[Load, ...] = (Load(address=0x8000_0000),)
    symbols: dict[str, int] = field(default_factory=dict)
    machine: int = EM_RISCV
    elf_class: int = 2
    byte_order: int = 1
    kind: int = 2

    def build(self) -> bytes:
        """The file: header, program headers, data, symbols, section headers."""
        at = ELF_HEADER.size + PROGRAM_HEADER.size * len(self.loads)
        programs, body = bytearray(), bytearray()
        for load in self.loads:
            virtual = load.address if load.virtual is None else load.virtual
            size = len(load.data) if load.size is None else load.size
            programs += PROGRAM_HEADER.pack(
                load.kind, EXECUTABLE, at + len(body), virtual, load.address, len(load.data), size, 1
            )
            body += load.data
        tables, sections, count = self._tables(at + len(body))
        section_at = at + len(body) + len(tables) if count else 0
        header = ELF_HEADER.pack(
            b"\x7fELF",
            self.elf_class,
            self.byte_order,
            1,
            0,
            0,
            self.kind,
            self.machine,
            1,
            self.entry,
            ELF_HEADER.size,
            section_at,
            0,
            ELF_HEADER.size,
            PROGRAM_HEADER.size,
            len(self.loads),
            SECTION_HEADER.size,
            count,
            max(count - 1, 0),
        )
        return header + bytes(programs + body) + tables + sections

    def _tables(self, at: int) -> tuple[bytes, bytes, int]:
        """Symbol table with its names, their section headers, and how many those are."""
        if not self.symbols:
            return b"", b"", 0
        names, entries = bytearray(SECTION_NAMES), bytearray(SYMBOL.size)
        for name, value in self.symbols.items():
            entries += SYMBOL.pack(len(names), 0x10, 0, 1, value, 8)
            names += name.encode() + b"\0"
        sections = (
            bytes(SECTION_HEADER.size)
            + SECTION_HEADER.pack(SECTION_NAMES.index(b".symtab"), 2, 0, 0, at, len(entries), 2, 1, 8, SYMBOL.size)
            + SECTION_HEADER.pack(SECTION_NAMES.index(b".strtab"), 3, 0, 0, at + len(entries), len(names), 0, 0, 1, 0)
        )
        return bytes(entries + names), sections, 3
