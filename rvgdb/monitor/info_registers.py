"""`info registers`."""

from __future__ import annotations

from typing import Final

from emulator.errors import CsrRefused
from rvgdb.monitor.command import Command, Scene
from rvgdb.monitor.cpu import hart_number
from rvgdb.target.registers import ABI_NAMES

_SHOWN: Final = """
    mhartid mstatus hstatus vsstatus mip mie mideleg hideleg medeleg hedeleg mtvec stvec vstvec mepc sepc vsepc mcause
    scause vscause mtval stval htval mtval2 mscratch sscratch satp
"""
"""The CSRs in QEMU's order; those that the machine lacks are left out."""


def _one_hart(scene: Scene, hart: int) -> str:
    debug = scene.target.debug
    numbers = {info.name: info.number for info in debug.csrs()}
    lines = [f"\nCPU#{hart}\n", f" {'pc':8} {debug.read_pc(hart):016x}\n"]
    for name in _SHOWN.split():
        if name not in numbers:
            continue
        try:
            lines.append(f" {name:8} {debug.read_csr(hart, numbers[name]):016x}\n")
        except CsrRefused as error:
            lines.append(f" {name:8} {error}\n")
    for first in range(0, 32, 4):
        row = [
            f" x{index}/{ABI_NAMES[index].replace('fp', 's0'):<{6 - len(str(index))}} {debug.read_x(hart, index):016x}"
            for index in range(first, first + 4)
        ]
        lines.append("".join(row) + "\n")
    return "".join(lines)


def info_registers(scene: Scene, rest: str) -> str:
    """One hart, or all with -a, in QEMU's form."""
    if rest == "-a":
        return "".join(_one_hart(scene, hart) for hart in range(scene.target.harts.count))
    return _one_hart(scene, hart_number(scene, rest) if rest else scene.hart)


COMMAND = Command(("registers",), "[-a|vcpu]", "show the cpu registers (-a: of all cpus)", info_registers)
