"""A guest as a machine: what drives the bare machine drives this one, too (`run`, `step`, `debug`, `reset`, ...)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.boot import make_plan
from emulator.errors import BusFault
from emulator.kvm import (
    CsrExit,
    Kvm,
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
from emulator.vmm.board import GuestBoard
from emulator.vmm.cpu import described, make_vcpus, reset_vcpu
from emulator.vmm.moving import RAM_SLOT, arrive, depart

if TYPE_CHECKING:
    from emulator.catching import Catches
    from emulator.clock import Clock
    from emulator.config import MachineConfig
    from emulator.debug import Debug
    from emulator.hart.block import HartBlock
    from emulator.machine import Machine, Observer
    from emulator.vmm.config import GuestConfig


class GuestMachine:
    """A guest under the emulated KVM, with its board.

    Args:
        guest: What to build.
        transmit: Called with what the guest writes to its console.
        engine: As of `Machine`.
        progress: As of `Machine`.
        warn: Told, in a sentence, what is not as the configuration asked.
        incoming: A guest that was saved, to go on with instead of beginning.

    Raises:
        ConfigError: The configuration cannot be built, or KVM refuses it.
        LoadError: An image cannot be loaded.
        StateError: What comes in is damaged, foreign, or does not fit this host, kernel or configuration.
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
        incoming: bytes | None = None,
    ) -> None:
        machine = guest.machine
        self.kvm = Kvm(guest.host, guest.kernel)
        options = WorldOptions(engine, machine.icount, machine.entropy, progress)
        self.vm = self.kvm.create_vm(max_vcpus=machine.harts, host_memory=machine.ram_size, options=options)
        if incoming is None:
            make_vcpus(self.vm, guest, warn)
            self.vm.set_memory_region(RAM_SLOT, RAM_BASE, machine.ram_size)
        self.host: Machine = self.vm.world.machine
        self.board = GuestBoard(machine, self.vm, self.host.clock, self.host.request, transmit)
        if incoming is not None:
            arrive(self.vm, self.board, guest, incoming)
        self.config: MachineConfig = replace(machine, cpu=described(self.vm, guest))
        self.board.plan = make_plan(self.config, hosted=True)
        if self.kvm.profile.mp_state_reset:
            self.vm.enable_mp_state_reset()
        self.host.board = self.board
        self.host.debug.guest = self.vm
        self.vm.user_space = self._answer
        self.vm.populate()
        if incoming is None:
            self.reset()
            return
        for vcpu in self.vm.vcpus.values():
            vcpu.prepare()  # it has run before
            vcpu.enter()

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
            reset_vcpu(vcpu, pc, self.board.plan.device_tree_address)
            vcpu.enter()

    def save(self) -> bytes:
        """The guest as a file's content, for `incoming` here or elsewhere; it may go on afterwards.

        Raises:
            KvmError: EBUSY while it runs.
        """
        return depart(self.vm, self.board)

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
                vcpu.complete_mmio((value & (1 << 8 * access.length) - 1).to_bytes(access.length, "little"))
        except BusFault:
            return
