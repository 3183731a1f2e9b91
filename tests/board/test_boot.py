"""Where images go, and how harts find them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from emulator.boot import Plan, make_plan
from emulator.config import MEBIBYTE, LoadFile, MachineConfig, StartHart, WriteValue
from emulator.devicetree import Node, decode, encode, strings, wide
from emulator.errors import LoadError
from emulator.virt_tree import build_tree
from tests.board.elf_files import Elf, Load

RAM = 0x8000_0000
RAM_SIZE = 128 * MEBIBYTE


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    """Firmware like OpenSBI's: an ELF at the start of RAM, larger in memory than in the file."""
    return write(tmp_path / "fw.elf", Elf(loads=(Load(address=RAM, size=0x4_5AC8),)).build())


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """A raw kernel."""
    return write(tmp_path / "Image", b"\x6f\0\0\0")


def write(path: Path, content: bytes) -> Path:
    """Write a file and return its path."""
    path.write_bytes(content)
    return path


def places(plan: Plan) -> dict[str, int]:
    """File name to address, the device tree left out."""
    return {Path(piece.name).name: piece.address for piece in plan.pieces[:-1]}


def chosen_of(plan: Plan) -> Node:
    """The `/chosen` of the plan's tree."""
    chosen = decode(plan.device_tree).root.child("chosen")
    assert chosen is not None
    return chosen


def test_reset_vector_is_qemus() -> None:
    """Word for word what QEMU's monitor shows at 0x1000 for the same machine without images."""
    words = struct.unpack("<22I", make_plan(MachineConfig()).reset_vector())
    assert words == (
        *(0x0000_0297, 0x0282_8613, 0xF140_2573, 0x0202_B583),
        *(0x0182_B283, 0x0002_8067, 0x8000_0000, 0x0000_0000),
        *(0x87E0_0000, 0x0000_0000, 0x4942_534F, 0x0000_0000),
        *(0x0000_0002, 0x0000_0000, 0x0000_0000, 0x0000_0000),
        *(0x0000_0001, 0x0000_0000, 0x0000_0000, 0x0000_0000),
        *(0x0000_0000, 0x0000_0000),
    )


def test_bios_none_starts_the_kernel_at_its_entry(tmp_path: Path) -> None:
    """Without firmware an ELF is started at its entry, wherever in it that is."""
    elf = write(tmp_path / "k.elf", Elf(entry=RAM + 0x104, loads=(Load(address=RAM + 0x100, data=bytes(8)),)).build())
    plan = make_plan(MachineConfig(kernel=elf))
    assert plan.start == RAM + 0x104
    assert plan.kernel_entry == RAM + 0x100
    assert plan.start_pcs == (0x1000,)


def test_bios_none_with_a_raw_kernel(kernel: Path) -> None:
    """Without firmware a raw kernel is at the start of RAM."""
    plan = make_plan(MachineConfig(kernel=kernel))
    assert (places(plan), plan.start) == ({"Image": RAM}, RAM)


def test_kernel_behind_firmware(firmware: Path, kernel: Path) -> None:
    """A raw kernel goes to the next 2 MiB; the firmware starts and is told where it is."""
    plan = make_plan(MachineConfig(bios=firmware, kernel=kernel))
    assert places(plan) == {"fw.elf": RAM, "Image": 0x8020_0000}
    assert (plan.start, plan.kernel_entry) == (RAM, 0x8020_0000)


def test_raw_firmware(tmp_path: Path, kernel: Path) -> None:
    """Raw firmware is at the start of RAM, and its size decides where the kernel goes."""
    raw = write(tmp_path / "fw.bin", bytes(2 * MEBIBYTE + 1))
    plan = make_plan(MachineConfig(bios=raw, kernel=kernel))
    assert places(plan) == {"fw.bin": RAM, "Image": 0x8040_0000}
    assert plan.start == RAM


