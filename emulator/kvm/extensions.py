"""KVM's ISA extension ids: which host extension stands behind each, and what user space may do with it.

Source: arch/riscv/include/uapi/asm/kvm.h (the order is the ABI) and the enable and disable rules of arch/riscv/kvm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from emulator.kvm.host import Host
from emulator.kvm.profiles import Profile

Rule: TypeAlias = Callable[[Host, Profile], bool]
"""Whether a host's KVM allows something."""


def _always(host: Host, profile: Profile) -> bool:
    return True


def _never(host: Host, profile: Profile) -> bool:
    return False


def _with_hardware_ad(host: Host, profile: Profile) -> bool:
    """Only where the host's own kernel lets the hardware update A and D bits can a guest have the choice."""
    return host.hardware_ad


def _with_ssaia(host: Host, profile: Profile) -> bool:
    return host.has("ssaia")


def _with_smstateen(host: Host, profile: Profile) -> bool:
    return host.has("smstateen")


def _if_smnpm_is_hideable(host: Host, profile: Profile) -> bool:
    return profile.smnpm_hideable


@dataclass(frozen=True, slots=True)
class KvmExtension:
    """One ISA extension id.

    Attributes:
        name: The guest's extension, in lower case; the register is `isa_ext.<name>`.
        host: The host's extension without which the id does not exist.
        enable: Whether user space may switch it on. What may be, is on in a new vcpu.
        disable: Whether user space may switch it off.
    """

    name: str
    host: str
    enable: Rule = _always
    disable: Rule = _never


def _plain(names: str) -> tuple[KvmExtension, ...]:
    """Extensions that are on where the host has them, and that nothing can switch off."""
    return tuple(KvmExtension(name, name) for name in names.split())


KVM_EXTENSIONS: Final = (
    *_plain("a c"),
    KvmExtension("d", "d", disable=_always),
    KvmExtension("f", "f", disable=_always),
    KvmExtension("h", "h", enable=_never, disable=_always),
    *_plain("i m"),
    KvmExtension("svpbmt", "svpbmt", disable=_always),
    *_plain("sstc svinval zihintpause"),
    KvmExtension("zicbom", "zicbom", disable=_always),
    KvmExtension("zicboz", "zicboz", disable=_always),
    *_plain("zbb"),
    KvmExtension("ssaia", "ssaia", disable=_with_smstateen),
    KvmExtension("v", "v", disable=_always),
    *_plain("svnapot zba zbs zicntr zicsr zifencei zihpm"),
    KvmExtension("smstateen", "smstateen", disable=_always),
    *_plain("zicond zbc zbkb zbkc zbkx zknd zkne zknh zkr zksed zksh zkt zvbb zvbc zvkb zvkg zvkned zvknha zvknhb"),
    *_plain("zvksed zvksh zvkt zfh zfhmin zihintntl zvfh zvfhmin zfa ztso zacas"),
    KvmExtension("sscofpmf", "sscofpmf", enable=_with_ssaia),
    *_plain("zimop zca zcb zcd zcf zcmop zawrs"),
    KvmExtension("smnpm", "ssnpm", disable=_if_smnpm_is_hideable),  # what VS-mode may use is the host's henvcfg.PMM
    *_plain("ssnpm"),
    KvmExtension("svade", "svade", disable=_with_hardware_ad),
    KvmExtension("svadu", "svadu", enable=_with_hardware_ad, disable=_always),
    *_plain("svvptc zabha ziccrse zaamo zalrsc zicbop zfbfmin zvfbfmin zvfbfwma"),
    KvmExtension("zclsd", "zclsd", disable=_always),
    KvmExtension("zilsd", "zilsd", disable=_always),
    *_plain("zalasr"),
)
"""Every id, which is the place in this table."""

IDS: Final = {extension.name: index for index, extension in enumerate(KVM_EXTENSIONS)}


def find_extension(index: int, host: Host, profile: Profile) -> KvmExtension | None:
    """The extension with an id, if this host's KVM knows it."""
    if not 0 <= index < profile.isa_ids:
        return None
    extension = KVM_EXTENSIONS[index]
    return extension if host.has(extension.host) else None


def known_extensions(host: Host, profile: Profile) -> dict[int, KvmExtension]:
    """Every extension that this host's KVM knows, by id."""
    found = ((index, find_extension(index, host, profile)) for index in range(profile.isa_ids))
    return {index: extension for index, extension in found if extension is not None}


def initial_isa(host: Host, profile: Profile) -> set[str]:
    """The ISA of a new vcpu: all that may be enabled."""
    return {extension.name for extension in known_extensions(host, profile).values() if extension.enable(host, profile)}
