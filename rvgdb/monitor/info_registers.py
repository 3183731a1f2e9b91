"""`info registers`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from emulator.errors import CsrRefused
from rvgdb.monitor.command import Command, Scene
from rvgdb.monitor.cpu import hart_number
from rvgdb.target.registers import ABI_NAMES, FLOAT_NAMES

_SHOWN: Final = """
    mhartid mstatus hstatus vsstatus mip mie mideleg hideleg medeleg hedeleg mtvec stvec vstvec mepc sepc vsepc mcause
    scause vscause mtval stval htval mtval2 mscratch sscratch satp
"""
"""The CSRs in QEMU's order; those that the machine lacks are left out."""


def _one_hart(scene: Scene, hart: int) -> str:
    debug = scene.target.debug
    numbers = {info.name: info.number for info in debug.csrs()}
    lines = [f"\nCPU#{hart}\n"]
    if "hstatus" in numbers:
        lines.append(f" {'V':6} = {debug.read_priv(hart) >> 2:3}\n")
    lines.append(f" {'pc':8} {debug.read_pc(hart):016x}\n")
    for name in _SHOWN.split():
        if name not in numbers:
            continue
        try:
            lines.append(f" {name:8} {debug.read_csr(hart, debug.seen(hart, numbers[name])):016x}\n")
        except CsrRefused as error:
            lines.append(f" {name:8} {error}\n")
    names = [name.replace("fp", "s0") for name in ABI_NAMES]
    lines += _rows("x", names, [debug.read_x(hart, index) for index in range(32)])
    if debug.float_bits:
        lines += _rows("f", FLOAT_NAMES, [debug.read_f(hart, index) for index in range(32)])
    return "".join(lines)


def _rows(letter: str, names: Sequence[str], values: Sequence[int]) -> list[str]:
    """Four registers a line."""
    cells = [
        f" {f'{letter}{index}/{name}':8} {value:016x}"
        for index, (name, value) in enumerate(zip(names, values, strict=True))
    ]
    return ["".join(cells[first : first + 4]) + "\n" for first in range(0, len(cells), 4)]


def info_registers(scene: Scene, rest: str) -> str:
    """One hart, or all with -a, in QEMU's form."""
    if rest == "-a":
        return "".join(_one_hart(scene, hart) for hart in range(scene.target.harts.count))
    return _one_hart(scene, hart_number(scene, rest) if rest else scene.hart)


COMMAND = Command(("registers",), "[-a|vcpu]", "show the cpu registers (-a: of all cpus)", info_registers)
