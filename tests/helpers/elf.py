"""Facts about a guest that its ELF file knows, read without GDB and without the emulator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile


@dataclass(frozen=True)
class Elf:
    """A guest's ELF file."""

    path: Path

    @cached_property
    def symbols(self) -> dict[str, int]:
        """Every symbol's address."""
        return {symbol.name: symbol["st_value"] for symbol in self._symbol_rows()}

    @cached_property
    def entry(self) -> int:
        """The address of the first instruction."""
        with self.path.open("rb") as stream:
            return int(ELFFile(stream)["e_entry"])

    def section(self, name: str) -> tuple[int, bytes]:
        """Address and contents of a section."""
        with self.path.open("rb") as stream:
            section: Any = ELFFile(stream).get_section_by_name(name)
            return section["sh_addr"], section.data()

    def function_at(self, address: int) -> str | None:
        """The function whose code is at `address`."""
        for symbol in self._symbol_rows():
            start = symbol["st_value"]
            if symbol["st_info"]["type"] == "STT_FUNC" and start <= address < start + symbol["st_size"]:
                return str(symbol.name)
        return None

    def code(self, address: int, length: int) -> bytes:
        """The bytes of `.text` at an address."""
        start, text = self.section(".text")
        return text[address - start : address - start + length]

    def instructions(self, address: int, count: int) -> list[int]:
        """The addresses of `count` instructions in a row; the low two bits of an instruction tell its length."""
        found = []
        for _ in range(count):
            found.append(address)
            address += 4 if self.code(address, 1)[0] & 3 == 3 else 2
        return found

    def find_code(self, function: str, code: bytes) -> int:
        """The address of the first instruction with this encoding after the start of a function."""
        start, text = self.section(".text")
        return start + text.index(code, self.symbols[function] - start)

    def _symbol_rows(self) -> list[Any]:
        with self.path.open("rb") as stream:
            table: Any = ELFFile(stream).get_section_by_name(".symtab")
            return list(table.iter_symbols())
