"""One virtual processor."""

from __future__ import annotations

import errno
from enum import Enum
from typing import TYPE_CHECKING, Final

from emulator.errors import MemoryUnavailable
from emulator.isa.table import instruction_length
from emulator.kvm import one_reg
from emulator.kvm.completions import Completion, CsrCompletion, MmioCompletion, SbiCompletion
from emulator.kvm.configuration import BREAKPOINT, make_config, settle
from emulator.kvm.context import Context
from emulator.kvm.errors import KvmError
from emulator.kvm.exits import VcpuExit
from emulator.kvm.extensions import initial_isa
from emulator.kvm.interrupts import GuestInterrupt, Interrupts
from emulator.kvm.sbi.extensions import Status, initial_statuses
from emulator.kvm.sbi.fwft import Fwft
from emulator.kvm.sbi.ranges import BASE
from emulator.kvm.timer import AlarmTimer, SstcTimer, Timer
from emulator.kvm.world import GuestRegisters

if TYPE_CHECKING:
    from emulator.hart.block import HartBlock
    from emulator.kvm.vm import Vm
    from emulator.kvm.world import World

STA_DISABLED: Final = (1 << 64) - 1
SSTATUS_SIE: Final = 1 << 1
SSTATUS_SPIE: Final = 1 << 5
SSTATUS_SPP: Final = 1 << 8


class MpState(Enum):
    """KVM's multiprocessing states, with their numbers."""

    RUNNABLE = 0
    INIT_RECEIVED = 2
    STOPPED = 5


