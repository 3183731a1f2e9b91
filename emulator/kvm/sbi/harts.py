"""How SBI calls name a set of harts: a mask and the number of its first bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

ALL: Final = (1 << 64) - 1


def named_harts(vcpu: Vcpu, mask: int, base: int) -> list[Vcpu]:
    """The vcpus that a call names; a base of all ones names every one, and a bit that no vcpu has names none.

    Args:
        vcpu: Who calls.
        mask: Bit n is hart `base + n`.
        base: The first hart.
    """
    vcpus = vcpu.vm.vcpus
    if base == ALL:
        return list(vcpus.values())
    numbers = (base + bit for bit in range(64) if mask >> bit & 1)
    return [vcpus[number] for number in numbers if number in vcpus]


def all_named(vcpu: Vcpu, mask: int, base: int) -> bool:
    """Whether every bit of a mask names a vcpu."""
    return base == ALL or len(named_harts(vcpu, mask, base)) == mask.bit_count()
