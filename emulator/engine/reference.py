"""The reference engine: every meaning executed on Python integers. Slow and obvious; the oracle of the compiled one.

It also runs the machine where llvmlite has no wheel, and gives a debugger the hart's rules without running the hart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from emulator.engine.integers import MASK, IntOps
from emulator.engine.judging import PRINT_SHIFT, judge
from emulator.engine.layout import RAM_BASE
from emulator.engine.watching import Space, Watch, concerns, watched_range
from emulator.errors import BusFault
from emulator.hart import csrs
from emulator.hart.access import ATOMIC_READ, READ, WRITE, check_fetch, translate_fetch
from emulator.hart.arithmetic import exact
from emulator.hart.faults import describe_fault
from emulator.hart.fields import Cause
from emulator.hart.floating import accrue, mark_dirty, require_float
from emulator.hart.state import Attention, CsrPhase, Observed, StopCode
from emulator.hart.translation import FETCH
from emulator.hart.traps import poll_interrupts, take_exception
from emulator.hart.triggers import consider_triggers
from emulator.isa.domain import Routine
from emulator.isa.extensions import EXTENSION_BITS
from emulator.isa.rows import SINK
from emulator.isa.table import Instruction, decode, instruction_length
from emulator.judgements import NO_PROGRAMS, Programs

if TYPE_CHECKING:
    from emulator.engine.hooks import Hooks
    from emulator.hart.block import Blocks, HartBlock
    from emulator.memory.ram import Backing


class Trapped(Exception):
    """Raised when a meaning raises a synchronous exception."""

    def __init__(self, cause: int, tval: int) -> None:
        super().__init__(cause, tval)
        self.cause = cause
        self.tval = tval


class _Returned(Exception):
    """Raised by `ret`, caught by the call."""

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value


class _Watched(Exception):
    """Raised when a watchpoint covers an access."""


class Box:
    """A `Var` of the reference domain."""

    __slots__ = ("_value",)

    def __init__(self, value: int) -> None:
        self._value = value

    def get(self) -> int:
        """The value."""
        return self._value

    def set(self, value: int) -> None:
        """Assign."""
        self._value = value


class ReferenceDomain(IntOps):
    """`emulator.isa.domain.Domain` over integers, for one hart.

    Args:
        blocks: The state of all harts.
        hart: The hart's block.
        backing: RAM and ROM.
        hooks: The machine, for devices.
    """

    def __init__(self, blocks: Blocks, hart: HartBlock, backing: Backing, hooks: Hooks) -> None:
        self.hart = hart
        self._shared = blocks.shared
        self._backing = backing
        self._hooks = hooks
        self.get = hart.get
        self.put = hart.put
        self.bits = 0
        self.watches: Sequence[Watch] = ()
        self.special: int | None = None
        self.judgements: Sequence[int] = ()
        self.watched_csrs: frozenset[int] = frozenset()

    def when(self, cond: bool) -> Iterator[None]:
        """Run the body once if the condition holds."""
        if cond:
            yield

    def unless(self, cond: bool) -> Iterator[None]:
        """Run the body once if it does not."""
        if not cond:
            yield

    def loop(self, cond: Callable[[], bool]) -> Iterator[None]:
        """Run the body while it holds."""
        while cond():
            yield

    def var(self, initial: int) -> Box:
        """A local variable."""
        return Box(initial)

    def shared(self, field: str) -> int:
        """A word that all harts share."""
        return self._shared.get(field)

    def call(self, target: Routine, *args: int) -> int:
        """Run a routine."""
        try:
            target.body(self, *args)
        except _Returned as done:
            return done.value
        return 0

    def attempt(self, target: Routine, *args: int) -> tuple[bool, int]:
        """Run a routine and catch its exception."""
        try:
            return False, self.call(target, *args)
        except Trapped:
            return True, 0

    def judge_word(self, index: int) -> int:
        """A word of the programs."""
        return self.judgements[index]

    def judge_csr(self, number: int) -> int:
        """Ask the machine."""
        return self._hooks.judge_csr(self.hart.index, number)

    def judge_print(self, operand: int, depth: int) -> None:
        """Tell the machine."""
        self._hooks.judge_print(self.hart.index, operand >> PRINT_SHIFT, depth)

    def call_csr(self, kind: str, number: int, *args: int) -> int:
        """Run the meaning of an instruction's access to a CSR."""
        row = csrs.BY_NUMBER.get(number)
        if row is None:
            self.illegal()
            return 0
        watched = number in self.watched_csrs
        if watched and kind == "write":
            self._hooks.csr_accessed(self.hart.index, number, CsrPhase.BEFORE_WRITE)
        make = {"read": csrs.read_instruction, "base": csrs.base_instruction, "write": csrs.write_instruction}[kind]
        value = self.call(Routine(kind, 1, make(row)), *(args or (0,)))
        if watched:
            phase = CsrPhase.WRITTEN if kind == "write" else CsrPhase.READ
            self._hooks.csr_accessed(self.hart.index, number, phase)
        return value

    def ret(self, value: int = 0) -> None:
        """Return from the routine."""
        raise _Returned(value)

    def trap(self, cause: int, tval: int = 0, *, gva: int = 0, tval2: int = 0, tinst: int = 0) -> None:
        """Raise a synchronous exception."""
        for name, value in (("trap_gva", gva), ("trap_tval2", tval2), ("trap_tinst", tinst)):
            self.put(name, value)
        raise Trapped(cause, tval)

    def instruction(self) -> int:
        """The bits that were fetched."""
        return self.bits

    def illegal(self, *, virtual: bool = False) -> None:
        """Raise an illegal- or virtual-instruction exception."""
        self.trap(Cause.VIRTUAL_INSTRUCTION if virtual else Cause.ILLEGAL, self.bits)

    def attend(self) -> None:
        """Nothing to do: every step looks at interrupts."""

    def end_slice(self) -> None:
        """Ask to leave the slice."""
        self.put("attention", self.get("attention") | Attention.LEAVE)

    def flush(self) -> None:
        """Nothing to do: nothing is cached."""

    def flush_space(self, guest: int) -> None:
        """Nothing to do: nothing is cached."""

    def flush_page(self, address: int, guest: int) -> None:
        """Nothing to do: nothing is cached."""

    def now(self) -> int:
        """Steps so far."""
        return (self.get("steps") + self.get("budget0") - self.get("budget")) & MASK

    def collect_flags(self) -> None:
        """Nothing to do: they are there."""

    def observe_trap(self, pc: int, cause: int, tval: int) -> None:
        """Tell the machine, if it asked."""
        if self._shared.get("observed") & Observed.TRAPS:
            self._hooks.trap_taken(self.hart.index, pc, cause, tval)

    def in_trap_loop(self) -> None:
        """Ask to leave the slice."""
        self.put("stop", StopCode.TRAP_LOOP)
        self.end_slice()

    def watch(self, address: int, size: int, kind: int) -> None:
        """Stop before an access that a watchpoint covers."""
        self._compare(address, size, kind, Space.VIRTUAL)

    def watch_place(self, physical: int, size: int, kind: int) -> None:
        """Stop before an access that leads to where a watchpoint is."""
        if self.watches:
            self._compare(self.get("guest_physical"), size, kind, Space.GUEST_PHYSICAL)
            self._compare(physical, size, kind, Space.PHYSICAL)

    def _compare(self, address: int, size: int, kind: int, space: Space) -> None:
        for index, candidate in enumerate(self.watches):
            start, end, flags, context = candidate.words
            first, last = watched_range(self, start, end, flags)
            if candidate.space is space and flags & kind and first < address + size and address <= last:
                if not concerns(self, start, flags, context):
                    continue
                for at, detail in enumerate((index, self.get("access_formed"), size, kind)):
                    self.put("stop_detail", detail, at)
                raise _Watched

    def cache(self, formed: int, address: int, physical: int) -> None:
        """Nothing is cached."""

    def known_table(self, entry: int) -> int:
        """Nothing is cached."""
        return 0

    def know_table(self, entry: int, physical: int) -> None:
        """Nothing is cached."""

    def backing_offset(self, physical: int) -> int | None:
        """Where a physical address lies in the backing memory; None for devices and nothing."""
        ram_size = len(self._backing.ram)
        if 0 <= physical - RAM_BASE < ram_size:
            return physical - RAM_BASE
        in_rom = physical - self._backing.rom_base
        return ram_size + in_rom if 0 <= in_rom < len(self._backing.rom) else None

    def holds_memory(self, physical: int) -> bool:
        """Whether RAM or ROM answers."""
        return self.backing_offset(physical) is not None

    def load_physical(self, physical: int, size: int) -> int:
        """Read RAM, ROM or a device."""
        at = self.backing_offset(physical)
        if at is not None:
            return int.from_bytes(self._backing.bytes[at : at + size], "little")
        try:
            return self._hooks.load(self.hart.index, physical, size) & MASK
        except BusFault:
            raise Trapped(self.get("fault_cause"), self.get("trap_tval")) from None

    def store_physical(self, physical: int, size: int, value: int) -> None:
        """Write RAM or a device."""
        at = self.backing_offset(physical)
        value &= (1 << 8 * size) - 1
        if at is None:
            try:
                self._hooks.store(self.hart.index, physical, size, value)
            except BusFault:
                raise Trapped(self.get("fault_cause"), self.get("trap_tval")) from None
            return
        if at >= len(self._backing.ram):
            raise Trapped(self.get("fault_cause"), self.get("trap_tval"))
        self._backing.bytes[at : at + size] = value.to_bytes(size, "little")
        if self.special is not None and physical >> 6 == self.special >> 6:
            self._hooks.line_written(self.hart.index, physical, size)


