"""CORE registers: pc, the integer registers, and the mode that the vcpu is in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from emulator.kvm.registers.access import (
    U64,
    Access,
    Named,
    RegisterClass,
    Request,
    absent,
    demand_size,
    subtyped,
)

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

NAMES: Final = subtyped(
    0,
    "pc ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6 mode",
)
"""Index n from 1 to 31 is x*n*."""


def resolve(vcpu: Vcpu, request: Request) -> Access:
    """Find a CORE register.

    Raises:
        KvmError: EINVAL for a wrong size, ENOENT where there is none.
    """
    demand_size(request, U64, "CORE")
    index, context = request.number, vcpu.context
    if index >= len(NAMES):
        raise absent(f"CORE register {index:#x}")
    name = NAMES[index].name
    if name == "mode":
        return Access(lambda: context.get("mode"), lambda value: context.put("mode", int(value == 1)))
    field = "pc" if name == "pc" else f"x{index}"
    return Access(lambda: context.get(field), lambda value: context.put(field, value))


def listing(vcpu: Vcpu) -> Iterable[Named]:
    """All of them."""
    return NAMES


CLASS: Final = RegisterClass(2, resolve, listing, {"core": NAMES})
