"""Reading images: ELF executables for RV64, and raw files. Nothing here writes to the machine's memory.

Every way in which a file can be bad ends in a `LoadError` of one sentence that names the file and the reason.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.errors import LoadError

if TYPE_CHECKING:
    from elftools.elf.structs import ELFStructs

ELF_MAGIC = b"\x7fELF"

_SYMBOL = struct.Struct("<IBBHQQ")
_EXECUTABLE = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of memory that an image fills.

    Attributes:
        address: Physical address of the first byte.
        data: Bytes from the file.
        size: Bytes in memory; what exceeds `data` is zero.
        headers: Bytes at the start that are the ELF's own headers, which no program needs in memory.
    """

    address: int
    data: memoryview
    size: int
    headers: int = 0

    @property
    def end(self) -> int:
        """The address behind the last byte."""
        return self.address + self.size

    def from_address(self, floor: int) -> Segment:
        """The segment without what lies below `floor`, if that is nothing but the ELF's headers and padding.

        A linker that is told only where the code goes puts the headers into the page before it.
        """
        below = floor - self.address
        if not 0 < self.headers <= below < self.size or any(self.data[self.headers : below]):
            return self
        return Segment(floor, self.data[below:], self.size - below)


@dataclass(frozen=True, slots=True)
class Image:
    """A file, read and understood.

    Attributes:
        path: The file.
        segments: What it puts where, in ascending order of address; none of them is empty, none overlap.
        entry: Physical address at which it starts.
        content: The whole file, if it is an ELF.
    """

    path: Path
    segments: tuple[Segment, ...]
    entry: int
    content: bytes | None = None

    @property
    def low(self) -> int:
        """The lowest address."""
        return self.segments[0].address

    @property
    def high(self) -> int:
        """The address behind the highest byte."""
        return max(segment.end for segment in self.segments)


