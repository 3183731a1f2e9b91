"""A debugger's view of a machine: registers, CSRs, memory, breakpoints. A read changes nothing.

CSR rules and translation are the hart's own, executed on the reference domain; devices are only peeked at.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from emulator.engine.judging import STEP_LIMIT, Failure
from emulator.engine.reference import ReferenceDomain, Trapped
from emulator.engine.watching import KINDS, Watch
from emulator.errors import BusFault, CsrRefused, MemoryUnavailable
from emulator.hart import csrs
from emulator.hart.access import start_access, translate_data
from emulator.hart.inspection import UNASKED
from emulator.hart.layouts import HOST_PREFIX, decoded
from emulator.hart.masking import SIGNED
from emulator.hart.modes import GUEST, MODE_NAMES
from emulator.hart.translation import LOAD
from emulator.hart.traplog import TrapRecord, last_traps
from emulator.isa.domain import Routine
from emulator.isa.extensions import satisfied
from emulator.isa.table import instruction_length
from emulator.isa.text import disassemble
from emulator.judgements import ALWAYS, HIDDEN, NO_PROGRAMS, Judgement, Programs
from emulator.stops import WatchpointHit
from emulator.witness import Witness

if TYPE_CHECKING:
    from emulator.hart.block import Blocks
    from emulator.hart.csrs import Csr
    from emulator.machine import Machine
    from emulator.memory.ram import Backing
    from emulator.stops import WatchKind

PAGE: Final = 0x1000
MASK64: Final = (1 << 64) - 1
HOSTS: Final = 0x1000
"""Added to the number of a CSR of HS-mode's own, which instructions cannot name while the hart is in a guest."""
DEVICES: Final = 1 << 63
"""Added to a guest physical address where no memory is, but maybe a device of user space's."""


class GuestMemory(Protocol):
    """Where a guest's memory lies, on a machine that a hypervisor has."""

    def locate(self, address: int) -> int | None:
        """Host physical address of a guest physical one; None where no memory is."""
        ...


Printer: TypeAlias = Callable[[int, bytes, int, memoryview], None]


@dataclass(frozen=True, slots=True)
class CsrInfo:
    """A CSR that exists on this machine.

    Attributes:
        number: Its address, 12 bits; `HOSTS` is added to it where the name begins with `hs_`.
        name: The manual's name; `hs_satp` is HS-mode's `satp` also while the hart is in a guest, whose own `satp` is.
        writable: Whether any bit of it may change.
    """

    number: int
    name: str
    writable: bool


class Inspector(ReferenceDomain):
    """The reference domain as a debugger uses it: a halted hart, whose next step is still to come.

    It may look everywhere and leaves nothing behind: the questions in `UNASKED` are answered without the hart.
    """

    writing = False

    def call(self, target: Routine, *args: int) -> int:
        """Run a routine, unless it asks what a debugger need not ask."""
        answer = UNASKED.get(target)
        return super().call(target, *args) if answer is None else answer(*args)

    def now(self) -> int:
        """Steps so far; a write names the value that the next instruction shall see."""
        steps = super().now()
        return steps - 1 if self.writing else steps


