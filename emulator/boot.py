"""What is in memory at power-on: which image goes where, the device tree, the reset vector. As QEMU's `virt` board.

A plan is made once and is plain data; writing it into memory is `Plan.write`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import assert_never

from emulator.config import MEBIBYTE, LoadFile, MachineConfig, StartHart, WriteValue
from emulator.devicetree import decode, encode
from emulator.errors import LoadError
from emulator.loader import Image, find_symbols, raw_image, read_file, read_image
from emulator.virt_map import RAM_BASE, ROM
from emulator.virt_tree import build_tree, patch_chosen

KERNEL_ALIGNMENT = 2 * MEBIBYTE
"""A raw kernel goes to the next such address behind the firmware, the device tree to the last one in RAM."""

INITRD_DISTANCE = 512 * MEBIBYTE
"""How far behind the kernel's start the initial RAM disk goes, or half the RAM if that is less."""

FW_DYNAMIC_MAGIC = 0x4942_534F
FW_DYNAMIC_VERSION = 2
NEXT_MODE_S = 1

_RESET_CODE = (
    0x0000_0297,  # auipc t0, 0
    0x0282_8613,  # addi  a2, t0, 40   the fw_dynamic record
    0xF140_2573,  # csrr  a0, mhartid
    0x0202_B583,  # ld    a1, 32(t0)   the device tree
    0x0182_B283,  # ld    t0, 24(t0)   the start address
    0x0002_8067,  # jr    t0
)
_RESET_VECTOR = struct.Struct("<6I2Q6Q")


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that are in RAM at power-on.

    Attributes:
        name: Where they come from, for errors.
        address: Physical address of the first byte.
        data: The bytes.
        size: Bytes in memory; what exceeds `data` is zero.
    """

    name: str
    address: int
    data: bytes | memoryview
    size: int

    @property
    def end(self) -> int:
        """The address behind the last byte."""
        return self.address + self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Memory at power-on.

    Attributes:
        pieces: Images and the device tree; none overlap, all lie in RAM.
        patches: Values that `-device loader` writes over them.
        start: Where the reset vector jumps to.
        kernel_entry: Next stage's address in the `fw_dynamic` record, 0 without a kernel.
        device_tree: The blob, as in RAM.
        device_tree_address: Its physical address.
        start_pcs: Where each hart begins.
        tohost: Physical address of the HTIF word `tohost`, or None.
        fromhost: The same of `fromhost`.
    """

    pieces: tuple[Piece, ...]
    patches: tuple[Piece, ...]
    start: int
    kernel_entry: int
    device_tree: bytes
    device_tree_address: int
    start_pcs: tuple[int, ...]
    tohost: int | None
    fromhost: int | None

    def write(self, ram: memoryview, rom: memoryview) -> None:
        """Put everything where it belongs; the rest of RAM is left as it is."""
        for piece in (*self.pieces, *self.patches):
            at = piece.address - RAM_BASE
            ram[at : at + len(piece.data)] = piece.data
            ram[at + len(piece.data) : at + piece.size] = bytes(piece.size - len(piece.data))
        vector = self.reset_vector()
        rom[: len(vector)] = vector

    def reset_vector(self) -> bytes:
        """Code and data at the ROM's start: jump with a0 = mhartid, a1 = device tree, a2 = the `fw_dynamic` record."""
        record = (FW_DYNAMIC_MAGIC, FW_DYNAMIC_VERSION, self.kernel_entry, NEXT_MODE_S, 0, 0)
        return _RESET_VECTOR.pack(*_RESET_CODE, self.start, self.device_tree_address, *record)


def make_plan(config: MachineConfig, *, hosted: bool = False) -> Plan:
    """Read every file of the configuration and decide what goes where.

    Args:
        config: The machine.
        hosted: Whether it is a guest's: without M-mode, so that the space of the firmware stays free.

    Raises:
        LoadError: If a file cannot be used, does not fit into RAM, or overlaps another.
    """
    return _Planner(config, hosted).plan()


