"""A guest as a machine: what drives the bare machine drives this one, too (`run`, `step`, `debug`, `reset`, ...)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from emulator.errors import BusFault, ConfigError
from emulator.kvm import (
    CsrExit,
    Kvm,
    KvmError,
    MmioExit,
    SbiExit,
    SystemEventExit,
    Vcpu,
    VcpuExit,
    WorldOptions,
)
from emulator.kvm.exits import SHUTDOWN_EVENT
from emulator.stops import GuestExit, GuestReset, Stop
from emulator.virt_map import RAM_BASE
from emulator.vmm import cpu
from emulator.vmm.board import GuestBoard

if TYPE_CHECKING:
    from emulator.catching import Catches
    from emulator.clock import Clock
    from emulator.config import MachineConfig
    from emulator.debug import Debug
    from emulator.hart.block import HartBlock
    from emulator.machine import Machine, Observer
    from emulator.vmm.config import GuestConfig

RAM_SLOT: Final = 0


class GuestMachine:
    """A guest under the emulated KVM, with its board.

    Args:
        guest: What to build.
        transmit: Called with what the guest writes to its console.
        engine: As of `Machine`.
        progress: As of `Machine`.
        warn: Told, in a sentence, what is not as the configuration asked.

    Raises:
        ConfigError: The configuration cannot be built, or KVM refuses it.
        LoadError: An image cannot be loaded.
        EngineError: The compiled engine cannot be built on this host.

    Attributes:
        kvm: The emulated KVM.
        vm: The virtual machine.
        config: The guest's machine; its `cpu` is what the device tree says.
        host: The machine under the guest, whose harts are in VS- and VU-mode.
        board: The guest's devices.
    """

    def __init__(
        self,
        guest: GuestConfig,
        *,
        transmit: Callable[[bytes], None],
        engine: str = "compiled",
        progress: Callable[[str], None] | None = None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        machine = guest.machine
        self.kvm = Kvm(guest.host, guest.kernel)
        options = WorldOptions(engine, machine.icount, machine.entropy, progress)
        self.vm = self.kvm.create_vm(max_vcpus=machine.harts, host_memory=machine.ram_size, options=options)
        vcpus = [self.vm.create_vcpu(number) for number in range(machine.harts)]
        try:
            for vcpu in vcpus:
                cpu.set_up(vcpu, guest.switches, warn)
            if self.kvm.profile.mp_state_reset:
                self.vm.enable_mp_state_reset()
            self.vm.set_memory_region(RAM_SLOT, RAM_BASE, machine.ram_size)
        except KvmError as error:
            raise ConfigError(f"the guest cannot be made: {error}") from error
        self.config: MachineConfig = replace(machine, cpu=cpu.described(vcpus[0], guest))
        self.host: Machine = self.vm.world.machine
        self.board = GuestBoard(self.config, self.vm, self.host.clock, self.host.request, transmit)
        self.host.board = self.board
        self.host.debug.guest = self.vm
        self.vm.user_space = self._answer
        self.vm.populate()
        self.reset()

    # What a machine has.

    @property
    def debug(self) -> Debug:
        """The guest as a debugger sees it; physical addresses are the guest's."""
        return self.host.debug

    @property
    def clock(self) -> Clock:
        """Virtual time."""
        return self.host.clock

    @property
    def catches(self) -> Catches:
        """What else stops it."""
        return self.host.catches

    @property
    def harts(self) -> tuple[HartBlock, ...]:
        """A hart for each vcpu."""
        return self.host.harts

    @property
    def steps(self) -> int:
        """As of `Machine`."""
        return self.host.steps

    def observe(self, observer: Observer | None, *, traps: bool = False, code: bool = False) -> None:
        """As of `Machine`."""
        self.host.observe(observer, traps=traps, code=code)

    def run(self, budget: int, *, only: frozenset[int] | None = None) -> Stop:
        """As of `Machine`."""
        return self.vm.advance(budget, only=only)

    def step(self, hart: int) -> Stop:
        """As of `Machine`; a vcpu that is stopped makes no step."""
        return self.vm.step(hart)

    def interrupt(self) -> None:
        """As of `Machine`."""
        self.host.interrupt()

    def receive(self, data: bytes) -> None:
        """As of `Machine`."""
        self.board.receive(data)

    def reset(self) -> None:
        """Begin again: images in memory, devices and vcpus as at the start. Time goes on, and breakpoints stay."""
        self.board.reset()
        for vcpu, pc in zip(self.vm.vcpus.values(), self.board.start_pcs, strict=True):
            cpu.reset(vcpu, pc, self.board.plan.device_tree_address)
            vcpu.enter()

    # What a vcpu needs of user space.

    def _answer(self, vcpu: Vcpu, leaving: VcpuExit) -> bool:
        """Handle an exit, within the run."""
        match leaving:
            case MmioExit():
                self._access(vcpu, leaving)
            case SbiExit():
                self.board.console.answer(vcpu, leaving)  # what nobody answers is not supported
            case SystemEventExit(type=event):
                self.host.request(GuestExit(0) if event == SHUTDOWN_EVENT else GuestReset())
            case CsrExit(csr=number):
                vcpu.complete_csr(self._entropy(vcpu.id, number))
            case _:
                return False
        return True

    def _entropy(self, hart: int, seed: int) -> int:
        """What the hart's own entropy source has next; only `seed` comes here."""
        value = self.debug.read_csr(hart, seed)
        self.debug.write_csr(hart, seed, 0)
        return value

    def _access(self, vcpu: Vcpu, access: MmioExit) -> None:
        """Where no device is, a load reads 0 and a store is lost: KVM has no way to tell the guest of a fault."""
        bus = self.board.bus
        try:
            if access.is_write:
                bus.store(access.address, access.length, int.from_bytes(access.data, "little"))
            else:
                value = bus.load(access.address, access.length)
                vcpu.complete_mmio(value.to_bytes(access.length, "little"))
        except BusFault:
            return
