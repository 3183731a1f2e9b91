"""What a row of the table of CSRs is, and the shapes that many rows share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.hart.fields import MASK64

if TYPE_CHECKING:
    from emulator.hart.refusal import Refusal
    from emulator.isa.domain import Domain, Value

Read = Callable[["Domain"], "Value"]
Write = Callable[["Domain", "Value"], None]
Guard = Callable[["Domain"], "Refusal"]


@dataclass(frozen=True, slots=True)
class Csr:
    """One control and status register.

    Attributes:
        number: Its address, 12 bits; bits 9:8 are the lowest privilege (2: HS-mode, and no guest), bits 11:10 both set
            mean read-only.
        name: The manual's name.
        read: Its value.
        write: What a write of a value does; None for a register whose every bit is read-only.
        guard: Tells where the manual refuses an access that the number's bits would allow.
        base: What a read-modify-write combines with its operand, where that is not `read`.
        extension: The requirement (`emulator.isa.extensions`) that brings it; otherwise the register does not exist.
        guest: What an instruction that names it reaches at V=1: the VS register, or another view of the same one.
        must_write: Whether an instruction that does not write it is illegal.
    """

    number: int
    name: str
    read: Read
    write: Write | None = None
    guard: Guard | None = None
    base: Read | None = None
    extension: str = "zicsr"
    guest: Csr | None = None
    must_write: bool = False

    @property
    def read_only(self) -> bool:
        """Whether the number itself says that writes are illegal."""
        return self.number >> 10 == 3


def stored(
    number: int,
    name: str,
    *,
    writable: int = MASK64,
    notice: bool = False,
    extension: str = "zicsr",
    guest: Csr | None = None,
) -> Csr:
    """A CSR that keeps the bits `writable` of what is written; `notice` makes the hart look at interrupts again."""

    def write(d: Domain, value: Value) -> None:
        d.put(name, d.and_(value, writable))
        if notice:
            d.attend()

    return Csr(number, name, lambda d: d.get(name), write, extension=extension, guest=guest)


def constant(number: int, name: str, value: int = 0, *, extension: str = "zicsr", guard: Guard | None = None) -> Csr:
    """A CSR whose every bit is fixed; a write to it, where the number allows one, is ignored."""
    write = None if number >> 10 == 3 else lambda _d, _v: None
    return Csr(number, name, lambda _d: value, write, guard, extension=extension)


def merge(d: Domain, old: Value, new: Value, writable: Value) -> Value:
    """`old` with its bits `writable` taken from `new`."""
    return d.or_(d.and_(old, d.xor(writable, MASK64)), d.and_(new, writable))


def vector(number: int, name: str, *, extension: str = "zicsr", guest: Csr | None = None) -> Csr:
    """A trap vector: direct or vectored, four-byte aligned."""
    return stored(number, name, writable=MASK64 ^ 2, extension=extension, guest=guest)


def exception_pc(number: int, name: str, *, extension: str = "zicsr", guest: Csr | None = None) -> Csr:
    """`mepc`, `sepc`, `vsepc`: bit 0 is always zero, bit 1 too where instructions are 4 bytes."""

    def write(d: Domain, value: Value) -> None:
        d.put(name, d.and_(value, d.xor(d.or_(d.get("ialign"), 1), MASK64)))

    return Csr(number, name, lambda d: d.get(name), write, extension=extension, guest=guest)
