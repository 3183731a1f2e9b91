"""User space of the emulated KVM: what QEMU is to a real one. It makes the vcpus, loads the guest and is its devices.

`GuestMachine` is a `Machine` to whoever drives it, with a guest in VS-mode where a bare machine has its firmware.
"""

from emulator.vmm.config import GuestConfig, parse_host_cpu
from emulator.vmm.machine import GuestMachine

__all__ = ["GuestConfig", "GuestMachine", "parse_host_cpu"]
