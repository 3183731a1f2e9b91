"""FP_F and FP_D registers.

Both look at one piece of kernel memory, a union: with single precision, 32 words of 32 bits and then `fcsr`; with
double precision, 32 words of 64 bits and then `fcsr`. A vcpu that has D keeps the second layout, another one the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from emulator.kvm.registers.access import U32, U64, Access, Named, RegisterClass, Request, absent, demand_size

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

FCSR: Final = 32
NAN_BOX: Final = 0xFFFF_FFFF << 32
"""What lies above single precision in a register that could hold more."""
SINGLE: Final = (*(Named(f"f{index}", index, U32) for index in range(32)), Named("fcsr", FCSR, U32))
DOUBLE: Final = (*(Named(f"f{index}", index, U64) for index in range(32)), Named("fcsr", FCSR, U32))


def resolve_single(vcpu: Vcpu, request: Request) -> Access:
    """Find an FP_F register.

    Raises:
        KvmError: ENOENT without F or where there is none, EINVAL for a wrong size.
    """
    if not vcpu.has("f"):
        raise absent("FP_F register in a vcpu without F")
    demand_size(request, U32, "FP_F")
    if request.number > FCSR:
        raise absent(f"FP_F register {request.number:#x}")
    return _word(vcpu, request.number) if vcpu.has("d") else _single(vcpu, request.number)


def resolve_double(vcpu: Vcpu, request: Request) -> Access:
    """Find an FP_D register.

    Raises:
        KvmError: ENOENT without D or where there is none, EINVAL for a wrong size.
    """
    index = request.number
    if not vcpu.has("d") or index > FCSR:
        raise absent(f"FP_D register {index:#x}" if vcpu.has("d") else "FP_D register in a vcpu without D")
    demand_size(request, DOUBLE[index].size, "FP_D")
    if index == FCSR:
        return _word(vcpu, 2 * FCSR)
    low, high = _word(vcpu, 2 * index), _word(vcpu, 2 * index + 1)

    def write(value: int) -> None:
        low.set(value & 0xFFFF_FFFF)
        high.set(value >> 32)

    return Access(lambda: high.get() << 32 | low.get(), write)


def _single(vcpu: Vcpu, index: int) -> Access:
    """A register of a vcpu without D, which KVM restores as single precision (`kvm_riscv_vcpu_guest_fp_restore`)."""
    name, boxed = ("fcsr", 0) if index == FCSR else (f"f{index}", NAN_BOX)
    return Access(
        lambda: vcpu.context.get(name) & 0xFFFF_FFFF, lambda value: vcpu.context.put(name, boxed | value & 0xFFFF_FFFF)
    )


def _word(vcpu: Vcpu, index: int) -> Access:
    """A 32-bit word of the union."""
    return Access(lambda: vcpu.context.fp_word(index), lambda value: vcpu.context.set_fp_word(index, value))


def list_single(vcpu: Vcpu) -> Iterable[Named]:
    """All, if the vcpu has F."""
    return SINGLE if vcpu.has("f") else ()


def list_double(vcpu: Vcpu) -> Iterable[Named]:
    """All, if the vcpu has D."""
    return DOUBLE if vcpu.has("d") else ()


CLASS_SINGLE: Final = RegisterClass(5, resolve_single, list_single, {"fp_f": SINGLE})
CLASS_DOUBLE: Final = RegisterClass(6, resolve_double, list_double, {"fp_d": DOUBLE})
