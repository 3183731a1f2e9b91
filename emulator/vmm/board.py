"""The guest's `virt` board: as QEMU has it under KVM, without M-mode, firmware and CLINT; user space is its devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.boot import make_plan
from emulator.devices.finisher import Finisher
from emulator.devices.interrupts import SEIP
from emulator.devices.moving import Movable
from emulator.devices.plic import Plic
from emulator.devices.rtc import Rtc
from emulator.devices.uart import Uart
from emulator.memory.bus import Bus
from emulator.virt_map import PLIC, ROM, RTC, RTC_IRQ, TEST, UART, UART_IRQ
from emulator.vmm.console import SbiConsole

if TYPE_CHECKING:
    from emulator.clock import Clock
    from emulator.config import MachineConfig
    from emulator.kvm import Vm
    from emulator.stops import Stop

NO_HTIF: Final = None


class GuestBoard:
    """What is around the vcpus; implements `emulator.machine.Board`.

    Args:
        config: The machine, its `cpu` as the guest shall see it.
        vm: Its memory and vcpus.
        clock: Where time comes from.
        request: Asks for the end of the run.
        transmit: Takes what the guest writes to its console.

    Raises:
        LoadError: If an image cannot be loaded.

    Attributes:
        plan: What is in memory at power-on, and where.
        bus: The devices, at guest physical addresses.
        console: The console behind the SBI.
    """

    htif = NO_HTIF

    def __init__(
        self,
        config: MachineConfig,
        vm: Vm,
        clock: Clock,
        request: Callable[[Stop], None],
        transmit: Callable[[bytes], None],
    ) -> None:
        self.plan = make_plan(config, hosted=True)
        self._vm = vm
        self.plic = Plic(config.harts, self._drive, (SEIP,))
        self.uart = Uart(self.plic.line(UART_IRQ), transmit)
        self.rtc = Rtc(config.epoch, clock, self.plic.line(RTC_IRQ))
        self.console = SbiConsole(vm, transmit)
        self.bus = Bus()
        self.bus.attach(TEST.base, Finisher(request))
        self.bus.attach(RTC.base, self.rtc)
        self.bus.attach(PLIC.base, self.plic)
        self.bus.attach(UART.base, self.uart)

    def _drive(self, hart: int, line: int, level: bool) -> None:
        """KVM_INTERRUPT: the PLIC has a line into each vcpu."""
        self._vm.vcpus[hart].interrupt(level=level)

    @property
    def start_pcs(self) -> tuple[int, ...]:
        """Where each vcpu begins: at the kernel's entry, unless `-device loader` says otherwise."""
        return tuple(self.plan.start if pc == ROM.base else pc for pc in self.plan.start_pcs)

    @property
    def device_tree(self) -> bytes:
        """The device tree's blob."""
        return self.plan.device_tree

    @property
    def movable(self) -> dict[str, Movable]:
        """The devices that have a state, by the names that they have in a saved guest; the PLIC comes last."""
        return {"serial": self.uart, "rtc": self.rtc, "console": self.console, "plic": self.plic}

    def receive(self, data: bytes) -> None:
        """Console input from outside, for whichever console the guest reads."""
        if self.console.wants_input:
            self.console.input.extend(data)
        else:
            self.uart.receive(data)

    def reset(self) -> None:
        """Power-on state: images and device tree in memory, every device reset."""
        for piece in (*self.plan.pieces, *self.plan.patches):
            self._vm.write_memory(piece.address, bytes(piece.data).ljust(piece.size, b"\0"))
        self.console.reset()
        self.bus.reset()
