"""A virtual machine: its vcpus, its memory and its time."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from emulator.hart.fields import Privilege
from emulator.kvm import migration
from emulator.kvm.errors import KvmError
from emulator.kvm.exits import BudgetExit, DebugExit, InterruptedExit, VcpuExit
from emulator.kvm.gstage import address_bits
from emulator.kvm.journal import Journal
from emulator.kvm.memory import SLOT_ALIGNMENT, Slot, Slots, moved
from emulator.kvm.trap import Trap
from emulator.kvm.traps import handle
from emulator.kvm.vcpu import Vcpu
from emulator.kvm.world import World, WorldOptions
from emulator.stops import BreakpointHit, BudgetSpent, HypervisorExit, Stop, WatchpointHit

if TYPE_CHECKING:
    from emulator.hart.block import HartBlock
    from emulator.kvm.system import Kvm

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
ENDLESS: Final = 1 << 62
MASK64: Final = (1 << 64) - 1


class Vm:
    """A virtual machine. Made by `Kvm.create_vm`.

    Attributes:
        kvm: The host's KVM.
        vcpus: By number.
        mp_state_reset: Whether the capability MP_STATE_RESET has been enabled.
        delta: What is added to the host's time to have the guest's.
        journal: The last exits and SBI calls.
        user_space: Called with an exit while the machine runs; returns whether it has handled it, so that the guest
            goes on at once. Without it, and for what it does not handle, the run comes back.
    """

    def __init__(self, kvm: Kvm, max_vcpus: int, memory: int, options: WorldOptions) -> None:
        self.kvm = kvm
        self.vcpus: dict[int, Vcpu] = {}
        self.mp_state_reset = False
        self.delta = 0
        self.user_space: Callable[[Vcpu, VcpuExit], bool] | None = None
        self.slots = Slots(1 << address_bits(kvm.host.satp_mode))
        self._max_vcpus = max_vcpus
        self._memory = memory
        self._options = options
        self._world: World | None = None
        self._busy = False
        self.journal = Journal()
        self._exit: tuple[Vcpu, VcpuExit | KvmError] | None = None

    def create_vcpu(self, number: int) -> Vcpu:
        """Make a vcpu.

        Raises:
            KvmError: EINVAL for a number that is too large, EEXIST for one that is taken.
        """
        if not 0 <= number < self._max_vcpus:
            raise KvmError(errno.EINVAL, f"vcpu {number}: there is room for {self._max_vcpus} vcpus, from 0 on")
        if number in self.vcpus:
            raise KvmError(errno.EEXIST, f"vcpu {number} exists")
        vcpu = self.vcpus[number] = Vcpu(self, number)
        return vcpu

    def enable_mp_state_reset(self) -> None:
        """KVM_CAP_RISCV_MP_STATE_RESET: let user space reset vcpus.

        Raises:
            KvmError: EINVAL where the kernel does not have it.
        """
        if not self.kvm.profile.mp_state_reset:
            raise KvmError(errno.EINVAL, f"{self.kvm.profile.name} has no capability MP_STATE_RESET")
        self.mp_state_reset = True

    @property
    def world(self) -> World:
        """The machine under the guest; it is built when it is first needed."""
        if self._world is None:
            self._world = World(self.kvm.host, self._max_vcpus, self._memory, self._options)
            self._world.machine.hypervisor = self
            for vcpu in self.vcpus.values():
                vcpu.timer.time_changed()
        return self._world

    # Memory.

    def set_memory_region(self, number: int, address: int, size: int, *, readonly: bool = False) -> Slot | None:
        """Make a slot, move it (another address), or delete it (size 0). New memory is zero.

        Args:
            number: The slot's.
            address: Guest physical address.
            size: Bytes.
            readonly: Let stores leave with `MmioExit`.

        Returns:
            The slot, None if it was deleted.

        Raises:
            KvmError: EINVAL for what is not aligned, out of range, or cannot change; EEXIST for an overlap; EFAULT
                behind the last guest physical address; ENOMEM without host memory; EBUSY while the guest runs.
        """
        self._demand_halted("a memory slot")
        wanted = Slot(number, address, size, 0, readonly)
        self.slots.check(wanted)
        old = self.slots.get(number)
        if old is not None and old.address == address and size:
            return old
        if old is None:
            used = self.world.memory.used_end
            host = self._allocate(size, address)
            self.world.clear(host, min(size, max(used - host, 0)))
            made = Slot(number, address, size, host, readonly)
        else:
            self.world.gstage.unmap(old.address, old.end)
            self.world.machine.engine.flush()
            made = moved(old, address)
            if size == 0:
                self.slots.delete(number)
                self.world.memory.release(old.host_address, old.size)
                return None
        self.slots.put(made)
        return made

    def _allocate(self, size: int, address: int) -> int:
        """Host memory for a slot, laid so that large pages can map it, if there is room for that."""
        memory = self.world.memory
        try:
            return memory.allocate(size, SLOT_ALIGNMENT, address)
        except KvmError:
            return memory.allocate(size)

    def has_memory(self, address: int) -> bool:
        """Whether a guest physical address is memory."""
        return self.slots.find(address) is not None

    def read_memory(self, address: int, length: int) -> bytes:
        """Read guest physical memory.

        Raises:
            KvmError: EFAULT if not all of it is memory.
        """
        return b"".join(self.world.read(host, size) for host, size in self._pieces(address, length))

    def write_memory(self, address: int, data: bytes) -> None:
        """Write guest physical memory: all of it or nothing.

        Raises:
            KvmError: EFAULT if not all of it is memory.
        """
        done = 0
        for host, size in list(self._pieces(address, len(data))):
            self.world.write(host, data[done : done + size])
            done += size

    def _pieces(self, address: int, length: int) -> Iterator[tuple[int, int]]:
        """Host physical addresses and lengths of a range, which may lie across slots."""
        while length > 0:
            slot = self.slots.find(address)
            if slot is None:
                raise KvmError(errno.EFAULT, f"there is no memory at guest physical address {address:#x}")
            size = min(length, slot.end - address)
            yield slot.to_host(address), size
            address += size
            length -= size

    def map_page(self, address: int, *, store: bool) -> bool:
        """Let the hardware find the memory at a guest physical address; False if a device has to answer."""
        slot = self.slots.find(address)
        if slot is None or (store and slot.readonly):
            return False
        host = slot.to_host(address)
        self.world.gstage.map(address, host, slot.address, slot.end, writable=not slot.readonly)
        return True

    def locate(self, address: int) -> int | None:
        """Host physical address of a guest physical one; None where no memory is."""
        slot = self.slots.find(address)
        return None if slot is None else slot.to_host(address)

    def populate(self) -> None:
        """Map all memory now, so that no guest leaves because it touches a page for the first time."""
        for slot in self.slots:
            address = slot.address
            while address < slot.end:
                host, writable = slot.to_host(address), not slot.readonly
                address = self.world.gstage.map(address, host, slot.address, slot.end, writable=writable)

    def demand_room(self, size: int) -> None:
        """See whether all slots together may have so much memory.

        Raises:
            KvmError: ENOMEM if not.
        """
        if size > self._memory:
            raise KvmError(errno.ENOMEM, f"slots of {size} bytes; this virtual machine may have {self._memory}")

    # Saving and restoring.

    def save(self, user_space: Mapping[str, Any] = NOTHING) -> bytes:
        """The virtual machine as a file's content (`emulator.kvm.statefile`), for `restore` here or elsewhere.

        Args:
            user_space: What user space adds, such as its devices; plain values that JSON can hold.

        Raises:
            KvmError: EBUSY while it runs.
        """
        self._demand_halted("saving")
        if self._world is not None:
            self._world.machine.settle()
        return migration.save(self, user_space)

    def restore(self, data: bytes, check: Callable[[Mapping[str, Any]], None] = lambda _: None) -> None:
        """Become a saved virtual machine; this one has neither vcpus nor memory yet.

        Args:
            data: The file's content.
            check: Called with the file's description before anything changes: `slots`, `vcpus` and what user space has
                added, `user_space`. It raises what it does not like.

        Raises:
            StateError: For a damaged or foreign file, and for what this host or kernel does not have: the error names
                the register. The virtual machine is then as it was.
        """
        self._demand_halted("restoring")
        migration.restore(self, data, check)

    def like(self) -> Vm:
        """Another virtual machine of the same kind, empty."""
        return Vm(self.kvm, self._max_vcpus, self._memory, self._options)

    # Time.

    @property
    def time(self) -> int:
        """The guest's `time`: the host's, and a distance that user space chooses. It begins at 0."""
        return self.host_time + self.delta & MASK64

    @property
    def host_time(self) -> int:
        """The host's `time`, in ticks."""
        return 0 if self._world is None else self._world.machine.clock.mtime

    @property
    def latest_time(self) -> int:
        """The guest's `time` on the hart that is ahead of the others: none has seen a later one."""
        if self._world is None:
            return self.time
        machine = self._world.machine
        ahead = machine.ticks(max(hart.get("time_base") for hart in machine.harts))
        return max(ahead, self.host_time) + self.delta & MASK64

    def set_time(self, value: int) -> None:
        """Let the guest's time be `value` now, for all vcpus."""
        self.delta = value - self.host_time
        for vcpu in self.vcpus.values():
            vcpu.reconfigure()
            vcpu.timer.time_changed()

    def set_alarm(self, vcpu: Vcpu, time: int | None, fire: Callable[[], None]) -> None:
        """Call `fire` when the guest's time is `time`; None cancels. One alarm a vcpu."""
        if self._world is None:
            return
        deadline = None if time is None else time - self.delta
        self._world.machine.clock.alarm(("kvm", vcpu.id), deadline, fire)

    # Running.

    def run(self, budget: int | None = None) -> tuple[Vcpu, VcpuExit]:
        """Let all vcpus take turns until one of them needs user space.

        Returns:
            The vcpu and what it needs. For an exit that is nobody's (`BudgetExit`, `InterruptedExit`) the first vcpu.

        Raises:
            KvmError: EBUSY while something runs already, EINVAL without a vcpu; as of `Vcpu.run` if the run fails.
        """
        if not self.vcpus:
            raise KvmError(errno.EINVAL, "the virtual machine has no vcpu")
        return self.run_vcpus(list(self.vcpus.values()), budget)

    def run_vcpus(
        self, vcpus: Sequence[Vcpu], budget: int | None = None, *, immediate_exit: bool = False
    ) -> tuple[Vcpu, VcpuExit]:
        """As `run`, for some of the vcpus; time passes for the others."""
        self._demand_halted("a vcpu")
        for vcpu in vcpus:
            vcpu.prepare()
        if immediate_exit:
            return vcpus[0], InterruptedExit()
        only = frozenset(vcpu.id for vcpu in vcpus)
        return self._judge(self._advance(ENDLESS if budget is None else budget, only), vcpus)

    def advance(self, budget: int, *, only: frozenset[int] | None = None) -> Stop:
        """As `Machine.run` of the machine under the guest, for who drives that: all vcpus are brought to run first.

        Raises:
            KvmError: EBUSY while something runs already.
        """
        self._demand_halted("a vcpu")
        for vcpu in self.vcpus.values():
            vcpu.prepare()
        return self._advance(budget, only)

    def _advance(self, budget: int, only: frozenset[int] | None) -> Stop:
        with self._running():
            for vcpu in self.vcpus.values():
                vcpu.enter()
            return self.world.machine.run(budget, only=only)

    def step(self, number: int) -> Stop:
        """As `Machine.step`: one instruction of a vcpu; one that is stopped makes none.

        Raises:
            KvmError: EBUSY while something runs already.
        """
        self._demand_halted("a vcpu")
        for vcpu in self.vcpus.values():
            vcpu.prepare()
        if self.vcpus[number].stopped:
            return BudgetSpent()
        with self._running():
            for vcpu in self.vcpus.values():
                vcpu.enter()
            return self.world.machine.step(number)

    def interrupt(self) -> None:
        """From any thread: let the run at hand come back with `InterruptedExit`."""
        self.world.machine.interrupt()

    def stop_vcpus(self) -> None:
        """Stop every vcpu."""
        for vcpu in self.vcpus.values():
            vcpu.power_off()

    def trapped(self, hart: HartBlock) -> Stop | None:
        """A hart has left its guest (`emulator.machine.Hypervisor`): do what the hypervisor does, and go back."""
        vcpu = self.vcpus[hart.index]
        trap = Trap(*(hart.get(name) for name in ("scause", "stval", "htval", "htinst")))
        pc = hart.get("sepc")
        leaving: VcpuExit | KvmError | None
        try:
            leaving = self._handle(vcpu, hart, trap)
        except KvmError as error:
            leaving = error
        record = self.journal.left(vcpu, pc, trap, leaving)
        if isinstance(leaving, KvmError):
            self._exit = vcpu, leaving
            return HypervisorExit(hart.index, f"KVM_RUN of vcpu {vcpu.id} failed: {leaving}", failed=True)
        if leaving is not None:
            self.world.machine.catches.left_guest(hart.index, record.reason, record)
            if self.user_space is None or not self.user_space(vcpu, leaving):
                self._exit = vcpu, leaving
                return HypervisorExit(hart.index, f"vcpu {vcpu.id} left for user space: {leaving}")
        vcpu.prepare()
        vcpu.enter()
        return None

    def _handle(self, vcpu: Vcpu, hart: HartBlock, trap: Trap) -> VcpuExit | None:
        """The hart goes back to its guest's instruction; then the trap is handled."""
        if hart.get("priv") != Privilege.S:
            raise KvmError(errno.EFAULT, f"the guest left for M-mode with cause {hart.get('mcause')}")
        hart.put("pc", hart.get("sepc"))
        hart.put("priv", hart.get("mstatus") >> 8 & 1)
        hart.put("virt", 1)
        return handle(vcpu, trap)

    def _judge(self, stop: Stop, vcpus: Sequence[Vcpu]) -> tuple[Vcpu, VcpuExit]:
        match stop:
            case HypervisorExit():
                assert self._exit is not None
                (vcpu, left), self._exit = self._exit, None
                if isinstance(left, KvmError):
                    raise left
                return vcpu, left
            case BudgetSpent():
                return vcpus[0], BudgetExit()
            case BreakpointHit(hart=hart) | WatchpointHit(hart=hart):
                vcpu = self.vcpus[hart]
                return vcpu, DebugExit(vcpu.context.get("pc"))
        return vcpus[0], InterruptedExit()

    def _demand_halted(self, what: str) -> None:
        if self._busy:
            raise KvmError(errno.EBUSY, f"{what}: the virtual machine is running")

    @contextmanager
    def _running(self) -> Iterator[None]:
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
