"""Linux's KVM for RISC-V, emulated: the hypervisor of the machine, with KVM's own interface as a Python API.

`Kvm` is the kernel on a host, `Vm` a virtual machine, `Vcpu` one of its processors:

    kvm = Kvm(parse_isa("rv64imafdch_sstc_ssnpm"), "linux-7.2")
    vm = kvm.create_vm()
    vcpu = vm.create_vcpu(0)
    vcpu.set_one_reg("isa_ext.smnpm", 0)
    vcpu.get_one_reg("csr.senvcfg")

What the kernel would refuse raises `KvmError` with the kernel's errno, and changes nothing.
"""

from __future__ import annotations

from emulator.kvm.errors import KvmError
from emulator.kvm.exits import (
    BudgetExit,
    CsrExit,
    DebugExit,
    FailEntryExit,
    InterruptedExit,
    MmioExit,
    SbiExit,
    SystemEventExit,
    VcpuExit,
)
from emulator.kvm.host import Host, parse_isa
from emulator.kvm.profiles import DEFAULT, PROFILES, Profile, find_profile
from emulator.kvm.statefile import StateError
from emulator.kvm.system import Kvm
from emulator.kvm.vcpu import MpState, Vcpu
from emulator.kvm.vm import Vm
from emulator.kvm.world import WorldOptions

__all__ = [
    "DEFAULT",
    "PROFILES",
    "BudgetExit",
    "CsrExit",
    "DebugExit",
    "FailEntryExit",
    "Host",
    "InterruptedExit",
    "Kvm",
    "KvmError",
    "MmioExit",
    "MpState",
    "Profile",
    "SbiExit",
    "StateError",
    "SystemEventExit",
    "Vcpu",
    "VcpuExit",
    "Vm",
    "WorldOptions",
    "find_profile",
    "parse_isa",
]
