"""The XML documents of `qXfer`: target description, thread list, memory map, written from plain data.

Which registers and regions there are is the caller's business. See GDB's manual, "Target Descriptions" and "Memory Map
Format".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias, assert_never

from protocol.ids import ThreadId


@dataclass(frozen=True, slots=True)
class EnumType:
    """Names for the values of a field.

    Attributes:
        id: Name of the type, unique in its feature.
        size: Bytes.
        values: Name and value, each.
    """

    id: str
    size: int
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class BitField:
    """Some bits of a register.

    Attributes:
        name: The field's name; empty for bits to skip.
        start: Lowest bit.
        end: Highest bit, inclusive.
        type: Type of the value; None for GDB's choice (a flag for one bit, a number for more).
    """

    name: str
    start: int
    end: int
    type: str | None = None


@dataclass(frozen=True, slots=True)
class FlagsType:
    """A register of named bits, printed as `[ NAME OTHER=3 ]`."""

    id: str
    size: int
    fields: tuple[BitField, ...]


@dataclass(frozen=True, slots=True)
class VectorType:
    """`count` elements of another type."""

    id: str
    element: str
    count: int


@dataclass(frozen=True, slots=True)
class UnionType:
    """One value seen as several types: name and type, each."""

    id: str
    members: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class StructType:
    """A register of bit fields that can be read and assigned by name, but not calculated with."""

    id: str
    size: int
    fields: tuple[BitField, ...]


Type: TypeAlias = EnumType | FlagsType | VectorType | UnionType | StructType


@dataclass(frozen=True, slots=True)
class Register:
    """One register of a feature.

    Attributes:
        name: The name GDB shows and knows it by.
        bitsize: Width in bits.
        number: The number that `p` and stop replies use.
        type: A predefined type of GDB's (`int`, `code_ptr`, `data_ptr`, `ieee_double`, ...) or one of the feature's.
        group: A register group (`general`, `float`, `csr`, ...); None for GDB's choice.
        generic: What LLDB is to use it for (`pc`, `sp`, `fp`, `ra`, `arg1` to `arg8`); GDB passes over it.
        dwarf: Its number in debug information, for LLDB; GDB knows the architecture's own.
        save_restore: Whether GDB saves and restores it around calls it makes in the target.
    """

    name: str
    bitsize: int
    number: int
    type: str = "int"
    group: str | None = None
    generic: str | None = None
    dwarf: int | None = None
    save_restore: bool = True


@dataclass(frozen=True, slots=True)
class Feature:
    """A named set of registers, with the types they need in an order where each comes before its use."""

    name: str
    registers: tuple[Register, ...]
    types: tuple[Type, ...] = ()


@dataclass(frozen=True, slots=True)
class ThreadDetails:
    """One row of the thread list.

    Attributes:
        thread: Its id.
        name: Short name.
        core: The processor it is on.
        text: More words for `info threads`.
    """

    thread: ThreadId
    name: str
    core: int | None = None
    text: str = ""


class MemoryKind(Enum):
    """What GDB's memory map tells apart."""

    RAM = "ram"
    ROM = "rom"
    FLASH = "flash"


@dataclass(frozen=True, slots=True)
class MemoryRegion:
    """A range of addresses; `block_size` in bytes is for flash only."""

    kind: MemoryKind
    start: int
    length: int
    block_size: int = 0


def target_description(architecture: str, features: Iterable[Feature], *, osabi: str | None = "none") -> bytes:
    """The document `target.xml`.

    Args:
        architecture: GDB's name of it, such as `riscv:rv64`.
        features: The registers.
        osabi: The operating system's ABI. A GDB that defaults to GNU/Linux would step RISC-V by planting breakpoints,
            wrongly at traps; `none` makes it use the stub's own step.
    """
    lines = ['<?xml version="1.0"?>', '<!DOCTYPE target SYSTEM "gdb-target.dtd">', '<target version="1.0">']
    lines.append(f"<architecture>{_quote(architecture)}</architecture>")
    if osabi is not None:
        lines.append(f"<osabi>{_quote(osabi)}</osabi>")
    for feature in features:
        lines.append(f"<feature{_attributes(name=feature.name)}>")
        for one in feature.types:
            lines += _type(one)
        lines += [_register(register) for register in feature.registers]
        lines.append("</feature>")
    return _document(lines, "</target>")


def thread_list(threads: Iterable[ThreadDetails], *, multiprocess: bool) -> bytes:
    """The document of `qXfer:threads`; `multiprocess` as the session's peer has it."""
    lines = ['<?xml version="1.0"?>', "<threads>"]
    for one in threads:
        core = None if one.core is None else str(one.core)
        attributes = _attributes(id=one.thread.text(multiprocess=multiprocess), core=core, name=one.name)
        lines.append(f"<thread{attributes}>{_quote(one.text)}</thread>")
    return _document(lines, "</threads>")


def memory_map(regions: Iterable[MemoryRegion]) -> bytes:
    """The document of `qXfer:memory-map`."""
    lines = ['<?xml version="1.0"?>', "<memory-map>"]
    for region in regions:
        attributes = _attributes(type=region.kind.value, start=hex(region.start), length=hex(region.length))
        if region.kind is MemoryKind.FLASH:
            lines.append(f'<memory{attributes}><property name="blocksize">{region.block_size:#x}</property></memory>')
        else:
            lines.append(f"<memory{attributes}/>")
    return _document(lines, "</memory-map>")


def _document(lines: list[str], end: str) -> bytes:
    return "\n".join((*lines, end, "")).encode("utf-8")


_ENTITIES: Final = str.maketrans(
    {code: None for code in range(0x20) if chr(code) not in "\t\n\r"}
    | {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}
)
"""XML 1.0 has no form at all for most control characters. (The standard library's quoting imports its web client.)"""


def _quote(text: str) -> str:
    return text.translate(_ENTITIES)


def _attributes(**values: str | None) -> str:
    """XML attributes, without those that are None."""
    return "".join(f' {name}="{_quote(value)}"' for name, value in values.items() if value is not None)


def _register(register: Register) -> str:
    attributes = _attributes(
        name=register.name,
        bitsize=str(register.bitsize),
        regnum=str(register.number),
        type=register.type,
        group=register.group,
        generic=register.generic,
        dwarf_regnum=None if register.dwarf is None else str(register.dwarf),
    )
    saved = "" if register.save_restore else ' save-restore="no"'
    return f"<reg{attributes}{saved}/>"


def _type(one: Type) -> list[str]:
    match one:
        case EnumType(values=values):
            rows = [f"<evalue{_attributes(name=name, value=str(value))}/>" for name, value in values]
            return [f"<enum{_attributes(id=one.id, size=str(one.size))}>", *rows, "</enum>"]
        case FlagsType(fields=fields):
            return [f"<flags{_attributes(id=one.id, size=str(one.size))}>", *map(_field, fields), "</flags>"]
        case StructType(fields=fields):
            return [f"<struct{_attributes(id=one.id, size=str(one.size))}>", *map(_field, fields), "</struct>"]
        case VectorType(element=element, count=count):
            return [f"<vector{_attributes(id=one.id, type=element, count=str(count))}/>"]
        case UnionType(members=members):
            rows = [f"<field{_attributes(name=name, type=type_)}/>" for name, type_ in members]
            return [f"<union{_attributes(id=one.id)}>", *rows, "</union>"]
        case unexpected:
            assert_never(unexpected)


def _field(one: BitField) -> str:
    return f"<field{_attributes(name=one.name, start=str(one.start), end=str(one.end), type=one.type)}/>"
