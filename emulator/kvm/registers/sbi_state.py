"""SBI_STATE registers: what SBI extensions keep for a guest: steal time and firmware features."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from emulator.kvm.errors import KvmError
from emulator.kvm.registers.access import U64, Access, Named, RegisterClass, Request, absent, invalid, subtyped
from emulator.kvm.sbi.errors import SbiRefusal
from emulator.kvm.sbi.extensions import Status
from emulator.kvm.sbi.fwft import LOCK, FeatureState

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

STA: Final = 0
FWFT: Final = 1
OWNERS: Final = {STA: "sta", FWFT: "fwft"}
"""The SBI extension that owns a subtype."""

STA_NAMES: Final = subtyped(STA, "shmem_lo shmem_hi")
PARTS: Final = ("enable", "flags", "value")
"""The three registers of a firmware feature."""
FEATURE_ORDER: Final = ("misaligned_deleg", "pointer_masking", "pte_ad_hw_updating")
FWFT_NAMES: Final = subtyped(FWFT, " ".join(f"{feature}.{part}" for feature in FEATURE_ORDER for part in PARTS))

STA_DISABLED: Final = (1 << 64) - 1
STA_ALIGNMENT: Final = 64


def resolve(vcpu: Vcpu, request: Request) -> Access:
    """Find an SBI_STATE register.

    Raises:
        KvmError: EINVAL for a wrong size, a subtype without owner or an extension that is not enabled; ENOENT where
            there is no such register, which old kernels call EINVAL, too.
    """
    if request.size != U64:
        raise invalid(f"SBI_STATE registers have {U64} bytes, and the id says {request.size}")
    if not vcpu.profile.extension_states:
        return _resolve_old(vcpu, request)
    owner = OWNERS.get(request.subtype)
    if owner is None or vcpu.sbi.get(owner) is not Status.ENABLED:
        raise invalid(f"no enabled SBI extension has state with subtype {request.subtype}")
    access = _sta(vcpu, request.index) if request.subtype == STA else _fwft(vcpu, request.index)
    if access is None:
        raise absent(f"SBI_STATE register {request.index:#x} with subtype {request.subtype}")
    return access


def _resolve_old(vcpu: Vcpu, request: Request) -> Access:
    access = _sta(vcpu, request.index) if request.subtype == STA else None
    if access is None:
        raise invalid(f"there is no SBI_STATE register {request.index:#x} with subtype {request.subtype}")
    return access


def listing(vcpu: Vcpu) -> Iterable[Named]:
    """The state of extensions that are enabled; of firmware features, of those that the vcpu can have."""
    if vcpu.sbi.get("sta") is Status.ENABLED:
        yield from STA_NAMES
    if vcpu.sbi.get("fwft") is Status.ENABLED:
        for index, state in enumerate(vcpu.fwft.states):
            if vcpu.fwft.is_supported(state):
                yield from FWFT_NAMES[len(PARTS) * index :][: len(PARTS)]


def _sta(vcpu: Vcpu, index: int) -> Access | None:
    if index == 0:
        return Access(lambda: vcpu.sta_address, lambda value: _set_sta_address(vcpu, value))
    if index == 1:
        return Access(lambda: 0, _set_sta_high)
    return None


def _set_sta_address(vcpu: Vcpu, value: int) -> None:
    if vcpu.profile.sta_aligned and value != STA_DISABLED and value % STA_ALIGNMENT:
        raise invalid(f"sbi_sta.shmem_lo: {value:#x} is not aligned to {STA_ALIGNMENT} bytes")
    vcpu.sta_address = value


def _set_sta_high(value: int) -> None:
    if value != 0:
        raise invalid("sbi_sta.shmem_hi is 0 on a 64-bit host")


def _fwft(vcpu: Vcpu, index: int) -> Access | None:
    number, part = divmod(index, len(PARTS))
    if number >= len(vcpu.fwft.states) or not vcpu.fwft.is_supported(vcpu.fwft.states[number]):
        return None
    state = vcpu.fwft.states[number]
    match PARTS[part]:
        case "enable":
            return Access(lambda: int(state.enabled), lambda value: _set_enable(state, value))
        case "flags":
            return Access(lambda: state.flags, lambda value: _set_flags(state, value))
    return Access(lambda: state.feature.get(vcpu), lambda value: _set_value(vcpu, state, value))


def _set_enable(state: FeatureState, value: int) -> None:
    if value not in (0, 1):
        raise invalid(f"sbi_fwft.{state.feature.name}.enable is 0 or 1, not {value}")
    state.enabled = bool(value)


def _set_flags(state: FeatureState, value: int) -> None:
    state.flags = value & LOCK


def _set_value(vcpu: Vcpu, state: FeatureState, value: int) -> None:
    """As the guest's call, but neither a lock nor `enable` stands in the way. It takes effect at the next entry."""
    try:
        state.feature.set(vcpu, value)
        vcpu.reconfigure()
    except SbiRefusal as refusal:
        name = state.feature.name
        raise KvmError(refusal.errno, f"sbi_fwft.{name}.value cannot become {value}") from refusal


CLASS: Final = RegisterClass(10, resolve, listing, {"sbi_sta": STA_NAMES, "sbi_fwft": FWFT_NAMES})
