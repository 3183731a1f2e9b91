"""One virtual processor."""

from __future__ import annotations

import errno
from enum import Enum
from typing import TYPE_CHECKING, Final

from emulator.kvm import one_reg
from emulator.kvm.configuration import make_config, settle
from emulator.kvm.context import Context
from emulator.kvm.errors import KvmError
from emulator.kvm.exits import InterruptedExit, VcpuExit
from emulator.kvm.extensions import initial_isa
from emulator.kvm.interrupts import GuestInterrupt, Interrupts
from emulator.kvm.sbi.extensions import Status, initial_statuses
from emulator.kvm.sbi.fwft import Fwft
from emulator.kvm.timer import AlarmTimer, SstcTimer, Timer

if TYPE_CHECKING:
    from emulator.kvm.vm import Vm

STA_DISABLED: Final = (1 << 64) - 1


class MpState(Enum):
    """KVM's multiprocessing states, with their numbers."""

    RUNNABLE = 0
    INIT_RECEIVED = 2
    STOPPED = 5


class Vcpu:
    """A virtual processor. Made by `Vm.create_vcpu`.

    Attributes:
        vm: The machine that it belongs to.
        id: Its number, the guest's hart id.
        isa: Names of the extensions that it has.
        sbi: State of the SBI extensions, by name, in order of their ids.
        ran: Whether it has been run: from then on its ISA is what it is.
        config: What goes to the hypervisor's CSRs.
        context: Its registers.
        sta_address: Guest physical address of the steal-time record; all ones for none.
        mp_state: Whether it runs.
    """

    def __init__(self, vm: Vm, number: int) -> None:
        self.vm = vm
        self.id = number
        self.host = vm.kvm.host
        self.profile = vm.kvm.profile
        self.isa = initial_isa(self.host, self.profile)
        self.sbi = initial_statuses(self.host, self.profile)
        self.ran = False
        self.config = make_config(self)
        self.context = Context(self.profile.scounteren)
        self.interrupts = Interrupts(self.context)
        self.timer: Timer = (
            SstcTimer(self.context) if self.host.has("sstc") else AlarmTimer(self.interrupts, lambda: vm.time)
        )
        self.fwft = Fwft(self)
        self.sta_address = STA_DISABLED
        self.mp_state = MpState.RUNNABLE if number == 0 else MpState.STOPPED

    def has(self, extension: str) -> bool:
        """Whether the guest has an ISA extension."""
        return extension in self.isa

    def sbi_enabled(self, extension: str) -> bool:
        """Whether the guest may call an SBI extension."""
        return self.sbi.get(extension) is Status.ENABLED

    # KVM_GET_REG_LIST, KVM_GET_ONE_REG, KVM_SET_ONE_REG.

    def reg_list(self) -> list[int]:
        """The ids of the registers that there are, in the kernel's order."""
        return one_reg.reg_list(self)

    def get_one_reg(self, register: int | str) -> int:
        """Read a register, given by id or by name.

        Raises:
            KvmError: ENOENT where there is none, EINVAL for a wrong size.
        """
        return one_reg.get_one_reg(self, register)

    def set_one_reg(self, register: int | str, value: int) -> None:
        """Write a register, given by id or by name.

        Raises:
            KvmError: ENOENT where there is none, EINVAL for a value that is not accepted, EBUSY for what may not change
                after the first run, EPERM for what the guest may not have.
        """
        one_reg.set_one_reg(self, register, value)

    # KVM_RUN.

    def run(self, *, immediate_exit: bool = False) -> VcpuExit:
        """Run the guest until it needs user space.

        Args:
            immediate_exit: Come back before the guest has executed anything, as `kvm_run.immediate_exit` does.

        Returns:
            What it needs.
        """
        self._configure()
        return InterruptedExit()

    def _configure(self) -> None:
        """At the first run, the ISA settles what the hypervisor's CSRs hold; later changes of it are refused."""
        if self.ran:
            return
        self.ran = True
        settle(self)

    # KVM_GET_MP_STATE, KVM_SET_MP_STATE, KVM_INTERRUPT.

    def set_mp_state(self, state: MpState) -> None:
        """Let the vcpu run, or stop it; INIT_RECEIVED resets it where user space has asked for that to be possible.

        Raises:
            KvmError: EINVAL for a reset that was not made possible.
        """
        if state is not MpState.INIT_RECEIVED:
            self.mp_state = state
        elif self.vm.mp_state_reset:
            self.reset()
            self.mp_state = MpState.RUNNABLE
        else:
            raise KvmError(errno.EINVAL, "INIT_RECEIVED needs the capability MP_STATE_RESET of the virtual machine")

    def interrupt(self, *, level: bool) -> None:
        """Set the line of the guest's external interrupt."""
        if level:
            self.interrupts.raise_line(GuestInterrupt.EXTERNAL)
        else:
            self.interrupts.lower_line(GuestInterrupt.EXTERNAL)

    def reset(self) -> None:
        """As a new vcpu, but for its configuration: registers, interrupts, timer, steal time, firmware features."""
        self.context.reset()
        self.timer.cancel()
        self.sta_address = STA_DISABLED
        if self.sbi_enabled("fwft"):
            self.fwft.reset()

    def reconfigure(self) -> None:
        """The configuration has changed while the guest runs: it is in force from the next instruction on."""
