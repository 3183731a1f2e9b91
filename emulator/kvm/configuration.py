"""What the hypervisor's CSRs hold for a vcpu, as its ISA demands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

HENVCFG_BITS: Final = (
    ("svpbmt", 1 << 62),  # PBMTE
    ("sstc", 1 << 63),  # STCE
    ("zicbom", 0b11 << 4 | 1 << 6),  # CBIE: as it says, not as a flush; CBCFE
    ("zicboz", 1 << 7),  # CBZE
)
"""`henvcfg` bits that an extension of the vcpu sets. PMM is not among them: it is the guest's to ask for."""

HENVCFG_ADUE: Final = 1 << 61

HSTATEEN0_ENVCFG: Final = 1 << 62
HSTATEEN0_BITS: Final = (
    ("ssaia", 0b111 << 58),  # IMSIC, AIA, CSRIND
    ("smstateen", 1 << 63),  # SE0
)

DELEGATED: Final = 1 << 0 | 1 << 3 | 1 << 8 | 1 << 12 | 1 << 13 | 1 << 15
"""`hedeleg`: misaligned fetch, breakpoint, ecall from VU, page faults."""
ILLEGAL_INSTRUCTION: Final = 1 << 2
BREAKPOINT: Final = 1 << 3

VS_INTERRUPTS: Final = 1 << 2 | 1 << 6 | 1 << 10
HCOUNTEREN_TIME: Final = 1 << 1


@dataclass(slots=True)
class VcpuConfig:
    """What the hypervisor's CSRs hold for a vcpu, and the machine ids that its guest is told.

    Attributes:
        ids: `mvendorid`, `marchid` and `mimpid`.
        hedeleg: Exceptions that go to the guest.
        hideleg: Interrupts that do.
        hcounteren: Counters that the guest reads without KVM.
        henvcfg: What VS-mode may do.
        hstateen0: What state it may see.
    """

    ids: dict[str, int]
    hedeleg: int = DELEGATED
    hideleg: int = VS_INTERRUPTS
    hcounteren: int = HCOUNTEREN_TIME
    henvcfg: int = 0
    hstateen0: int = 0


def make_config(vcpu: Vcpu) -> VcpuConfig:
    """The configuration of a new vcpu."""
    config = VcpuConfig({name: getattr(vcpu.host, name) for name in ("mvendorid", "marchid", "mimpid")})
    if vcpu.profile.illegal_delegated:
        config.hedeleg |= ILLEGAL_INSTRUCTION
    return config


def settle(vcpu: Vcpu) -> None:
    """At the first run: what the ISA demands is added to what user space may have set before."""
    config = vcpu.config
    for extension, bits in HENVCFG_BITS:
        if vcpu.has(extension):
            config.henvcfg |= bits
    if vcpu.has("svadu") and not vcpu.has("svade"):
        config.henvcfg |= HENVCFG_ADUE
    if vcpu.host.has("smstateen"):
        config.hstateen0 |= HSTATEEN0_ENVCFG
        for extension, bits in HSTATEEN0_BITS:
            if vcpu.has(extension):
                config.hstateen0 |= bits
