"""Kernel versions as data: what differs between the KVMs of Linux 6.12, 6.13, 6.18 and 7.2.

Sources: the behaviour recorded from Linux 6.12.107 and 7.2.13; for what lies between, the change logs and patches of
arch/riscv/kvm. Ids of extensions are only ever appended, so the number of ids says which ones a kernel knows.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace
from typing import Final

from emulator.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Profile:
    """One kernel's rules.

    Attributes:
        name: As `-accel kvm,kernel=` spells it.
        version: Version, patch level, sublevel, as SBI's implementation version shows them.
        isa_ids: How many ISA extension ids there are.
        sbi_ids: How many SBI extension ids there are.
        sbi_version: Major and minor version of the SBI specification that guests are told.
        smnpm_hideable: Whether user space may disable SMNPM.
        block_sizes_by_host: Whether a cache block size register exists by the host's ISA, not the vcpu's.
        zicbop_block_size: Whether there is a register for the block size of prefetches.
        zero_block_size: Whether writing 0 to a block size is accepted (and ignored).
        sstateen_error: The errno for an Smstateen register that does not exist.
        sstateen_by_host: Whether `sstateen0` exists by the host's ISA, not the vcpu's.
        local_interrupts: How many interrupt numbers are local: what lies above shows in `sip` unshifted.
        scounteren: Reset value of `scounteren`.
        extension_states: Whether SBI_STATE asks the SBI extension that owns a register (6.18's rework).
        sta_aligned: Whether the steal-time address must be aligned to 64 bytes.
        fwft_features: Firmware features that KVM implements, in order of their registers.
        fwft_latched: Whether a feature's support is decided at vcpu creation, for good.
        fwft_lock_first: Whether a refused set that asks for the lock still locks.
        hfence_ignored: Whether SBI's remote HFENCE calls succeed and do nothing, instead of being refused.
        console_checked: Whether the kernel itself refuses unknown functions of the debug console.
        function_error: SBI error of an unknown function of TIME and IPI.
        ipi_checks_harts: Whether an IPI to a hart that does not exist is an error.
        illegal_delegated: Whether illegal instructions go to the guest without passing through KVM.
        faults_reflected: Whether KVM passes access and misaligned faults on to the guest, instead of failing the run.
        mp_state_reset: Whether user space can ask to reset a vcpu with the state INIT_RECEIVED.
    """

    name: str
    version: tuple[int, int, int]
    isa_ids: int
    sbi_ids: int
    sbi_version: tuple[int, int] = (3, 0)
    smnpm_hideable: bool = True
    block_sizes_by_host: bool = True
    zicbop_block_size: bool = True
    zero_block_size: bool = False
    sstateen_error: int = errno.EINVAL
    sstateen_by_host: bool = True
    local_interrupts: int = 14
    scounteren: int = 0
    extension_states: bool = True
    sta_aligned: bool = False
    fwft_features: tuple[str, ...] = ()
    fwft_latched: bool = False
    fwft_lock_first: bool = False
    hfence_ignored: bool = False
    console_checked: bool = False
    function_error: int = -2
    ipi_checks_harts: bool = True
    illegal_delegated: bool = True
    faults_reflected: bool = True
    mp_state_reset: bool = True

    @property
    def version_code(self) -> int:
        """LINUX_VERSION_CODE."""
        major, minor, sublevel = self.version
        return major << 16 | minor << 8 | min(sublevel, 255)


LINUX_6_12: Final = Profile(
    "linux-6.12",
    (6, 12, 107),
    isa_ids=62,
    sbi_ids=11,
    sbi_version=(2, 0),
    smnpm_hideable=False,
    block_sizes_by_host=False,
    zicbop_block_size=False,
    scounteren=7,
    extension_states=False,
    hfence_ignored=True,
    console_checked=True,
    function_error=-3,
    ipi_checks_harts=False,
    illegal_delegated=False,
    faults_reflected=False,
    mp_state_reset=False,
)

PROFILES: Final = (
    LINUX_6_12,
    replace(LINUX_6_12, name="linux-6.13", version=(6, 13, 0), isa_ids=66),
    Profile(
        "linux-6.18",
        (6, 18, 0),
        isa_ids=75,
        sbi_ids=13,
        fwft_features=("misaligned_deleg", "pointer_masking"),
        fwft_latched=True,
        fwft_lock_first=True,
        console_checked=True,
    ),
    Profile(
        "linux-7.2",
        (7, 2, 13),
        isa_ids=78,
        sbi_ids=14,
        zero_block_size=True,
        sstateen_error=errno.ENOENT,
        sstateen_by_host=False,
        local_interrupts=64,
        sta_aligned=True,
        fwft_features=("misaligned_deleg", "pointer_masking", "pte_ad_hw_updating"),
    ),
)
"""Every profile, oldest first."""

DEFAULT: Final = PROFILES[-1]

BY_NAME: Final = {profile.name: profile for profile in PROFILES}


def find_profile(name: str) -> Profile:
    """The profile of that name.

    Raises:
        ConfigError: If there is none.
    """
    if name not in BY_NAME:
        raise ConfigError(f"kernel: there is no kernel profile '{name}'; there are: {', '.join(BY_NAME)}")
    return BY_NAME[name]
