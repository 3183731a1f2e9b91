"""The board put together: what answers where, and how it is wired."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.board import VirtBoard
from emulator.clock import Clock
from emulator.config import MEBIBYTE, MachineConfig
from emulator.devices.interrupts import MEIP, MSIP, MTIP
from emulator.devices.plic import CLAIM, CONTEXT, ENABLE
from emulator.devices.uart import Register
from emulator.errors import BusFault
from emulator.stops import GuestExit, Stop
from tests.board.elf_files import Elf, Load
from tests.devices.wires import Harts

RAM = 0x8000_0000
UART = 0x1000_0000
PLIC = 0xC00_0000
CLINT = 0x200_0000


class Bench:
    """A board with nothing but wires where the machine would be."""

    def __init__(self, config: MachineConfig) -> None:
        self.ram = bytearray(config.ram_size)
        self.rom = bytearray(0xF000)
        self.clock = Clock()
        self.lines = Harts()
        self.stops: list[Stop] = []
        self.sent = bytearray()
        self.board = VirtBoard(
            config,
            memoryview(self.ram),
            memoryview(self.rom),
            self.clock,
            self.lines,
            self.stops.append,
            self.sent.extend,
        )
        self.bus = self.board.bus


@pytest.fixture
def bench() -> Bench:
    """A board of two harts without images."""
    return Bench(MachineConfig(harts=2, ram_size=4 * MEBIBYTE))


def test_address_map(bench: Bench) -> None:
    """Devices are where QEMU's are, with the sizes of QEMU's memory regions."""
    assert [(base, device.size) for base, device in bench.bus.devices] == [
        (0x1000, 0xF000),
        (0x10_0000, 0x1000),
        (0x10_1000, 0x24),
        (0x200_0000, 0x4000),
        (0x200_4000, 0x8000),
        (0xC00_0000, 0x60_0000),
        (0x1000_0000, 8),
    ]


@pytest.mark.parametrize("address", [0, 0xFFF, 0x10_1024, 0x200_C000, 0x1000_0008, 0x2000_0000, RAM])
def test_gaps_fault(bench: Bench, address: int) -> None:
    """Where no device is, nothing answers; RAM is not the bus's."""
    with pytest.raises(BusFault):
        bench.bus.load(address, 1)


def test_reset_vector_is_in_the_rom(bench: Bench) -> None:
    """The ROM shows the reset vector to harts and to the bus."""
    assert bench.rom[:4] == b"\x97\x02\0\0"
    assert bench.bus.load(0x1000, 4) == 0x297
    assert bench.board.start_pcs == (0x1000, 0x1000)


def test_timer_and_software_interrupts(bench: Bench) -> None:
    """The CLINT's registers drive the harts' lines."""
    assert bench.lines.high == {(0, MTIP), (1, MTIP)}
    for hart in range(2):
        bench.bus.store(CLINT + 0x4000 + 8 * hart, 8, (1 << 64) - 1)
    bench.bus.store(CLINT + 4, 4, 1)
    assert bench.lines.high == {(1, MSIP)}
    bench.clock.advance(5)
    assert bench.bus.load(CLINT + 0xBFF8, 8) == 5


def test_console_input_interrupts(bench: Bench) -> None:
    """A character goes through UART and PLIC to the hart that wants it."""
    bench.lines.high.clear()
    bench.bus.store(PLIC + 4 * 10, 4, 1)
    bench.bus.store(PLIC + ENABLE, 4, 1 << 10)
    bench.bus.store(UART + Register.IER, 1, 1)
    bench.board.receive(b"q")
    assert bench.lines.high == {(0, MEIP)}
    assert bench.bus.load(PLIC + CONTEXT + CLAIM, 4) == 10
    assert bench.bus.load(UART, 1) == ord("q")
    bench.bus.store(PLIC + CONTEXT + CLAIM, 4, 10)
    assert bench.lines.high == set()


def test_console_output_and_exit(bench: Bench) -> None:
    """What is sent reaches the host; the finisher asks for the run's end."""
    bench.bus.store(UART, 1, ord("!"))
    bench.bus.store(0x10_0000, 4, 0x0003_3333)
    assert bench.sent == b"!"
    assert bench.stops == [GuestExit(3)]


def test_every_device_can_be_looked_at(bench: Bench) -> None:
    """A debugger sees all of it, and nothing changes by looking."""
    bench.board.receive(b"z")
    for base, device in bench.bus.devices:
        length = min(device.size, 0x3000)
        assert bench.bus.peek(base, length) == bench.bus.peek(base, length)
        assert len(bench.bus.peek(base, length)) == length
    assert bench.bus.load(UART, 1) == ord("z")


def test_reset_reloads_images(tmp_path: Path) -> None:
    """After a reset images, tree and vector are as at power-on, devices too; other RAM keeps its content."""
    kernel = tmp_path / "k"
    kernel.write_bytes(b"abcd")
    bench = Bench(MachineConfig(ram_size=4 * MEBIBYTE, kernel=kernel))
    before, rom = bytes(bench.ram), bytes(bench.rom)
    bench.ram[:4] = b"xxxx"
    bench.ram[0x1000] = 7
    bench.ram[0x20_0000:0x20_0004] = bytes(4)
    bench.rom[:4] = bytes(4)
    bench.bus.store(UART + Register.SCR, 1, 5)
    kernel.unlink()
    bench.board.reset()
    assert bench.ram[0x1000] == 7
    bench.ram[0x1000] = 0
    assert (bytes(bench.ram), bytes(bench.rom)) == (before, rom)
    assert bench.bus.load(UART + Register.SCR, 1) == 0


def test_htif_is_attached_where_the_symbols_are(tmp_path: Path) -> None:
    """An image with `tohost` can print, read and exit through it; input goes to the console that is read."""
    symbols = {"tohost": RAM + 0x100, "fromhost": RAM + 0x108}
    kernel = tmp_path / "k.elf"
    kernel.write_bytes(Elf(loads=(Load(address=RAM, size=0x200),), symbols=symbols).build())
    bench = Bench(MachineConfig(ram_size=4 * MEBIBYTE, kernel=kernel))
    htif = bench.board.htif
    assert htif is not None
    assert htif.address == RAM + 0x100

    def send(command: int) -> None:
        bench.ram[0x100:0x108] = command.to_bytes(8, "little")
        htif.written(RAM + 0x100, 8)

    send(1 << 56 | 1 << 48 | ord("h"))
    send(1 << 56)
    bench.board.receive(b"i")
    bench.board.receive(b"u")
    send(3)
    assert bench.sent == b"h"
    assert bench.ram[0x108] == ord("i")
    assert bench.bus.load(UART, 1) == ord("u")
    assert bench.stops == [GuestExit(1)]
    bench.board.reset()
    assert bench.ram[0x108] == 0


def test_no_htif_without_symbols(bench: Bench) -> None:
    """A guest without `tohost` pays nothing for it."""
    assert bench.board.htif is None
