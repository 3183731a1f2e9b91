"""How SBI calls name a set of harts: a mask and the number of its first bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.kvm.sbi.errors import SbiError, SbiRefusal

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

ALL: Final = (1 << 64) - 1


def named_harts(vcpu: Vcpu, mask: int, base: int, *, strict: bool) -> list[Vcpu]:
    """The vcpus that a call names; a base of all ones names every one.

    Args:
        vcpu: Who calls.
        mask: Bit n is hart `base + n`.
        base: The first hart.
        strict: Refuse a bit that no vcpu has, instead of passing it over.

    Raises:
        SbiRefusal: INVALID_PARAM where `strict` finds one.
    """
    vcpus = vcpu.vm.vcpus
    if base == ALL:
        return list(vcpus.values())
    numbers = [base + bit for bit in range(64) if mask >> bit & 1]
    if strict and any(number not in vcpus for number in numbers):
        raise SbiRefusal(SbiError.INVALID_PARAM)
    return [vcpus[number] for number in numbers if number in vcpus]
