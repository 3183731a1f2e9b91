"""`kvm`: the emulated KVM under the guest; and `sbi`, the guest's calls. A bare machine's run imports nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rvgdb.monitor.command import Command, MonitorError, Scene

if TYPE_CHECKING:
    from emulator.kvm import Vm


def find_vm(scene: Scene) -> Vm:
    """The virtual machine.

    Raises:
        MonitorError: On a bare machine.
    """
    if scene.vm is None:
        raise MonitorError("there is no KVM: this is the bare machine; run the guest with -accel kvm")
    return scene.vm


def kvm(scene: Scene, rest: str) -> str:
    """Tell what there is, list or set registers of the selected vcpu, or show the exits.

    Raises:
        MonitorError: On a bare machine, for what is none of these, and for what KVM refuses.
    """
    vm = find_vm(scene)
    from rvgdb.monitor.vcpus import tell

    return tell(scene, vm, rest)


def sbi(scene: Scene, rest: str) -> str:
    """The last SBI calls, oldest first.

    Raises:
        MonitorError: On a bare machine, or when the count is none.
    """
    vm = find_vm(scene)
    from rvgdb.monitor.vcpus import calls

    return calls(vm, rest)


KVM = Command(
    ("kvm",), "[regs [pattern]|set id value|exits [count]]", "show the emulated KVM: its registers and exits", kvm
)
SBI = Command(("sbi",), "[count]", "show the guest's last SBI calls, decoded", sbi)
