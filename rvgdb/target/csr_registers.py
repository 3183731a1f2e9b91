"""CSRs as a debugger sees them: the number under its name, a view of its fields, and the fields that decide together.

`$henvcfg` is the CSR under QEMU's register number. Its type is an enumeration without names of its own: GDB computes
with it, assigns to it and tests it on the target as an integer, and what runs inside GDB (`rvgdb gdb-script`) knows by
the type which fields to print. GDB's own type for fields, `flags`, refuses `set $satp = 0` ("Invalid cast"), so it is
the type of a second register: `$henvcfg_view` prints `[ FIOM=0 … PMM=PMLEN7 ]`. Only registers that GDB does not know
by name can be in groups of our own, so the groups `hypervisor` and `virtual` hold views, and `pointer-masking` holds
single fields, such as `$henvcfg_PMM`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from emulator.debug import HOSTS
from emulator.errors import CsrRefused
from emulator.hart.layouts import HOST_PREFIX, MASKING, VALUES, CsrField, field, fields
from protocol.description import BitField, EnumType, FlagsType, Register, Type
from rvgdb.target.api import CsrInfo, Debug

FIRST_CSR: Final = 66
FIRST_VIEW: Final = FIRST_CSR + 2 * HOSTS
FIRST_FIELD: Final = FIRST_VIEW + 2 * HOSTS

SIZE: Final = 8
BITS: Final = 8 * SIZE

LARGEST_ENUM: Final = 0x7FFF_FFFF
"""GDB takes no greater value in an enumeration, and no enumeration without a value: this one's name is its number."""

HYPERVISOR_TRAPS: Final = frozenset({"mtval2", "mtinst"})
"""CSRs that the hypervisor extension has in M-mode's part of the numbers."""


@dataclass(frozen=True, slots=True)
class CsrRegister:
    """A register toward the debugger that is a CSR, or a field of one.

    Attributes:
        number: The debugger's number of it.
        name: The debugger's name.
        csr: The CSR.
        type: Its type in the description.
        group: A register group of our own; None for GDB's choice.
        field: The field that it is; None for a whole CSR.
    """

    number: int
    name: str
    csr: CsrInfo
    type: str
    group: str | None = None
    field: CsrField | None = None


def _type_of(name: str) -> str:
    """The type of a CSR with fields; HS-mode's own has that of the plain one."""
    return name.removeprefix(HOST_PREFIX)


def group_of(csr: CsrInfo) -> str | None:
    """Which of our groups a CSR is in; the number says whose it is (manual volume II, "CSR Listing")."""
    if csr.number & HOSTS:
        return "hypervisor"
    if csr.number >> 8 == 0x2 or csr.number >> 8 == 0xA:
        return "virtual"
    return "hypervisor" if csr.number >> 8 & 3 == 2 or csr.name in HYPERVISOR_TRAPS else None


def _view_type(name: str) -> str:
    if fields(name):
        return f"{_type_of(name)}_fields"
    if name.endswith("epc"):
        return "code_ptr"
    return "data_ptr" if name.endswith("tval") else "int"


def csr_registers(csrs: Iterable[CsrInfo]) -> tuple[CsrRegister, ...]:
    """Every register that shows a CSR, by ascending number."""
    listed = sorted(csrs, key=lambda csr: csr.number)
    plain = [
        CsrRegister(FIRST_CSR + csr.number, csr.name, csr, _type_of(csr.name) if fields(csr.name) else "int")
        for csr in listed
    ]
    views = [
        CsrRegister(FIRST_VIEW + csr.number, f"{csr.name}_view", csr, _view_type(csr.name), group_of(csr))
        for csr in listed
        if fields(csr.name) or group_of(csr)
    ]
    known = {csr.name: csr for csr in listed}
    single = [
        CsrRegister(FIRST_FIELD + index, f"{name}_{part}", known[name], _field_type(found), "pointer-masking", found)
        for index, (name, part) in enumerate(MASKING)
        if name in known and (found := field(name, part)) is not None
    ]
    return (*plain, *views, *single)


def write_field(debug: Debug, hart: int, csr: CsrInfo, part: CsrField, value: int) -> None:
    """Write one field of a CSR and leave the others.

    Raises:
        CsrRefused: The value does not fit, or the CSR does not take it; says why.
    """
    title = f"{csr.name}.{part.name}"
    largest = part.mask >> part.low
    if not 0 <= value <= largest:
        raise CsrRefused(f"{title} has values from 0 to {largest:#x}, not {value:#x}")
    number = debug.seen(hart, csr.number)
    before = debug.read_csr(hart, number)
    try:
        debug.write_csr(hart, number, part.placed(before, value))
    except CsrRefused:
        if not csr.writable:
            raise
    after = part.of(debug.read_csr(hart, number))
    if after != value:
        raise CsrRefused(f"{title} does not take {part.text(value)}; it is {part.text(after)}")


def _values_type(found: CsrField) -> str:
    return f"{found.values}_values"


def _field_type(found: CsrField) -> str:
    return _values_type(found) if found.values else "int"


def _number_type(found: CsrField) -> str:
    """An unsigned type that the field fits in; GDB would print a single bit as a name without its value."""
    width = found.high - found.low + 1
    return next(f"uint{bits}" for bits in (8, 16, 32, 64) if width <= bits)


def _bit_fields(name: str) -> tuple[BitField, ...]:
    """The fields of a CSR; where two share their bits, one whose values are named `this|that`."""
    places: dict[tuple[str, int, int], list[CsrField]] = {}
    for one in fields(name):
        places.setdefault((one.name, one.low, one.high), []).append(one)
    return tuple(
        BitField(title, low, high, _values_type(sharing[0]) if sharing[0].values else _number_type(sharing[0]))
        for (title, low, high), sharing in places.items()
    )


def _value_names(name: str) -> dict[str, dict[int, str]]:
    """The sets of values that a CSR's fields need, with the names of those that share their bits joined."""
    found: dict[str, dict[int, str]] = {}
    places: dict[tuple[int, int], str] = {}
    for one in fields(name):
        if not one.values:
            continue
        first = places.setdefault((one.low, one.high), _values_type(one))
        names = found.setdefault(first, {})
        for value, text in VALUES[one.values].items():
            names[value] = f"{names[value]}|{text}" if names.get(value, text) != text else text
    return found


def csr_types(registers: Sequence[CsrRegister]) -> tuple[Type, ...]:
    """The types of these registers, each before its use."""
    names = [name for name in dict.fromkeys(_type_of(register.csr.name) for register in registers) if fields(name)]
    values: dict[str, dict[int, str]] = {}
    for name in names:
        values |= _value_names(name)
    return (
        *(EnumType(type_, SIZE, _evalues(texts)) for type_, texts in values.items()),
        *(EnumType(name, SIZE, ((hex(LARGEST_ENUM), LARGEST_ENUM),)) for name in names),
        *(FlagsType(f"{name}_fields", SIZE, _bit_fields(name)) for name in names),
    )


def _evalues(texts: dict[int, str]) -> tuple[tuple[str, int], ...]:
    return tuple((text, int(value)) for value, text in sorted(texts.items()))


def description_rows(registers: Iterable[CsrRegister]) -> tuple[Register, ...]:
    """The registers as rows of the target description."""
    return tuple(
        Register(one.name, BITS, one.number, one.type, one.group, save_restore=one.number < FIRST_VIEW)
        for one in registers
    )
