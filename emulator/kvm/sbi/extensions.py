"""KVM's SBI extension ids: which extension each switches, and how a new vcpu starts.

Source: `enum KVM_RISCV_SBI_EXT_ID` of the kernel's interface, and the extension ids of the SBI specification.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from emulator.kvm.host import Host
from emulator.kvm.profiles import Profile

Condition: TypeAlias = Callable[[Host], bool]


class Status(Enum):
    """State of an SBI extension in a vcpu."""

    UNAVAILABLE = "unavailable"
    DISABLED = "disabled"
    ENABLED = "enabled"


def _always(host: Host) -> bool:
    return True


def _with_pmu(host: Host) -> bool:
    return host.pmu


def _with_statistics(host: Host) -> bool:
    return host.scheduler_statistics


@dataclass(frozen=True, slots=True)
class SbiExtension:
    """One SBI extension id.

    Attributes:
        name: The register is `sbi_ext.<name>`.
        default: Whether a new vcpu has it enabled.
        available: Whether the host offers it at all.
    """

    name: str
    default: bool = True
    available: Condition = _always


SBI_EXTENSIONS: Final = (
    SbiExtension("v01"),
    SbiExtension("time"),
    SbiExtension("ipi"),
    SbiExtension("rfence"),
    SbiExtension("srst"),
    SbiExtension("hsm"),
    SbiExtension("pmu", available=_with_pmu),
    SbiExtension("experimental"),
    SbiExtension("vendor"),
    SbiExtension("dbcn", default=False),
    SbiExtension("sta", available=_with_statistics),
    SbiExtension("susp", default=False),
    SbiExtension("fwft"),
    SbiExtension("mpxy", default=False),
)
"""Every id, which is the place in this table. The base extension has none: it is always there."""

SBI_IDS: Final = {extension.name: index for index, extension in enumerate(SBI_EXTENSIONS)}


def initial_statuses(host: Host, profile: Profile) -> dict[str, Status]:
    """The state of every SBI extension of a new vcpu, in order of the ids."""
    return {extension.name: _initial(extension, host) for extension in SBI_EXTENSIONS[: profile.sbi_ids]}


def _initial(extension: SbiExtension, host: Host) -> Status:
    if not extension.available(host):
        return Status.UNAVAILABLE
    return Status.ENABLED if extension.default else Status.DISABLED