@lru_cache(maxsize=65536)
def _decoded(word: int) -> Instruction | None:
    return decode(word)


class ReferenceExecution(ReferenceDomain):
    """`emulator.isa.domain.Execution` over integers: executes one instruction after another."""

    def begin(self, instruction: Instruction, pc: int) -> None:
        """Set what the operands of the next meaning are."""
        self._instruction = instruction
        self.pc = pc
        self.after = (pc + instruction.row.length) & MASK
        self.next_pc = self.after

    @property
    def rs1(self) -> int:
        return self.get("x", self._instruction.rs1)

    @property
    def rs2(self) -> int:
        return self.get("x", self._instruction.rs2)

    @property
    def f1(self) -> int:
        return self.get("f", self._instruction.rs1)

    @property
    def f2(self) -> int:
        return self.get("f", self._instruction.rs2)

    @property
    def f3(self) -> int:
        return self.get("f", self._instruction.rs3)

    @property
    def imm(self) -> int:
        return self._instruction.imm & MASK

    @property
    def rs1_number(self) -> int:
        return self._instruction.rs1

    @property
    def rs2_number(self) -> int:
        return self._instruction.rs2

    @property
    def rd_number(self) -> int:
        return self._instruction.rd

    @property
    def rd_is_zero(self) -> bool:
        return self._instruction.rd == 0

    def write_rd(self, value: int) -> None:
        self.put("x", value, self._instruction.rd or SINK)

    def write_fd(self, value: int) -> None:
        self.put("f", value, self._instruction.rd)
        self.call(mark_dirty)

    def begin_float(self, *, rounded: bool = False) -> None:
        del rounded
        self.call(require_float)

    def float_op(self, name: str, *operands: int) -> int:
        return int(exact(self, name, self._instruction.rm, operands))

    def raise_flags(self, flags: int) -> None:
        self.call(accrue, flags)

    def branch(self, cond: bool) -> None:
        if cond:
            self.next_pc = self._aligned(self.add(self.pc, self.imm))

    def jump_by_imm(self) -> None:
        self.jump(self.add(self.pc, self.imm))

    def jump(self, target: int) -> None:
        self.next_pc = self._aligned(target)
        if self._instruction.rd:
            self.write_rd(self.after)

    def _aligned(self, target: int) -> int:
        if target & self.get("ialign"):
            self.trap(Cause.FETCH_MISALIGNED, target)
        return target

    def go(self, pc: int) -> None:
        self.next_pc = pc

    def load(self, address: int, size: int) -> int:
        return self.call(READ[size], address)

    def store(self, address: int, size: int, value: int) -> None:
        self.call(WRITE[size], address, value)

    def amo(self, address: int, size: int, change: Callable[[int], int]) -> int:
        old = self.call(ATOMIC_READ[size], address)
        self.call(WRITE[size], address, change(old))
        return old

    def wait(self) -> None:
        if not self.get("mip") & self.get("mie"):
            self.put("waiting", 1)
            self.put("stop", StopCode.WAITING)
            self.put("attention", self.get("attention") | Attention.LEAVE)

    def fetch(self, extensions: int) -> Instruction | None:
        """Fetch and decode the instruction at pc; None for an illegal one. Leaves its bits in `bits`."""
        pc = self.get("pc")
        consider_triggers(self, pc, FETCH)
        self.bits = word = self._parcel(pc)
        if instruction_length(word) == 4:
            self.bits = word = word | self._parcel((pc + 2) & MASK) << 16
        found = _decoded(word)
        if found is None or not extensions >> EXTENSION_BITS[found.row.extension] & 1:
            return None
        return found

    def _parcel(self, address: int) -> int:
        physical = self.call(translate_fetch, address)
        self.call(check_fetch, physical, address)
        if self.backing_offset(physical) is None:
            self.trap(Cause.FETCH_ACCESS, address)
        return self.load_physical(physical, 2)

    def step(self, extensions: int) -> None:
        """Execute the instruction at pc, or take the exception that it raises; one step either way."""
        pc = self.get("pc")
        try:
            instruction = self.fetch(extensions)
            if instruction is None:
                self.illegal()
                return
            self.begin(instruction, pc)
            instruction.row.meaning(self)
        except Trapped as trapped:
            self.put("trap_tval", trapped.tval)
            self.call(describe_fault, trapped.cause)
            self.call(take_exception, pc, trapped.cause, trapped.tval)
        else:
            self.put("pc", self.next_pc)
        self.put("budget", self.get("budget") - 1)