def test_elf_kernel_stays_at_its_addresses(firmware: Path, tmp_path: Path) -> None:
    """An ELF kernel goes where it says; the record for the firmware has its lowest address, as in QEMU."""
    loads = (Load(address=0x8030_0000), Load(address=0x8028_0000))
    elf = write(tmp_path / "k.elf", Elf(entry=0x8030_0000, loads=loads).build())
    plan = make_plan(MachineConfig(bios=firmware, kernel=elf))
    assert plan.kernel_entry == 0x8028_0000
    assert plan.start == RAM


@pytest.mark.parametrize(("ram_size", "address"), [(RAM_SIZE, 0x8420_0000), (2 << 30, 0xA020_0000)])
def test_initrd(firmware: Path, kernel: Path, tmp_path: Path, ram_size: int, address: int) -> None:
    """The RAM disk is half the RAM behind the kernel, at most 512 MiB, and the tree says where."""
    initrd = write(tmp_path / "initrd", bytes(100))
    plan = make_plan(MachineConfig(ram_size=ram_size, bios=firmware, kernel=kernel, initrd=initrd, append="quiet"))
    assert places(plan)["initrd"] == address
    chosen = chosen_of(plan)
    assert chosen.properties["linux,initrd-start"] == wide(address)
    assert chosen.properties["linux,initrd-end"] == wide(address + 100)
    assert chosen.properties["bootargs"] == strings("quiet")


@pytest.mark.parametrize(("ram_size", "address"), [(RAM_SIZE, 0x87E0_0000), (8 << 30, 0x2_7FE0_0000)])
def test_device_tree_is_at_the_end(ram_size: int, address: int) -> None:
    """The tree is in the last 2 MiB of RAM, wherever that ends."""
    plan = make_plan(MachineConfig(ram_size=ram_size))
    assert plan.device_tree_address == address
    assert plan.pieces[-1].address == address


def test_own_device_tree(kernel: Path, tmp_path: Path) -> None:
    """`-dtb` replaces the tree; the command line is still told."""
    tree = build_tree(MachineConfig(harts=3))
    dtb = write(tmp_path / "own.dtb", encode(tree))
    plan = make_plan(MachineConfig(dtb=dtb, kernel=kernel, append="quiet"))
    root = decode(plan.device_tree).root
    assert root.find("/cpus/cpu@2") is not None
    assert chosen_of(plan).properties["bootargs"] == strings("quiet")


def test_own_device_tree_that_is_none(kernel: Path) -> None:
    """A file that is no device tree is named."""
    with pytest.raises(LoadError, match="Image: not a device tree"):
        make_plan(MachineConfig(dtb=kernel))


def test_loader_items(tmp_path: Path, kernel: Path) -> None:
    """Files are placed, harts start where told, values are written over images."""
    elf = write(tmp_path / "a.elf", Elf(entry=RAM + 2, loads=(Load(address=RAM),)).build())
    plan = make_plan(
        MachineConfig(
            harts=4,
            loaders=(
                LoadFile(path=elf, hart=1),
                LoadFile(path=kernel, address=RAM + 0x1000, hart=2),
                LoadFile(path=elf, address=RAM + 0x2000, raw=True),
                StartHart(address=RAM + 0x40, hart=3),
                WriteValue(address=RAM + 1, data=b"\xaa\xbb"),
            ),
        )
    )
    assert plan.start_pcs == (0x1000, RAM + 2, RAM + 0x1000, RAM + 0x40)
    ram, rom = bytearray(RAM_SIZE), bytearray(0xF000)
    plan.write(memoryview(ram), memoryview(rom))
    assert ram[:4] == b"\x6f\xaa\xbb\0"
    assert ram[0x1000:0x1004] == b"\x6f\0\0\0"
    assert ram[0x2000:0x2004] == b"\x7fELF"


