"""QEMU's `virt` board: which devices there are, where, and how they are wired. Changes when a device is added."""

from __future__ import annotations

from collections.abc import Callable

from emulator.boot import make_plan
from emulator.clock import TICKS_PER_SECOND, Clock
from emulator.config import MachineConfig
from emulator.devices.aclint import Mswi, Mtimer
from emulator.devices.finisher import Finisher
from emulator.devices.htif import Htif
from emulator.devices.interrupts import HartLines
from emulator.devices.plic import Plic
from emulator.devices.rom import Rom
from emulator.devices.rtc import Rtc
from emulator.devices.uart import Uart
from emulator.memory.bus import Bus
from emulator.stops import Stop
from emulator.virt_map import CLINT, MTIMER_OFFSET, PLIC, RAM_BASE, ROM, RTC, RTC_IRQ, TEST, UART, UART_IRQ

_HTIF_PATIENCE = 5_000
"""Instructions that the lower half of `tohost` may stand alone: as often as Spike looks at it."""


class VirtBoard:
    """The board around the harts. Harts reach RAM and ROM by themselves and the devices through `bus`.

    Attributes:
        plan: What is in memory at power-on, and where.
        bus: Everything in the address space but RAM.
        uart: The console.
        finisher: Ends the run at the guest's wish.
        mswi: Software interrupts.
        mtimer: Timer interrupts; `mtimer.now()` is `mtime`.
        plic: Device interrupts.
        rtc: Wall-clock time.
        htif: The host-target interface, if an image has the symbol `tohost`.
    """

    def __init__(
        self,
        config: MachineConfig,
        ram: memoryview,
        rom: memoryview,
        clock: Clock,
        lines: HartLines,
        request: Callable[[Stop], None],
        transmit: Callable[[bytes], None],
    ) -> None:
        """Build the board and power it on.

        Args:
            config: The machine.
            ram: RAM, from physical address `RAM_BASE` on; writable.
            rom: The boot ROM; writable.
            clock: Where time comes from.
            lines: Interrupt lines into the harts.
            request: Asks the machine to end its run with this stop.
            transmit: Takes what the guest writes to the console.

        Raises:
            LoadError: If an image cannot be loaded.
        """
        self.plan = make_plan(config)
        self._ram = ram
        self._rom = rom
        self.plic = Plic(config.harts, lines)
        self.uart = Uart(self.plic.line(UART_IRQ), transmit)
        self.rtc = Rtc(config.epoch, clock, self.plic.line(RTC_IRQ))
        self.finisher = Finisher(request)
        self.mswi = Mswi(config.harts, lines)
        self.mtimer = Mtimer(config.harts, clock, lines)
        self.htif = self._make_htif(config, clock, request, transmit)
        self.bus = self._make_bus()
        self.reset()

    @property
    def start_pcs(self) -> tuple[int, ...]:
        """Where each hart begins: the ROM, unless `-device loader` says otherwise."""
        return self.plan.start_pcs

    @property
    def device_tree(self) -> bytes:
        """The device tree's blob, as `-machine dumpdtb` writes it."""
        return self.plan.device_tree

    def receive(self, data: bytes) -> None:
        """Console input from outside, for whichever console the guest reads."""
        if self.htif is not None and self.htif.wants_input:
            self.htif.receive(data)
        else:
            self.uart.receive(data)

    def reset(self) -> None:
        """Power-on state: images, device tree and reset vector in memory, every device reset.

        RAM outside the images keeps its content, as in QEMU.
        """
        self.plan.write(self._ram, self._rom)
        if self.htif is not None:
            self.htif.reset()
        self.bus.reset()

    def _make_htif(
        self,
        config: MachineConfig,
        clock: Clock,
        request: Callable[[Stop], None],
        transmit: Callable[[bytes], None],
    ) -> Htif | None:
        if self.plan.tohost is None:
            return None
        return Htif(
            self._ram,
            RAM_BASE,
            address=self.plan.tohost,
            fromhost=self.plan.fromhost,
            clock=clock,
            patience=(_HTIF_PATIENCE << config.icount.shift) * TICKS_PER_SECOND // 1_000_000_000,
            request=request,
            transmit=transmit,
        )

    def _make_bus(self) -> Bus:
        bus = Bus()
        bus.attach(ROM.base, Rom(self._rom))
        bus.attach(TEST.base, self.finisher)
        bus.attach(RTC.base, self.rtc)
        bus.attach(CLINT.base, self.mswi)
        bus.attach(CLINT.base + MTIMER_OFFSET, self.mtimer)
        bus.attach(PLIC.base, self.plic)
        bus.attach(UART.base, self.uart)
        return bus