class ReferenceEngine:
    """Runs the harts of one machine on the reference domain; the same interface as the compiled engine."""

    longest = 200

    def __init__(self, blocks: Blocks, backing: Backing, hooks: Hooks, extensions: int) -> None:
        self._blocks = blocks
        self._hooks = hooks
        self._shown: set[int] = set()
        self._extensions = extensions
        blocks.shared.put("extensions", extensions)
        self._domains = [ReferenceExecution(blocks, hart, backing, hooks) for hart in blocks.harts]
        self._breaks: frozenset[int] = frozenset()
        self._starts: Mapping[int, int] = {}
        self._span = (0, 0, 0)

    def run(self, hart: HartBlock, steps: int) -> None:
        """Run a hart for at most `steps` steps; its `stop` field says why it came back, `budget` what is left."""
        hart.put("stop", StopCode.BUDGET)
        hart.put("budget0", steps)
        hart.put("budget", steps)
        domain = self._domains[hart.index]
        while not self._left(hart):
            domain.call(poll_interrupts)
            if hart.get("budget") == 0:
                return
            pc = hart.get("pc")
            if self._leaves_span(hart.index, pc):
                hart.put("stop", StopCode.SPAN)
                return
            if pc in self._breaks and domain.call(judge, self._starts.get(pc, 0)):
                hart.put("stop", StopCode.BREAKPOINT)
                return
            self._show(hart)
            try:
                domain.step(self._extensions)
            except _Watched:
                hart.put("stop", StopCode.WATCHPOINT)
                return

    def _leaves_span(self, hart: int, pc: int) -> bool:
        of, start, size = self._span
        return size != 0 and of == hart and (pc - start) & MASK >= size

    def _show(self, hart: HartBlock) -> None:
        """Tell of the instruction at pc when it is executed for the first time, if that is wanted."""
        pc = hart.get("pc")
        if self._blocks.shared.get("observed") & Observed.CODE and pc not in self._shown:
            self._shown.add(pc)
            self._hooks.code_decoded(hart.index, pc)

    def _left(self, hart: HartBlock) -> bool:
        attention = hart.get("attention")
        if attention & Attention.LEAVE:
            hart.put("attention", 0)
            if hart.get("stop") == StopCode.BUDGET:
                hart.put("stop", StopCode.LEFT)
            return True
        return False

    def flush(self) -> None:
        """Nothing is cached."""

    def ram_changed(self, offset: int, length: int) -> None:
        """Nothing is cached."""

    def set_breakpoints(self, addresses: Sequence[int], programs: Programs = NO_PROGRAMS) -> None:
        """Replace the set of breakpoints."""
        self._breaks = frozenset(addresses)
        self._starts = programs.starts
        for domain in self._domains:
            domain.judgements = programs.code

    def set_span(self, hart: int, start: int, size: int) -> None:
        """Have a hart leave the slice before an instruction outside `size` bytes of addresses; 0 is no bound."""
        self._span = (hart, start, size)

    def set_watchpoints(self, watches: Sequence[Watch]) -> None:
        """Replace the set of watchpoints."""
        for domain in self._domains:
            domain.watches = tuple(watches)

    def observe(self, *, traps: bool, code: bool) -> None:
        """Call the hooks `trap_taken` and `code_decoded` from now on, or not."""
        self._blocks.shared.put("observed", Observed.TRAPS * traps | Observed.CODE * code)
        self._shown.clear()

    def watch_csrs(self, numbers: frozenset[int]) -> None:
        """Call the hook `csr_accessed` for these from now on."""
        for domain in self._domains:
            domain.watched_csrs = numbers

    def set_special(self, physical: int | None) -> None:
        """Have `Hooks.line_written` called for stores to a 64-byte line of RAM."""
        for domain in self._domains:
            domain.special = physical
