"""`info mtree`."""

from __future__ import annotations

from rvgdb.monitor.command import Command, Scene

KINDS = {"ram": "ram", "rom": "rom"}

QEMU_NAMES = {
    "Finisher": "riscv.sifive.test",
    "Mswi": "riscv.aclint.swi",
    "Mtimer": "riscv.aclint.mtimer",
    "Plic": "riscv.sifive.plic",
    "Ram": "riscv_virt_board.ram",
    "Rom": "riscv_virt_board.mrom",
    "Rtc": "goldfish_rtc",
    "Uart": "serial",
}
"""The board's parts and what QEMU calls them."""


def info_mtree(scene: Scene, rest: str) -> str:
    """The physical address space in QEMU's form; there is one, so -f changes nothing."""
    lines = ["address-space: memory\n", "  0000000000000000-ffffffffffffffff (prio 0, i/o): system\n"]
    for name, region in scene.regions:
        last = region.base + region.size - 1
        kind, shown = KINDS.get(region.kind, "i/o"), QEMU_NAMES.get(name, name)
        lines.append(f"    {region.base:016x}-{last:016x} (prio 0, {kind}): {shown}\n")
    return "".join(lines)


COMMAND = Command(("mtree",), "[-f]", "show memory tree", info_mtree)
