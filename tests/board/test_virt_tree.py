"""The board's device tree against QEMU 11.1's, node by node."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.config import MachineConfig
from emulator.devicetree import Node, cells, decode, strings, wide
from emulator.isa.extensions import CpuConfig
from emulator.virt_tree import build_tree, patch_chosen

DATA = Path(__file__).parent / "data"

NOT_BUILT = ("flash@", "fw-cfg@", "pci@", "virtio_mmio@", "pmu", "platform-bus@")
"""Nodes of devices that this machine does not have."""

OF_THE_CPU = {
    "riscv,isa-extensions",
    "riscv,isa",
    "mmu-type",
    "riscv,cbop-block-size",
    "riscv,cboz-block-size",
    "riscv,cbom-block-size",
}
"""Properties that depend on the CPU and not on the board."""


def flatten(node: Node, path: str = "") -> dict[str, dict[str, bytes]]:
    """Path to properties, of every node that we build; the CPU's own left out."""
    found = {path or "/": {name: value for name, value in node.properties.items() if name not in OF_THE_CPU}}
    for child in node.children:
        if not child.name.startswith(NOT_BUILT):
            found |= flatten(child, f"{path}/{child.name}")
    return found


def names(node: Node) -> list[str]:
    """Names of the children that we build, in the blob's order."""
    return [child.name for child in node.children if not child.name.startswith(NOT_BUILT)]


@pytest.mark.parametrize("harts", [1, 2])
def test_same_nodes_and_properties_as_qemu(harts: int) -> None:
    """Every node of QEMU's tree whose device exists here is there with the same values, and nothing else is."""
    theirs = decode((DATA / f"qemu-virt-11.1-smp{harts}.dtb").read_bytes())
    ours = build_tree(MachineConfig(harts=harts))
    patch_chosen(ours, append="console=ttyS0", initrd=None)
    assert flatten(ours.root) == flatten(theirs.root)


def test_same_order_as_qemu() -> None:
    """The order of nodes is QEMU's too, as some software takes the first that matches."""
    theirs = decode((DATA / "qemu-virt-11.1-smp2.dtb").read_bytes()).root
    ours = build_tree(MachineConfig(harts=2)).root
    for path in ("/", "/cpus", "/soc"):
        there, here = theirs.find(path), ours.find(path)
        assert there is not None
        assert here is not None
        assert names(here) == names(there)


def test_cpu_describes_itself() -> None:
    """The ISA strings are the CPU configuration's."""
    cpu = CpuConfig(extensions=frozenset({"i", "m", "zicsr"}))
    node = build_tree(MachineConfig(cpu=cpu)).root.find("/cpus/cpu@0")
    assert node is not None
    assert node.properties["riscv,isa"] == strings("rv64im_zicsr_zmmul")
    assert node.properties["riscv,isa-base"] == strings("rv64i")
    assert node.properties["riscv,isa-extensions"] == strings("i", "m", "zicsr", "zmmul")
    assert node.properties["mmu-type"] == strings("riscv,sv57")


def test_memory_has_the_configured_size() -> None:
    """RAM beyond 4 GiB is described too."""
    node = build_tree(MachineConfig(ram_size=8 << 30)).root.find("/memory@80000000")
    assert node is not None
    assert node.properties["reg"] == wide(0x8000_0000, 8 << 30)


def test_unit_addresses_are_hexadecimal() -> None:
    """Hart 10 is cpu@a, with core numbers in decimal, as QEMU has it."""
    root = build_tree(MachineConfig(harts=11)).root
    node = root.find("/cpus/cpu@a")
    assert node is not None
    assert node.properties["reg"] == cells(10)
    assert root.find("/cpus/cpu-map/cluster0/core10") is not None


def test_chosen() -> None:
    """Command line, initial RAM disk and seed are told when there are any."""
    tree = build_tree(MachineConfig(rng_seed=b"seed"))
    chosen = tree.root.find("/chosen")
    assert chosen is not None
    patch_chosen(tree, append="", initrd=None)
    assert set(chosen.properties) == {"rng-seed", "stdout-path"}
    patch_chosen(tree, append="quiet", initrd=(0x8400_0000, 0x8400_1234))
    assert chosen.properties["rng-seed"] == b"seed"
    assert chosen.properties["bootargs"] == strings("quiet")
    assert chosen.properties["linux,initrd-start"] == wide(0x8400_0000)
    assert chosen.properties["linux,initrd-end"] == wide(0x8400_1234)
