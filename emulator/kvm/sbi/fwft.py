"""SBI FWFT, firmware features: what VS-mode may switch in the hypervisor's CSRs, above all pointer masking.

The guest calls set and get; user space reads and writes the same state as ONE_REG registers (SBI_STATE, subtype 1).
Sources: SBI specification 3.0, chapter "Firmware Features Extension"; arch/riscv/kvm/vcpu_sbi_fwft.c.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from emulator.kvm.sbi.call import Answer, Outcome, SbiCall
from emulator.kvm.sbi.errors import SbiError, SbiRefusal

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

LOCK: Final = 1
"""Flag of a set call: no later call changes the feature until the hart is reset."""

PTE_AD_HW_UPDATING: Final = 4
STANDARD: Final = range(6)
"""Ids that the specification defines; all others are reserved or the platform's."""

HENVCFG_PMM_SHIFT: Final = 32
HENVCFG_PMM: Final = 3 << HENVCFG_PMM_SHIFT
HENVCFG_ADUE: Final = 1 << 61
PMM_OF: Final = {0: 0b00, 7: 0b10, 16: 0b11}
"""`henvcfg.PMM` for a PMLEN; 0b01 is reserved (Smnpm, chapter "Pointer Masking")."""
HEDELEG_MISALIGNED: Final = 1 << 4 | 1 << 6

Supported: TypeAlias = "Callable[[Vcpu], bool]"
Getter: TypeAlias = "Callable[[Vcpu], int]"
Setter: TypeAlias = "Callable[[Vcpu, int], None]"


@dataclass(frozen=True, slots=True)
class Feature:
    """A firmware feature that KVM implements.

    Attributes:
        id: The specification's number.
        name: The registers are `sbi_fwft.<name>.enable`, `.flags` and `.value`.
        supported: Whether a vcpu can have it.
        get: Its value.
        set: Changes the value; raises `SbiRefusal` for one that cannot be.
    """

    id: int
    name: str
    supported: Supported
    get: Getter
    set: Setter


@dataclass(slots=True)
class FeatureState:
    """A feature in one vcpu.

    Attributes:
        feature: Which one.
        supported: Whether it was when the vcpu was made.
        enabled: The `enable` register: user space can withhold the feature.
        flags: The `flags` register; bit 0 is the lock.
    """

    feature: Feature
    supported: bool
    enabled: bool
    flags: int = 0


def _misaligned_supported(vcpu: Vcpu) -> bool:
    return vcpu.host.misaligned_delegation


def _get_misaligned(vcpu: Vcpu) -> int:
    return int(vcpu.config.hedeleg & HEDELEG_MISALIGNED == HEDELEG_MISALIGNED)


def _set_misaligned(vcpu: Vcpu, value: int) -> None:
    _demand_bit(value)
    vcpu.config.hedeleg = _with(vcpu.config.hedeleg, HEDELEG_MISALIGNED, HEDELEG_MISALIGNED if value else 0)


def _pointer_masking_supported(vcpu: Vcpu) -> bool:
    return vcpu.has("smnpm") and bool(vcpu.host.pmlens)


def _get_pmlen(vcpu: Vcpu) -> int:
    pmm = (vcpu.config.henvcfg & HENVCFG_PMM) >> HENVCFG_PMM_SHIFT
    return next(pmlen for pmlen, encoding in PMM_OF.items() if encoding == pmm)


def _set_pmlen(vcpu: Vcpu, value: int) -> None:
    """Exactly the values that the hardware took: there is no rounding up."""
    if value != 0 and value not in vcpu.host.pmlens:
        raise SbiRefusal(SbiError.INVALID_PARAM)
    vcpu.config.henvcfg = _with(vcpu.config.henvcfg, HENVCFG_PMM, PMM_OF[value] << HENVCFG_PMM_SHIFT)


def _adue_supported(vcpu: Vcpu) -> bool:
    return vcpu.has("svadu") and vcpu.has("svade")