def test_bss_is_cleared(firmware: Path) -> None:
    """Writing a plan clears what is larger in memory than in the file, and leaves the rest alone."""
    ram, rom = bytearray(b"\xee" * RAM_SIZE), bytearray(0xF000)
    plan = make_plan(MachineConfig(bios=firmware))
    plan.write(memoryview(ram), memoryview(rom))
    assert ram[:4] == b"\x6f\0\0\0"
    assert ram[4:0x4_5AC8] == bytes(0x4_5AC4)
    assert ram[0x4_5AC8] == 0xEE
    assert rom[:4] == b"\x97\x02\0\0"
    at = plan.device_tree_address - RAM
    assert ram[at : at + len(plan.device_tree)] == plan.device_tree


@pytest.mark.parametrize(
    "load",
    [
        Load(address=0),
        Load(address=RAM - 1),
        Load(address=RAM + RAM_SIZE - 3),
        Load(address=RAM, size=RAM_SIZE + 1),
        Load(address=(1 << 64) - 4),
        Load(address=RAM, size=(1 << 64) - 1),
    ],
)
def test_segment_outside_ram(tmp_path: Path, load: Load) -> None:
    """The error names the file, the segment and the RAM there is."""
    elf = write(tmp_path / "k.elf", Elf(loads=(load,)).build())
    with pytest.raises(LoadError, match=r"k\.elf at 0x.* does not fit into RAM \(0x80000000 to 0x87ffffff\)"):
        make_plan(MachineConfig(kernel=elf))


def test_value_outside_ram() -> None:
    """A value may not miss RAM either."""
    with pytest.raises(LoadError, match="data at 0x7fffffff to 0x80000000 does not fit"):
        make_plan(MachineConfig(loaders=(WriteValue(address=RAM - 1, data=b"ab"),)))


def test_images_that_overlap(firmware: Path, kernel: Path) -> None:
    """Both files are named, with where they are."""
    overlapping = (LoadFile(path=kernel, address=RAM + 0x4_5AC7),)
    with pytest.raises(LoadError, match=r"Image at 0x80045ac7 .* overlaps .*fw\.elf at 0x80000000 to 0x80045ac7"):
        make_plan(MachineConfig(bios=firmware, loaders=overlapping))
    make_plan(MachineConfig(bios=firmware, loaders=(LoadFile(path=kernel, address=RAM + 0x4_5AC8),)))


def test_no_room_for_the_device_tree(tmp_path: Path) -> None:
    """An image that fills RAM leaves no room for the tree, and the error says so."""
    raw = write(tmp_path / "big", bytes(4 * MEBIBYTE))
    with pytest.raises(LoadError, match=r"the device tree at 0x80200000 .* overlaps .*big"):
        make_plan(MachineConfig(ram_size=4 * MEBIBYTE, kernel=raw))


def test_very_little_ram() -> None:
    """A machine whose RAM is smaller than the tree is refused, not built without one."""
    with pytest.raises(LoadError, match=r"the device tree .* does not fit"):
        make_plan(MachineConfig(ram_size=4096, harts=64))


def test_htif_symbols(firmware: Path, tmp_path: Path) -> None:
    """HTIF is where the last image with a usable `tohost` says; one outside RAM or misaligned is not usable."""
    loads = (Load(address=0x8020_0000),)
    symbols = {"tohost": 0x8020_0040, "fromhost": 0x8020_0048}
    elf = write(tmp_path / "k.elf", Elf(loads=loads, symbols=symbols).build())
    plan = make_plan(MachineConfig(bios=firmware, kernel=elf))
    assert (plan.tohost, plan.fromhost) == (0x8020_0040, 0x8020_0048)
    for bad in (0x1000, 0x8020_0044, RAM + RAM_SIZE):
        elf = write(tmp_path / "k.elf", Elf(loads=loads, symbols={"tohost": bad}).build())
        plan = make_plan(MachineConfig(kernel=elf))
        assert (plan.tohost, plan.fromhost) == (None, None)
