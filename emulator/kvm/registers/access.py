"""What every class of registers is made of, and the layout of a register id.

Source: include/uapi/linux/kvm.h and arch/riscv/include/uapi/asm/kvm.h.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from emulator.kvm.errors import KvmError

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

ARCHITECTURE: Final = 0xFF << 56
RISCV: Final = 0x80 << 56
SIZE_SHIFT: Final = 52
SIZE: Final = 0xF << SIZE_SHIFT
TYPE_SHIFT: Final = 24
TYPE: Final = 0xFF << TYPE_SHIFT
SUBTYPE_SHIFT: Final = 16
SUBTYPE: Final = 0xFF << SUBTYPE_SHIFT

U32: Final = 4
U64: Final = 8


@dataclass(frozen=True, slots=True)
class Access:
    """A register of one vcpu, found and checked: how to read and to write it."""

    get: Callable[[], int]
    set: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Request:
    """A register id, taken apart as far as every class shares it.

    Attributes:
        number: What is left without architecture, size and type; a class with subtypes takes its subtype out, and
            whatever else is set makes the index too large.
        size: Bytes.
    """

    number: int
    size: int

    @property
    def subtype(self) -> int:
        """Bits 23 to 16."""
        return (self.number & SUBTYPE) >> SUBTYPE_SHIFT

    @property
    def index(self) -> int:
        """The number without the subtype."""
        return self.number & ~SUBTYPE


Resolve: TypeAlias = "Callable[[Vcpu, Request], Access]"
Listing: TypeAlias = "Callable[[Vcpu], Iterable[int]]"


@dataclass(frozen=True, slots=True)
class Named:
    """A register's name inside its class.

    Attributes:
        name: For example `sstatus`, `pointer_masking.value`.
        number: Subtype and index.
        size: Bytes.
    """

    name: str
    number: int
    size: int = U64


@dataclass(frozen=True, slots=True)
class RegisterClass:
    """A type of registers.

    Attributes:
        type: Bits 31 to 24 of an id.
        resolve: Finds a register of a vcpu; raises `KvmError` if it does not exist.
        listing: The ids' subtype-and-index numbers that KVM_GET_REG_LIST names, in its order, with their size.
        groups: Names, by the part of a name before the first dot.
    """

    type: int
    resolve: Resolve
    listing: Callable[[Vcpu], Iterable[Named]]
    groups: dict[str, tuple[Named, ...]]


def register_id(kind: int, number: int, size: int) -> int:
    """Build an id from a type, a subtype-and-index number and a size in bytes."""
    return RISCV | (size.bit_length() - 1) << SIZE_SHIFT | kind << TYPE_SHIFT | number


def subtyped(subtype: int, names: str) -> tuple[Named, ...]:
    """Registers of one subtype, numbered from 0."""
    return tuple(Named(name, subtype << SUBTYPE_SHIFT | index) for index, name in enumerate(names.split()))


def absent(what: str) -> KvmError:
    """The error for a register that does not exist."""
    return KvmError(errno.ENOENT, f"there is no {what}")


def invalid(what: str) -> KvmError:
    """The error for a size or a value that is not accepted."""
    return KvmError(errno.EINVAL, what)


def busy(what: str) -> KvmError:
    """The error for a change that comes too late: the vcpu has run."""
    return KvmError(errno.EBUSY, f"{what} cannot change after the vcpu has run")


def demand_size(request: Request, size: int, what: str) -> None:
    """Check a register's size.

    Raises:
        KvmError: EINVAL if the id carries another one.
    """
    if request.size != size:
        raise invalid(f"{what} registers have {size} bytes, and the id says {request.size}")


def fixed(current: int, what: str) -> Access:
    """A register that only accepts the value that it has."""

    def write(value: int) -> None:
        if value != current:
            raise invalid(f"{what} is {current:#x} on this host and cannot become {value:#x}")

    return Access(lambda: current, write)
