"""QEMU's own packets: what a step holds back, and physical addresses."""

from __future__ import annotations

from protocol.replies import Ok, Reply, Text
from protocol.requests import (
    QemuGetPhysicalMode,
    QemuGetStepMask,
    QemuSetPhysicalMode,
    QemuSetStepMask,
    QemuStepBits,
    QemuSupported,
)
from rvgdb.client import Client
from rvgdb.runner import StepMask
from rvgdb.target.api import TargetError


def supported(client: Client, request: QemuSupported) -> Reply:
    """Which of these packets there are."""
    return Text("sstepbits;sstep;PhyMemMode")


def step_bits(client: Client, request: QemuStepBits) -> Reply:
    """What the bits of the step mask mean."""
    return Text(f"ENABLE={StepMask.ENABLE:x},NOIRQ={StepMask.NO_INTERRUPTS:x},NOTIMER={StepMask.NO_TIMER:x}")


def get_step_mask(client: Client, request: QemuGetStepMask) -> Reply:
    """The mask in force."""
    return Text(f"{client.runner.step_mask:#x}")


def set_step_mask(client: Client, request: QemuSetStepMask) -> Reply:
    """Choose the mask.

    Raises:
        TargetError: For bits that mean nothing.
    """
    if request.mask & ~StepMask.ALL:
        raise TargetError(f"the step mask has the bits {StepMask.ALL:#x}, not {request.mask:#x}")
    client.runner.step_mask = request.mask
    return Ok()


def get_physical_mode(client: Client, request: QemuGetPhysicalMode) -> Reply:
    """Whether memory packets use physical addresses."""
    return Text("1" if client.target.memory.physical else "0")


def set_physical_mode(client: Client, request: QemuSetPhysicalMode) -> Reply:
    """Choose virtual or physical addresses for memory packets."""
    client.target.memory.physical = request.enabled
    return Ok()


HANDLERS = {
    QemuSupported: supported,
    QemuStepBits: step_bits,
    QemuGetStepMask: get_step_mask,
    QemuSetStepMask: set_step_mask,
    QemuGetPhysicalMode: get_physical_mode,
    QemuSetPhysicalMode: set_physical_mode,
}