class _Planner:
    """Collects pieces; refuses those that do not fit."""

    def __init__(self, config: MachineConfig, hosted: bool) -> None:
        self._config = config
        self._hosted = hosted
        self._end = RAM_BASE + config.ram_size
        self._pieces: list[Piece] = []
        self._images: list[Image] = []
        self._start_pcs = [ROM.base] * config.harts

    def plan(self) -> Plan:
        config = self._config
        start, firmware_end = self._place_firmware()
        kernel = self._place_kernel(firmware_end)
        if kernel is not None and config.bios is None:
            start = kernel.entry
        initrd = self._place_initrd(kernel)
        patches = tuple(self._place_loaders())
        blob = self._device_tree(initrd)
        address = (self._end - len(blob)) // KERNEL_ALIGNMENT * KERNEL_ALIGNMENT
        self._place(Piece("the device tree", address, blob, len(blob)))
        symbols = self._htif_symbols()
        return Plan(
            pieces=tuple(self._pieces),
            patches=patches,
            start=start,
            # The lowest address and not the entry: what QEMU tells its firmware of an ELF.
            kernel_entry=kernel.low if kernel is not None else 0,
            device_tree=blob,
            device_tree_address=address,
            start_pcs=tuple(self._start_pcs),
            tohost=symbols.get("tohost"),
            fromhost=symbols.get("fromhost"),
        )

    def _place_firmware(self) -> tuple[int, int]:
        """Entry of the firmware and the address behind it; both RAM's start without one."""
        if self._config.bios is None:
            return RAM_BASE, RAM_BASE + (KERNEL_ALIGNMENT if self._hosted else 0)
        firmware = self._place_image(read_image(self._config.bios, RAM_BASE))
        return firmware.entry, firmware.high

    def _place_kernel(self, firmware_end: int) -> Image | None:
        if self._config.kernel is None:
            return None
        behind = -(-firmware_end // KERNEL_ALIGNMENT) * KERNEL_ALIGNMENT
        return self._place_image(read_image(self._config.kernel, behind))

    def _place_initrd(self, kernel: Image | None) -> tuple[int, int] | None:
        """First address of the initial RAM disk and the one behind its last."""
        path = self._config.initrd
        if path is None or kernel is None:
            return None
        address = kernel.low + min(self._config.ram_size // 2, INITRD_DISTANCE)
        initrd = self._place_image(raw_image(path, read_file(path), address))
        return initrd.low, initrd.high

    def _place_loaders(self) -> Iterator[Piece]:
        """Place the files of `-device loader`, yield the values, and note where harts start."""
        for item in self._config.loaders:
            match item:
                case LoadFile():
                    image = self._place_image(_read_item(item))
                    if item.hart is not None:
                        self._start_pcs[item.hart] = image.entry
                case WriteValue():
                    piece = Piece("-device loader: data", item.address, item.data, len(item.data))
                    self._check_inside(piece)
                    yield piece
                case StartHart():
                    self._start_pcs[item.hart] = item.address
                case _:
                    assert_never(item)

    def _place_image(self, image: Image) -> Image:
        image = replace(image, segments=tuple(segment.from_address(RAM_BASE) for segment in image.segments))
        for segment in image.segments:
            self._place(Piece(str(image.path), segment.address, segment.data, segment.size))
        self._images.append(image)
        return image

    def _place(self, piece: Piece) -> None:
        self._check_inside(piece)
        for other in self._pieces:
            if piece.address < other.end and other.address < piece.end:
                raise LoadError(f"{_span(piece)} overlaps {_span(other)}")
        self._pieces.append(piece)

    def _check_inside(self, piece: Piece) -> None:
        if piece.address < RAM_BASE or piece.end > self._end:
            raise LoadError(f"{_span(piece)} does not fit into RAM ({RAM_BASE:#x} to {self._end - 1:#x})")

    def _device_tree(self, initrd: tuple[int, int] | None) -> bytes:
        config = self._config
        if config.dtb is None:
            tree = build_tree(config, hosted=self._hosted)
        else:
            tree = decode(read_file(config.dtb), source=str(config.dtb))
        patch_chosen(tree, append=config.append, initrd=initrd)
        return encode(tree)

    def _htif_symbols(self) -> dict[str, int]:
        """`tohost` and `fromhost` of the image loaded last that has a `tohost` in RAM."""
        for image in reversed(self._images):
            symbols = {
                name: address
                for name, address in find_symbols(image, ("tohost", "fromhost")).items()
                if RAM_BASE <= address <= self._end - 8 and address % 8 == 0
            }
            if "tohost" in symbols:
                return symbols
        return {}


def _read_item(item: LoadFile) -> Image:
    if item.raw:
        return raw_image(item.path, read_file(item.path), item.address)
    return read_image(item.path, item.address)


def _span(piece: Piece) -> str:
    return f"{piece.name} at {piece.address:#x} to {piece.end - 1:#x}"