class Debug:
    """What a debugger can do to a machine that is not running.

    Harts are named by index. Addresses are virtual, in the context of the hart, unless `physical` is set.

    Attributes:
        float_bits: Width of the f registers, 64 or 32; 0 where there are none.
        guest: Where physical addresses are a guest's, because the machine is run for a guest: its memory.
    """

    def __init__(self, machine: Machine, blocks: Blocks, backing: Backing) -> None:
        self._machine = machine
        self._harts = blocks.harts
        self._backing = backing
        self._witnesses = [Witness(blocks, hart, backing, machine.board.bus) for hart in blocks.harts]
        self._domains = [Inspector(blocks, hart, backing, machine) for hart in blocks.harts]
        self._breakpoints: dict[int, list[Judgement]] = {}
        self._programs = NO_PROGRAMS
        self.guest: GuestMemory | None = None
        self.printer: Printer | None = None
        """Told what breakpoints print: the hart, a text in the notation of C's printf, and prints of it in a row.

        A print is a 64-bit word that means nothing, and the arguments; the number in between is how many words it has.
        """
        cpu = machine.config.cpu
        self.float_bits = 64 if cpu.has("d") else 32 if cpu.has("f") else 0
        self._float_mask = (1 << self.float_bits) - 1
        self._watchpoints: list[Watch] = []
        self._pages: dict[tuple[int, int], int] = {}
        """Physical page by hart and virtual page, until anything changes: a debugger reads many times between stops."""

    # Registers.

    def read_x(self, hart: int, index: int) -> int:
        """Integer register `index`, 0 to 31."""
        return self._harts[hart].get("x", index)

    def write_x(self, hart: int, index: int, value: int) -> None:
        """Set integer register `index`; x0 stays 0."""
        if index:
            self._harts[hart].put("x", value, index)

    def read_f(self, hart: int, index: int) -> int:
        """F register `index`, 0 to 31, whatever `mstatus.FS` says."""
        return self._harts[hart].get("f", index) & self._float_mask

    def write_f(self, hart: int, index: int, value: int) -> None:
        """Set f register `index`; nothing else changes."""
        boxed = value | MASK64 << self.float_bits
        self._harts[hart].put("f", boxed, index)

    def read_pc(self, hart: int) -> int:
        """Address of the next instruction."""
        return self._harts[hart].get("pc")

    def write_pc(self, hart: int, value: int) -> None:
        """Set the address of the next instruction; bits that it cannot have are cleared."""
        block = self._harts[hart]
        block.put("pc", value & ~(block.get("ialign") | 1))
        block.put("waiting", 0)

    def read_priv(self, hart: int) -> int:
        """Mode: 0 U, 1 S, 3 M, and in bit 2 whether V=1, as QEMU has it since 10.0: 4 VU, 5 VS."""
        block = self._harts[hart]
        return block.get("priv") | block.get("virt") << 2

    def write_priv(self, hart: int, value: int) -> None:
        """Set the mode, as `read_priv` shows it.

        Raises:
            CsrRefused: There is no such mode.
        """
        known = dict(MODE_NAMES)
        if not self._machine.config.cpu.has("h"):
            known = {mode: name for mode, name in known.items() if mode < GUEST}
        if value not in known:
            there_are = ", ".join(f"{mode} is {name}" for mode, name in known.items())
            raise CsrRefused(f"priv cannot be {value}: {there_are}")
        self._harts[hart].put("priv", value & ~GUEST)
        self._harts[hart].put("virt", int(value >= GUEST))
        self._changed()

    def csrs(self) -> tuple[CsrInfo, ...]:
        """The CSRs that exist, in order of their numbers; HS-mode's own of those that a guest has, too, come last."""
        rows = sorted(filter(self._exists, csrs.ROWS), key=lambda row: row.number)
        both = [row for row in rows if row.guest is not None and self._exists(row.guest)]
        plain = (CsrInfo(row.number, row.name, row.write is not None) for row in rows)
        hosts = (CsrInfo(row.number | HOSTS, HOST_PREFIX + row.name, row.write is not None) for row in both)
        return (*plain, *hosts)

    def seen(self, hart: int, number: int) -> int:
        """The CSR that a number of `csrs` means in a hart's mode.

        In a guest the plain numbers mean what the guest's instructions reach by them: `satp` is `vsatp`.
        """
        if number & HOSTS:
            return number & ~HOSTS
        row = csrs.BY_NUMBER.get(number)
        if row is None or row.guest is None or not self._harts[hart].get("virt") or not self._exists(row.guest):
            return number
        return row.guest.number

    def _exists(self, row: Csr) -> bool:
        return satisfied(row.extension, self._machine.config.cpu.extensions)

    def _csr(self, number: int) -> Csr:
        row = csrs.BY_NUMBER.get(number)
        if row is None or not self._exists(row):
            raise CsrRefused(f"there is no CSR {number:#x} on this machine")
        return row

    def read_csr(self, hart: int, number: int) -> int:
        """A CSR's value, whatever the privilege; a read changes nothing.

        Raises:
            CsrRefused: There is no such CSR.
        """
        block = self._harts[hart]
        block.put("time_base", max(block.get("time_base"), self._machine.steps))  # a waiting hart's stands still
        return int(self._csr(number).read(self._domains[hart]))

    def write_csr(self, hart: int, number: int, value: int) -> None:
        """Write a CSR as its own rules allow; a WARL field takes a legal value near to the one given.

        Raises:
            CsrRefused: There is no such CSR, or nothing of the value could be taken; says why.
        """
        row = self._csr(number)
        if row.write is None:
            raise CsrRefused(f"{row.name} is read-only")
        before = self.read_csr(hart, number)
        domain = self._domains[hart]
        domain.writing = True
        row.write(domain, value & MASK64)
        domain.writing = False
        self._harts[hart].put("attention", 0)
        self._changed()
        after = self.read_csr(hart, number)
        if after == before != value & MASK64:
            refused = [
                f"{one.name}={one.text(part)}" for one, part in decoded(row.name, value) if one.of(after) != part
            ]
            why = f"it does not take {', '.join(refused)}" if refused else "none of the bits that differ can change"
            raise CsrRefused(f"{row.name} stays {after:#x}: {why}")

    def traps(self, hart: int) -> tuple[TrapRecord, ...]:
        """The last traps that a hart took, oldest first."""
        return last_traps(self._harts[hart])

    # Memory.

    def _physical(self, hart: int, address: int) -> int:
        """Physical address of a virtual one, in the hart's context for data; asks no permission, sets no A bit."""
        page = address & ~(PAGE - 1)
        known = self._pages.get((hart, page))
        if known is None:
            try:
                known = self._domains[hart].call(translate_data, page, LOAD)
            except Trapped as trapped:
                known = self._device_of(hart)
                if known is None:
                    raise MemoryUnavailable(address, f"the translation faults (cause {trapped.cause})") from None
            self._pages[hart, page] = known
        return known | address & (PAGE - 1)

    def _device_of(self, hart: int) -> int | None:
        """Where user space has what a guest page fault was about; None where that is no answer to the fault.

        The fault was the debugger's: the hart shall not find it when it takes a trap of its own.
        """
        block = self._harts[hart]
        address, implicit = block.get("trap_tval2") << 2, block.get("trap_tinst")
        for name in ("trap_gva", "trap_tval2", "trap_tinst"):
            block.put(name, 0)
        if self.guest is None or not address or implicit or self.guest.locate(address) is not None:
            return None
        return DEVICES | address

    def _changed(self) -> None:
        self.forget_pages()
        self._machine.engine.flush()

    def forget_pages(self) -> None:
        """Something changed that translations may depend on."""
        self._pages.clear()

    def _pieces(self, hart: int, address: int, length: int, *, physical: bool) -> Iterator[tuple[int, int, int]]:
        """Cut a range at page borders: (address, physical address, length) of each piece."""
        while length > 0:
            address &= MASK64
            size = min(length, PAGE - address % PAGE)
            yield address, self._place(address) if physical else self._physical(hart, address), size
            address += size
            length -= size

    def _place(self, address: int) -> int:
        """The machine's physical address of a physical address of the debugger's; `DEVICES` is added to a guest's."""
        if self.guest is None:
            return address
        place = self.guest.locate(address)
        return DEVICES | address if place is None else place

    def read_memory(self, hart: int, address: int, length: int, *, physical: bool = False) -> bytes:
        """Read memory without side effects: RAM, ROM, and what devices let be peeked at.

        Returns:
            `length` bytes, or fewer where the rest is not there.

        Raises:
            MemoryUnavailable: Not even the first byte is there.
        """
        if address % PAGE + length <= PAGE:
            return self._peek(address, self._place(address) if physical else self._physical(hart, address), length)
        data = bytearray()
        try:
            for start, place, size in self._pieces(hart, address, length, physical=physical):
                data += self._peek(start, place, size)
        except MemoryUnavailable:
            if not data:
                raise
        return bytes(data)

    def _peek(self, address: int, physical: int, size: int) -> bytes:
        at = self._domains[0].backing_offset(physical)
        if at is not None:
            return bytes(self._backing.bytes[at : at + size])
        try:
            return self._machine.board.bus.peek(physical & ~DEVICES, size)
        except BusFault:
            raise MemoryUnavailable(address, f"nothing to read at physical address {physical:#x}") from None

    def write_memory(self, hart: int, address: int, data: bytes, *, physical: bool = False) -> None:
        """Write RAM or ROM. All of it or, if a byte cannot be written, nothing.

        Raises:
            MemoryUnavailable: A byte of the range is not memory.
        """
        writes = []
        done = 0
        for start, place, size in self._pieces(hart, address, len(data), physical=physical):
            at = self._domains[0].backing_offset(place)
            if at is None:
                raise MemoryUnavailable(start, f"no memory at physical address {place:#x}")
            writes.append((at, data[done : done + size]))
            done += size
        self.forget_pages()
        for at, piece in writes:
            self._backing.bytes[at : at + len(piece)] = piece
            self._machine.engine.ram_changed(at, len(piece))

    def witness(self, hart: int) -> Witness:
        """The hart's rules, to be asked without consequences."""
        return self._witnesses[hart].supposing()

    def disassemble(self, hart: int, address: int, count: int) -> list[tuple[int, bytes, str]]:
        """Address, bytes and text of `count` instructions, as far as memory can be read."""
        found: list[tuple[int, bytes, str]] = []
        for _ in range(count):
            try:
                parcel = self.read_memory(hart, address, 2)
                size = instruction_length(parcel[0])
                code = parcel if size == 2 else self.read_memory(hart, address, 4)
            except MemoryUnavailable:
                break
            found.append((address, code, disassemble(int.from_bytes(code, "little"), address)))
            address = (address + len(code)) & MASK64
        return found

    # Breakpoints and watchpoints.

    def insert_breakpoint(self, address: int, judgement: Judgement = ALWAYS) -> None:
        """Stop before the instruction at a virtual address, in whatever context; may be inserted more than once.

        Args:
            address: The virtual address.
            judgement: What decides whether to stop; where several are at one address, each that says so stops.

        Raises:
            JudgementRefused: The judgement makes no sense.
        """
        judgement.check()
        self._breakpoints.setdefault(address, []).append(judgement)
        self._renew_breakpoints()

    def remove_breakpoint(self, address: int, judgement: Judgement = ALWAYS) -> None:
        """Undo one insertion; one that was never inserted is ignored."""
        there = self._breakpoints.get(address, [])
        if judgement in there:
            there.remove(judgement)
            if not there:
                del self._breakpoints[address]
            self._renew_breakpoints()

    def _renew_breakpoints(self) -> None:
        self._programs = Programs(self._breakpoints)
        for domain in self._domains:
            domain.judgements = self._programs.code
        self._set_breakpoints(self._breakpoints)

    def _set_breakpoints(self, addresses: Iterable[int]) -> None:
        self._machine.engine.set_breakpoints(tuple(addresses), self._programs)

    def untagged(self, address: int) -> int:
        """A data address as the first hart that masks it uses it now; itself where none does."""
        for domain in self._domains:
            plain = int(start_access(domain, address))
            if plain != address:
                return plain
        return address

    def failure(self, hart: int) -> str:
        """Why the last breakpoint of a hart could not be judged, in a sentence; empty if it could."""
        detail = self._harts[hart].get("judge_detail")
        return {
            Failure.NONE: "",
            Failure.MEMORY: f"cannot access memory at address {detail:#x}",
            Failure.DIVISION: "division by zero",
            Failure.ENDLESS: f"it has not come to an end after {STEP_LIMIT:,} steps",
        }[self._harts[hart].get("judge_failure")]

    def judge_print(self, hart: int, index: int, depth: int) -> None:
        """A breakpoint's command prints: tell `printer`."""
        stack = [self._harts[hart].get("judge_stack", at) for at in reversed(range(depth))]
        self.forget_pages()  # the hart may have changed anything since its slice began
        self.judge_printed(memoryview(array("Q", [hart << 32 | index, *stack[HIDDEN:]])))

    def judge_printed(self, words: memoryview) -> None:
        """Breakpoints' commands have printed: tell `printer`, as many prints as are alike at a time."""
        while words and self.printer is not None:
            alike, stride = words[0], 1 + self._programs.arguments[words[0] & 0xFFFF_FFFF]
            count = sum(1 for _ in takewhile(alike.__eq__, words[::stride]))
            text = self._programs.texts[alike & 0xFFFF_FFFF]
            self.printer(alike >> 32, text, stride, words[: count * stride])
            words = words[count * stride :]

    @contextmanager
    def breakpoint_lifted(self, address: int) -> Iterator[None]:
        """Have no breakpoint at an address for a while."""
        if address not in self._breakpoints:
            yield
            return
        self._set_breakpoints(other for other in self._breakpoints if other != address)
        try:
            yield
        finally:
            self._set_breakpoints(self._breakpoints)

    @contextmanager
    def kept_inside(self, hart: int, start: int, end: int) -> Iterator[None]:
        """Have a hart stop, for a while, before an instruction outside the addresses from `start` up to `end`."""
        self._machine.engine.set_span(hart, start, (end - start) & MASK64)
        try:
            yield
        finally:
            self._machine.engine.set_span(hart, 0, 0)

    def insert_watchpoint(self, kind: WatchKind, address: int, length: int) -> None:
        """Stop before an access of a kind to any of `length` bytes at a virtual address or an alias of it."""
        self.insert_watch(Watch(kind, address, length))

    def remove_watchpoint(self, kind: WatchKind, address: int, length: int) -> None:
        """Undo one insertion; one that was never inserted is ignored."""
        self.remove_watch(Watch(kind, address, length))

    def insert_watch(self, watch: Watch) -> None:
        """Stop at the accesses that a watchpoint describes."""
        self._watchpoints.append(watch)
        self._machine.engine.set_watchpoints(self._watchpoints)

    def remove_watch(self, watch: Watch) -> None:
        """Undo one insertion; one that was never inserted is ignored."""
        if watch in self._watchpoints:
            self._watchpoints.remove(watch)
            self._machine.engine.set_watchpoints(self._watchpoints)

    @contextmanager
    def watchpoints_lifted(self) -> Iterator[None]:
        """Have no watchpoints for a while."""
        self._machine.engine.set_watchpoints(())
        try:
            yield
        finally:
            self._machine.engine.set_watchpoints(self._watchpoints)

    def watchpoint_hit(self, hart: int) -> WatchpointHit:
        """What the engine says of the watchpoint that stopped a hart."""
        block = self._harts[hart]
        index, access, size, made = (block.get("stop_detail", at) for at in range(4))
        watch = self._watchpoints[index]
        return WatchpointHit(
            hart,
            watch.kind,
            watch.address,
            access,
            size,
            block.get("access_mask") & (SIGNED - 1),
            next(kind for kind, bits in KINDS.items() if bits == made),
            watch,
        )

    def mask_interrupts(self, harts: Collection[int]) -> None:
        """Hold interrupts back in these harts (QEMU's `sstep` bit NOIRQ), and let them in in the others."""
        for hart in self._harts:
            hart.put("mask_interrupts", int(hart.index in harts))