def _get_adue(vcpu: Vcpu) -> int:
    return int(bool(vcpu.config.henvcfg & HENVCFG_ADUE))


def _set_adue(vcpu: Vcpu, value: int) -> None:
    _demand_bit(value)
    vcpu.config.henvcfg = _with(vcpu.config.henvcfg, HENVCFG_ADUE, HENVCFG_ADUE if value else 0)


def _demand_bit(value: int) -> None:
    if value not in (0, 1):
        raise SbiRefusal(SbiError.INVALID_PARAM)


def _with(word: int, mask: int, bits: int) -> int:
    return word & ~mask | bits


FEATURES: Final = {
    feature.name: feature
    for feature in (
        Feature(0, "misaligned_deleg", _misaligned_supported, _get_misaligned, _set_misaligned),
        Feature(5, "pointer_masking", _pointer_masking_supported, _get_pmlen, _set_pmlen),
        Feature(PTE_AD_HW_UPDATING, "pte_ad_hw_updating", _adue_supported, _get_adue, _set_adue),
    )
}


class Fwft:
    """The firmware features of one vcpu.

    Args:
        vcpu: Whose.

    Attributes:
        states: One a feature that this kernel implements, in order of their registers.
    """

    def __init__(self, vcpu: Vcpu) -> None:
        self._vcpu = vcpu
        features = [FEATURES[name] for name in vcpu.profile.fwft_features]
        supported = [feature.supported(vcpu) for feature in features]
        self.states = [FeatureState(feature, here, here) for feature, here in zip(features, supported, strict=True)]

    def is_supported(self, state: FeatureState) -> bool:
        """Whether the vcpu can have a feature now; some kernels decided that when the vcpu was made."""
        return state.supported if self._vcpu.profile.fwft_latched else state.feature.supported(self._vcpu)

    def reset(self) -> None:
        """As a hart reset does: nothing locked, every value 0, also of what has been hidden since.

        Only ADUE is left alone where it is not the guest's: there the vcpu's ISA decides (`kvm_sbi_ext_fwft_reset`).
        """
        for state in self.states:
            state.flags = 0
            if state.feature.id != PTE_AD_HW_UPDATING or self.is_supported(state):
                state.feature.set(self._vcpu, 0)

    def get(self, number: int) -> int:
        """`sbi_fwft_get`.

        Raises:
            SbiRefusal: If there is no such feature.
        """
        state = self._find(number)
        return state.feature.get(self._vcpu)

    def set(self, number: int, value: int, flags: int) -> None:
        """`sbi_fwft_set`, in the kernel's order of checks.

        Raises:
            SbiRefusal: If the feature, the value or the flags are refused, or the feature is locked.
        """
        state = self._find(number)
        if flags & ~LOCK:
            raise SbiRefusal(SbiError.INVALID_PARAM)
        if state.flags & LOCK:
            raise SbiRefusal(SbiError.DENIED_LOCKED)
        if self._vcpu.profile.fwft_lock_first:
            state.flags = flags
        state.feature.set(self._vcpu, value)
        state.flags = flags
        self._vcpu.reconfigure()

    def _find(self, number: int) -> FeatureState:
        number &= 0xFFFF_FFFF
        for state in self.states:
            if state.feature.id == number:
                if state.enabled and self.is_supported(state):
                    return state
                raise SbiRefusal(SbiError.NOT_SUPPORTED)
        raise SbiRefusal(SbiError.NOT_SUPPORTED if number in STANDARD else SbiError.DENIED)


def handle(vcpu: Vcpu, call: SbiCall) -> Outcome:
    """Answer a call of the guest's.

    Raises:
        SbiRefusal: For an unknown function, or what `Fwft.get` and `Fwft.set` refuse.
    """
    match call.function:
        case 0:
            vcpu.fwft.set(call.args[0], call.args[1], call.args[2])
            return Answer()
        case 1:
            return Answer(value=vcpu.fwft.get(call.args[0]))
    raise SbiRefusal(SbiError.NOT_SUPPORTED)
