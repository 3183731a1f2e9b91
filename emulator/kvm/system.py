"""The emulated KVM of a host: `/dev/kvm`."""

from __future__ import annotations

import errno
from collections.abc import Set as AbstractSet
from typing import Final

from emulator.kvm.errors import KvmError
from emulator.kvm.host import Host, parse_isa
from emulator.kvm.profiles import DEFAULT, Profile, find_profile
from emulator.kvm.vm import Vm
from emulator.kvm.world import WorldOptions

API_VERSION: Final = 12
MAX_VCPUS: Final = 8
HOST_MEMORY: Final = 256 << 20
DEFAULT_OPTIONS: Final = WorldOptions()


class Kvm:
    """A kernel with KVM on a host.

    Args:
        host: The hardware, or only its ISA: a set of extensions, or a string such as `rv64imafdch_sstc_ssnpm`.
        profile: The kernel, or its name.

    Raises:
        ConfigError: For an ISA string that cannot be read or a kernel that there is no profile of.
        KvmError: ENODEV on a host without the hypervisor extension.
    """

    def __init__(self, host: Host | AbstractSet[str] | str, profile: Profile | str = DEFAULT) -> None:
        self.host = _make_host(host)
        self.profile = find_profile(profile) if isinstance(profile, str) else profile
        if not self.host.has("h"):
            raise KvmError(errno.ENODEV, "the host has no hypervisor extension (H), so there is no KVM")

    @property
    def api_version(self) -> int:
        """KVM_GET_API_VERSION."""
        return API_VERSION

    def create_vm(
        self, *, max_vcpus: int = MAX_VCPUS, host_memory: int = HOST_MEMORY, options: WorldOptions = DEFAULT_OPTIONS
    ) -> Vm:
        """Make a virtual machine.

        Args:
            max_vcpus: Room for so many vcpus.
            host_memory: Bytes of memory that all its slots together may have.
            options: How the machine under it is run.
        """
        return Vm(self, max_vcpus, host_memory, options)


def _make_host(host: Host | AbstractSet[str] | str) -> Host:
    if isinstance(host, Host):
        return host
    return Host(parse_isa(host) if isinstance(host, str) else frozenset(host))