def read_file(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        LoadError: If it cannot be read or is empty.
    """
    try:
        if path.is_char_device():
            raise LoadError(f"{path}: is a device, not a file")
        content = path.read_bytes()
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise LoadError(f"{path!r}: {error}") from None
    if not content:
        raise LoadError(f"{path}: is empty")
    return content


def read_image(path: Path, raw_address: int) -> Image:
    """Read an ELF, or a file without ELF's magic number as raw bytes.

    Args:
        path: The file.
        raw_address: Where a raw file goes, and starts.

    Raises:
        LoadError: If the file cannot be used.
    """
    content = read_file(path)
    return parse_elf(path, content) if content.startswith(ELF_MAGIC) else raw_image(path, content, raw_address)


def raw_image(path: Path, content: bytes, address: int) -> Image:
    """An image that is its bytes, starting at the first."""
    return Image(path, (Segment(address, memoryview(content), len(content)),), address)


def parse_elf(path: Path, content: bytes) -> Image:
    """Understand an ELF executable for RV64.

    Args:
        path: Only for errors.
        content: The file.

    Raises:
        LoadError: If it is damaged, for another machine, or has nothing to load.
    """
    structs, header = _header(path, content)
    programs = [
        program
        for program in _table(path, content, structs.Elf_Phdr, header, "program", "ph")
        if program["p_type"] == "PT_LOAD" and program["p_memsz"]
    ]
    if not programs:
        raise LoadError(f"{path}: the ELF has no segment to load")
    headers = header["e_phoff"] + header["e_phnum"] * header["e_phentsize"]
    pieces = (_segment(path, content, program, headers) for program in programs)
    segments = sorted(pieces, key=lambda piece: piece.address)
    for before, after in pairwise(segments):
        if before.end > after.address:
            raise LoadError(
                f"{path}: the ELF's segments at {before.address:#x} and {after.address:#x} overlap each other"
            )
    return Image(path, tuple(segments), _physical_entry(header["e_entry"], programs), content)


def find_symbols(image: Image, names: Iterable[str]) -> dict[str, int]:
    """Addresses of those of `names` that an image's symbol table defines, as the symbols state them.

    A symbol table is no condition for running: one that is missing or damaged has no symbols.
    """
    content = image.content
    wanted = {name: name.encode() for name in names}
    # Most images lack the names altogether, and looking for bytes is much cheaper than parsing.
    if content is None or not any(name in content for name in wanted.values()):
        return {}
    found: dict[str, int] = {}
    try:
        for symbols, texts in _symbol_tables(image.path, content):
            found |= _look_up(symbols, {at: name for name, raw in wanted.items() for at in _name_offsets(texts, raw)})
    except LoadError:
        return found
    return found


def _structs() -> ELFStructs:
    # Imported only here: it takes a tenth of the time from the command line to a listening server.
    from elftools.elf.structs import ELFStructs

    structs = ELFStructs(little_endian=True, elfclass=64)
    structs.create_basic_structs()
    structs.create_advanced_structs("ET_EXEC", "EM_RISCV", "ELFOSABI_SYSV")
    return structs


def _header(path: Path, content: bytes) -> tuple[ELFStructs, Any]:
    """The ELF header, if it is one for this machine."""
    structs = _structs()
    if len(content) < structs.Elf_Ehdr.sizeof():
        raise LoadError(f"{path}: truncated: {len(content)} bytes are less than an ELF header")
    header = _parse(path, structs.Elf_Ehdr, content[: structs.Elf_Ehdr.sizeof()])
    if header["e_ident"]["EI_CLASS"] != "ELFCLASS64":
        raise LoadError(f"{path}: is not a 64-bit ELF; this machine is RV64 only")
    if header["e_ident"]["EI_DATA"] != "ELFDATA2LSB":
        raise LoadError(f"{path}: is not a little-endian ELF")
    if header["e_machine"] != "EM_RISCV":
        raise LoadError(f"{path}: is an ELF for {_machine_name(header['e_machine'])}, not for RISC-V")
    if header["e_type"] not in ("ET_EXEC", "ET_DYN"):
        kind = "an object file" if header["e_type"] == "ET_REL" else f"of type {header['e_type']}"
        raise LoadError(f"{path}: the ELF is {kind}, not an executable")
    return structs, header


def _machine_name(machine: str | int) -> str:
    return machine.removeprefix("EM_") if isinstance(machine, str) else f"machine {machine}"


def _table(path: Path, content: bytes, layout: Any, header: Any, name: str, prefix: str) -> Iterator[Any]:
    """Entries of the program header table (`ph`) or of the section header table (`sh`)."""
    start, count, step = header[f"e_{prefix}off"], header[f"e_{prefix}num"], header[f"e_{prefix}entsize"]
    size = layout.sizeof()
    if count and step < size:
        raise LoadError(f"{path}: the ELF's {name} headers are damaged: {step} bytes each")
    for at in range(start, start + count * step, step or 1):
        if at + size > len(content):
            raise LoadError(f"{path}: truncated: the ELF's {name} headers lie beyond its end")
        yield _parse(path, layout, content[at : at + size])


def _parse(path: Path, layout: Any, data: bytes) -> Any:
    """One structure, `data` being exactly its bytes."""
    from elftools.common.exceptions import ELFParseError
    from elftools.common.utils import struct_parse

    try:
        return struct_parse(layout, BytesIO(data))
    except ELFParseError as error:
        raise LoadError(f"{path}: the ELF is damaged: {error}") from None


def _segment(path: Path, content: bytes, program: Any, headers: int) -> Segment:
    start, size = program["p_offset"], program["p_filesz"]
    if start + size > len(content):
        raise LoadError(
            f"{path}: truncated: a segment needs {start + size} bytes of the file, which has {len(content)}"
        )
    if size > program["p_memsz"]:
        raise LoadError(f"{path}: the ELF is damaged: a segment is larger in the file than in memory")
    data = memoryview(content)[start : start + size]
    return Segment(program["p_paddr"], data, program["p_memsz"], headers if start == 0 and headers <= size else 0)


def _physical_entry(entry: int, programs: list[Any]) -> int:
    """The entry as a physical address: that of the executable segment whose virtual addresses include it."""
    for program in programs:
        into = entry - program["p_vaddr"]
        if program["p_flags"] & _EXECUTABLE and 0 <= into < program["p_memsz"]:
            return int(program["p_paddr"] + into)
    return entry


def _symbol_tables(path: Path, content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each symbol table with its strings."""
    structs, header = _header(path, content)
    sections = list(_table(path, content, structs.Elf_Shdr, header, "section", "sh"))
    for section in sections:
        if section["sh_type"] == "SHT_SYMTAB" and section["sh_link"] < len(sections):
            yield _section(content, section), _section(content, sections[section["sh_link"]])


def _section(content: bytes, section: Any) -> bytes:
    return content[section["sh_offset"] : section["sh_offset"] + section["sh_size"]]


def _name_offsets(texts: bytes, name: bytes) -> list[int]:
    """Every place where a name ends a string: a linker keeps `tohost` only once, as the end of `write_tohost`."""
    return [found.start() for found in re.finditer(re.escape(name) + b"\0", texts)]


def _look_up(symbols: bytes, names: dict[int, str]) -> dict[str, int]:
    """Values of the defined symbols whose names are at the given offsets."""
    whole = len(symbols) - len(symbols) % _SYMBOL.size
    entries = _SYMBOL.iter_unpack(symbols[:whole])
    return {names[name]: value for name, _, _, section, value, _ in entries if section and name in names}