class Vcpu:
    """A virtual processor. Made by `Vm.create_vcpu`.

    Attributes:
        vm: The machine that it belongs to.
        id: Its number, the guest's hart id and the index of its hart.
        isa: Names of the extensions that it has.
        sbi: State of the SBI extensions, by name, in order of their ids.
        ran: Whether it has been run: from then on its ISA is what it is.
        config: What goes to the hypervisor's CSRs.
        context: Its registers.
        sta_address: Guest physical address of the steal-time record; all ones for none.
        mp_state: Whether it runs.
        completion: What user space has to answer before it can go on.
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
        self.interrupts = Interrupts(self.context, self._interrupts_changed)
        self.timer: Timer = SstcTimer(self.context) if self.host.has("sstc") else AlarmTimer(self)
        self.fwft = Fwft(self)
        self.sta_address = STA_DISABLED
        self.mp_state = MpState.RUNNABLE if number == 0 else MpState.STOPPED
        self.completion: Completion | None = None
        self._hart: HartBlock | None = None
        self._configured = False
        self._waits = False
        self._resume: tuple[int, int] | None = None

    def has(self, extension: str) -> bool:
        """Whether the guest has an ISA extension."""
        return extension in self.isa

    def sbi_enabled(self, extension: str) -> bool:
        """Whether user space has an SBI extension enabled."""
        return self.sbi.get(extension) is Status.ENABLED

    def offers(self, extension: str) -> bool:
        """Whether the guest may call an SBI extension; v0.1 also depends on how the host's kernel was built."""
        if extension == BASE:
            return True
        return self.sbi_enabled(extension) and (extension != "v01" or self.host.legacy_sbi)

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

    def run(self, budget: int | None = None, *, immediate_exit: bool = False) -> VcpuExit:
        """Run this vcpu, and no other one, until it needs user space.

        Args:
            budget: Steps, after which it comes back with `BudgetExit`; no limit by default.
            immediate_exit: Come back before the guest has executed anything, as `kvm_run.immediate_exit` does.

        Returns:
            What it needs. Answer it with `complete_mmio`, `complete_sbi` or `complete_csr`; otherwise the guest gets
            what KVM gives without an answer: zeros, and "not supported" from the SBI.

        Raises:
            KvmError: EBUSY while something runs already; EFAULT, EIO or EOPNOTSUPP if the run fails, as with an
                instruction on a device's memory that KVM does not carry out.
        """
        return self.vm.run_vcpus([self], budget, immediate_exit=immediate_exit)[1]

    def complete_mmio(self, data: bytes) -> None:
        """Answer an `MmioExit` of a load: the bytes that it reads.

        Raises:
            KvmError: EINVAL if the vcpu does not wait for that.
        """
        if not isinstance(self.completion, MmioCompletion) or len(data) < self.completion.access.length:
            raise KvmError(errno.EINVAL, f"vcpu {self.id} waits for no load of {len(data)} bytes")
        self.completion.data = bytes(data)

    def complete_sbi(self, error: int, value: int = 0) -> None:
        """Answer an `SbiExit`.

        Raises:
            KvmError: EINVAL if the vcpu does not wait for that.
        """
        if not isinstance(self.completion, SbiCompletion):
            raise KvmError(errno.EINVAL, f"vcpu {self.id} waits for no answer of the SBI")
        self.completion.error, self.completion.value = error, value

    def complete_csr(self, value: int) -> None:
        """Answer a `CsrExit`: the CSR's old value.

        Raises:
            KvmError: EINVAL if the vcpu does not wait for that.
        """
        if not isinstance(self.completion, CsrCompletion):
            raise KvmError(errno.EINVAL, f"vcpu {self.id} waits for no CSR")
        self.completion.value = value

    def prepare(self) -> None:
        """What every run begins with: the configuration is settled, and what user space has answered is done."""
        if not self.ran:
            self.ran = True
            settle(self)
            self.reconfigure()
        self.finish_exit()
        if self._resume is not None:
            (address, opaque), self._resume = self._resume, None
            self.power_on(address, opaque)

    def finish_exit(self) -> None:
        """Do what is left of the last exit: the guest gets its answer."""
        if self.completion is not None:
            completion, self.completion = self.completion, None
            completion.apply(self)

    # KVM_GET_MP_STATE, KVM_SET_MP_STATE, KVM_INTERRUPT, KVM_SET_GUEST_DEBUG.

    def set_mp_state(self, state: MpState) -> None:
        """Let the vcpu run, or stop it; INIT_RECEIVED resets it where user space has asked for that to be possible.

        Raises:
            KvmError: EINVAL for a reset that was not made possible.
        """
        if state is MpState.RUNNABLE:
            self._start()
        elif state is MpState.STOPPED:
            self.power_off()
        elif self.vm.mp_state_reset:
            self.reset()
            self._start()
        else:
            raise KvmError(errno.EINVAL, "INIT_RECEIVED needs the capability MP_STATE_RESET of the virtual machine")

    def interrupt(self, *, level: bool) -> None:
        """Set the line of the guest's external interrupt."""
        if level:
            self.interrupts.raise_line(GuestInterrupt.EXTERNAL)
        else:
            self.interrupts.lower_line(GuestInterrupt.EXTERNAL)

    def set_guest_debug(self, *, enable: bool) -> None:
        """Let the guest's `ebreak` leave with `DebugExit`, or give it to the guest's own handler."""
        if enable:
            self.config.hedeleg &= ~BREAKPOINT
        else:
            self.config.hedeleg |= BREAKPOINT
        self.reconfigure()

    # Power.

    @property
    def stopped(self) -> bool:
        """Whether the vcpu does not run until someone starts it."""
        return self.mp_state is MpState.STOPPED

    @property
    def waiting(self) -> bool:
        """Whether the vcpu waits for an interrupt."""
        return not self.stopped and self._hart is not None and bool(self._hart.get("waiting"))

    def reset(self) -> None:
        """As a new vcpu, but for its configuration: registers, interrupts, timer, steal time, firmware features."""
        self.context.reset()
        self.timer.reset()
        self.sta_address = STA_DISABLED
        if self.sbi_enabled("fwft"):
            self.fwft.reset()
        self.reconfigure()

    def power_on(self, address: int, opaque: int) -> None:
        """Start as SBI HSM does: reset, at an address, with the hart's number and a value of the starter's."""
        self.reset()
        self.context.put("pc", address)
        self.context.put("x10", self.id)
        self.context.put("x11", opaque)
        self._start()

    def power_off(self) -> None:
        """Stop: the registers stay."""
        if self.mp_state is not MpState.STOPPED:
            self.mp_state = MpState.STOPPED
            self._park()

    def resume_at(self, address: int, opaque: int) -> None:
        """Begin again as after `power_on` when user space has answered the call at hand."""
        self._resume = address, opaque

    def _start(self) -> None:
        self.mp_state = MpState.RUNNABLE
        if self._hart is not None:
            self._hart.put("waiting", 0)
            self.enter()

    def _park(self) -> None:
        """Keep the hart from running: it waits, with no interrupt enabled."""
        if self._hart is not None:
            self.context.load()
            self.context.hold("sie")
            self._hart.put("mie", 0)
            self._hart.put("waiting", 1)

    # On the hart.

    @property
    def hart(self) -> HartBlock:
        """The vcpu's hart."""
        if self._hart is None:
            self._attach(self.vm.world)
        assert self._hart is not None
        return self._hart

    def _attach(self, world: World) -> None:
        self._hart = world.machine.harts[self.id]
        self.context.attach(GuestRegisters(world, self._hart))
        self._hart.put("virt", 1)
        if not self.stopped:
            self._hart.put("waiting", 0)

    def enter(self) -> None:
        """Let the hart be in the guest, with what user space and the hypervisor have changed."""
        hart = self.hart
        if not self._configured:
            floating = self.has("f") or self.has("d")
            self.vm.world.configure(hart, self.config, self.vm.delta, floating=floating)
            self._configured = True
        if self.stopped:
            self._park()
        else:
            self.context.load()
            if self._waits:
                hart.put("waiting", 1)
        self._waits = False

    def reconfigure(self) -> None:
        """The configuration has changed: it is in force from the next instruction of the guest on."""
        self._configured = False

    def _interrupts_changed(self) -> None:
        if self._hart is not None and not self.stopped:
            self.context.load()

    def wait(self) -> None:
        """Do not go on before an interrupt that the guest has enabled is pending."""
        self._waits = True

    def skip(self, size: int) -> None:
        """Go on behind the instruction at hand."""
        self.context.put("pc", self.context.get("pc") + size)

    def inject(self, cause: int, tval: int) -> None:
        """Let the guest take an exception at the instruction at hand, in VS-mode; `stvec` is taken as it is."""
        context = self.context
        status = context.get("sstatus")
        kept = status & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE)
        spie = SSTATUS_SPIE if status & SSTATUS_SIE else 0
        context.put("sstatus", kept | spie | (SSTATUS_SPP if context.get("mode") else 0))
        context.put("sepc", context.get("pc"))
        context.put("scause", cause)
        context.put("stval", tval)
        context.put("pc", context.get("stvec"))
        context.put("mode", 1)

    def fence(self) -> None:
        """Forget cached translations. What was decoded from memory is kept in step with it anyway."""
        self.vm.world.machine.engine.flush()

    def fetch(self) -> int:
        """The instruction at hand, 2 or 4 bytes."""
        pc = self.context.get("pc")
        parcel = self.read_virtual(pc, 2)
        rest = self.read_virtual(pc + 2, 2) if instruction_length(parcel[0]) == 4 else b""
        return int.from_bytes(parcel + rest, "little")

    def read_virtual(self, address: int, length: int) -> bytes:
        """Memory at an address of the guest's.

        Raises:
            KvmError: EFAULT if it is not there.
        """
        try:
            data = self.vm.world.machine.debug.read_memory(self.id, address, length)
        except MemoryUnavailable as error:
            raise KvmError(errno.EFAULT, str(error)) from error
        if len(data) < length:
            raise KvmError(errno.EFAULT, f"{length} bytes at {address:#x} are not all there")
        return data
