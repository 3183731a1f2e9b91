"""A virtual machine: its vcpus, its memory and its time."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from emulator.kvm.errors import KvmError
from emulator.kvm.vcpu import Vcpu

if TYPE_CHECKING:
    from emulator.kvm.system import Kvm


class Vm:
    """A virtual machine. Made by `Kvm.create_vm`.

    Attributes:
        kvm: The host's KVM.
        vcpus: By number.
        mp_state_reset: Whether the capability MP_STATE_RESET has been enabled.
    """

    def __init__(self, kvm: Kvm, max_vcpus: int) -> None:
        self.kvm = kvm
        self.vcpus: dict[int, Vcpu] = {}
        self.mp_state_reset = False
        self._max_vcpus = max_vcpus
        self._delta = 0

    def create_vcpu(self, number: int) -> Vcpu:
        """Make a vcpu.

        Raises:
            KvmError: EINVAL for a number that is too large, EEXIST for one that is taken.
        """
        if not 0 <= number < self._max_vcpus:
            raise KvmError(
                errno.EINVAL, f"vcpu {number}: this virtual machine has room for {self._max_vcpus}, from 0 on"
            )
        if number in self.vcpus:
            raise KvmError(errno.EEXIST, f"vcpu {number} exists")
        vcpu = self.vcpus[number] = Vcpu(self, number)
        return vcpu

    def enable_mp_state_reset(self) -> None:
        """KVM_CAP_RISCV_MP_STATE_RESET: let user space reset vcpus.

        Raises:
            KvmError: EINVAL where the kernel does not have it.
        """
        if not self.kvm.profile.mp_state_reset:
            raise KvmError(errno.EINVAL, f"{self.kvm.profile.name} has no capability MP_STATE_RESET")
        self.mp_state_reset = True

    # Time.

    @property
    def time(self) -> int:
        """The guest's `time`: the host's, and a distance that user space chooses. It begins at 0."""
        return self.host_time + self._delta & (1 << 64) - 1

    @property
    def host_time(self) -> int:
        """The host's `time`, in ticks."""
        return 0

    def set_time(self, value: int) -> None:
        """Let the guest's time be `value` now, for all vcpus."""
        self._delta = value - self.host_time
