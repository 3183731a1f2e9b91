"""VECTOR registers: the machine has no vector unit, so they do not exist, whatever the host's ISA string says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from emulator.kvm.registers.access import Access, Named, RegisterClass, Request, absent, subtyped

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

NAMES: Final = subtyped(0, "vstart vl vtype vcsr vlenb")


def resolve(vcpu: Vcpu, request: Request) -> Access:
    """Find nothing.

    Raises:
        KvmError: ENOENT.
    """
    raise absent("VECTOR register: this machine has no vector unit")


def listing(vcpu: Vcpu) -> Iterable[Named]:
    """None."""
    return ()


CLASS: Final = RegisterClass(9, resolve, listing, {"vector": NAMES})
