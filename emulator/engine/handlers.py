"""The threaded interpreter: one handler per instruction, ending in a tail call of the next record's handler.

A handler's arguments stay in host registers: the state, the record, the data TLB, the steps left, and RAM. It counts
its step, reads operands from the record, does what the row says and goes on. What happens rarely (a TLB miss, a
routine, a trap) goes to a cold twin that does the whole instruction again the slow way, so that the hot one never
saves a register.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.engine.decoding import row_links
from emulator.engine.hostfloat import host_operations
from emulator.engine.ir import LIKELY, UNLIKELY, Emitter, text
from emulator.engine.layout import (
    AUX,
    IMM,
    LINE_SHIFT,
    LONG,
    MODE_SHIFT,
    NEAR,
    PAGE,
    PAGE_BITS,
    RD,
    RS1,
    RS2,
    UNLINKED,
)
from emulator.engine.softtlb import data_entry, fetch_entry
from emulator.hart.access import ATOMIC_READ, READ, WRITE
from emulator.hart.arithmetic import exact
from emulator.hart.fields import MASK64, Cause
from emulator.hart.floating import accrue, mark_dirty, require_float
from emulator.hart.state import (
    StopCode,
)
from emulator.hart.translation import has
from emulator.isa.extensions import WITHOUT
from emulator.isa.rows import SINK, Lift, Row

if TYPE_CHECKING:
    from emulator.isa.domain import Bool, Routine, Value

ARGUMENTS: Final = ("ptr %st", "ptr %ip", "ptr %tlb", "i64 %bud", "ptr %ram")
PARAMETERS: Final = ", ".join(ARGUMENTS)


class HandlerEmitter(Emitter):
    """What every handler may do: count steps, derive the pc, go to other handlers."""

    left = "%bud"
    """Steps left when the handler goes on: one less than `%bud` once its own is counted."""
    uncounted = "%bud"
    """Steps left before this handler's own."""

    def tail(self, function: str, *, ip: str = "%ip", tlb: str = "%tlb", left: str | None = None) -> None:
        """Tail-call a handler by name or pointer."""
        args = f"ptr %st, ptr {ip}, ptr {tlb}, i64 {left or self.left}, ptr %ram"
        self.put_line(f"musttail call void {function}({args})")
        self.put_line("ret void")
        self.unreachable_from_here()

    def dispatch(self, ip: str, tlb: str = "%tlb") -> None:
        """Go on with the record at `ip`."""
        self.tail(self.op(f"load ptr, ptr {ip}"), ip=ip, tlb=tlb)

    def count_step(self) -> None:
        """Leave if no step is left, else take one."""
        pair = self.op("call {i64, i1} @llvm.usub.with.overflow.i64(i64 %bud, i64 1)")  # one host instruction
        for _ in self.when(self.op(f"extractvalue {{i64, i1}} {pair}, 1"), UNLIKELY):
            self.tail("@spent")
        self.left = self.op(f"extractvalue {{i64, i1}} {pair}, 0")

    def own_pc(self) -> Value:
        """The pc of the record at `%ip`."""
        cur = self.get_pointer("cur")
        page = self.load_raw("i64", cur)
        start = self.load_raw("i64", self.at(cur, 8))
        distance = self.sub(self.op("ptrtoint ptr %ip to i64"), start)
        return self.add(page, self.lshr(distance, 3))

    def jump_to(self, target: Value, table: str | None = None, tlb: str = "%tlb") -> None:
        """Go on at a virtual address: through the fetch TLB, or through `refetch` on a miss."""
        entry = fetch_entry(self, table or self.get_pointer("tlb_fetch"), target)
        page = self.load_raw("i64", entry)
        hit, miss = self.label(), self.label()
        wanted = self.and_(target, MASK64 ^ (PAGE - 1))
        self.put_line(f"br i1 {self.eq(page, wanted)}, label %{hit}, label %{miss}, {LIKELY}")
        self.place(hit)
        self.put_pointer("cur", entry)
        records = self.load_raw("ptr", self.at(entry, 8))
        self.dispatch(self.at(records, self.shl(self.and_(target, PAGE - 1), 3)), tlb)
        self.place(miss)
        self.put("pc", target)
        self.tail("@refetch", tlb=tlb)

    def leave(self, code: int, *, left: str | None = None) -> None:
        """End the run slice; `pc` is already stored."""
        self.put("stop", code)
        self.put("budget", left or self.left)
        self.put_line("ret void")
        self.unreachable_from_here()

    def spill(self) -> None:
        """Tell routines where we are: the step being made is not counted yet."""
        self.put("budget", self.uncounted)
        self.put_pointer("ip", "%ip")

    def give_up(self) -> None:
        """An instruction could not finish; its step is counted."""
        self.tail("@trapped")


class RowEmitter(HandlerEmitter):
    """Writes the handler of a row; implements `emulator.isa.domain.Execution` over a predecoded record.

    Args:
        wanted: Told of every routine that is called.
        row: The row.
        variant: Bits LONG, NEAR and UNLINKED of `emulator.engine.layout`.
        cold: Name of the cold twin to go to on a miss; None in the cold twin itself.
    """

    def __init__(self, wanted: Callable[[Routine], None], row: Row, variant: int, cold: str | None) -> None:
        super().__init__(wanted)
        self._row = row
        self._length = 4 if variant & LONG else 2
        self._near = bool(variant & NEAR)
        self._linked = not variant & UNLINKED
        self._cold = cold
        self._called = False
        self._spilled = cold is None or row.lift is Lift.CALL
        if cold is None:
            self.uncounted = self.add("%bud", 1)  # the hot twin has counted the step
        else:
            self.count_step()
        if self._spilled:
            self.spill()

    def _enter_slow(self) -> None:
        self._called = True
        if not self._spilled:
            self.spill()

    # Operands.

    def _number(self, offset: int) -> Value:
        return self.load_wide(self.at("%ip", offset), 1)

    def _register(self, offset: int) -> Value:
        return self.get("x", self._number(offset))

    @property
    def rs1(self) -> Value:
        return self._register(RS1)

    @property
    def rs2(self) -> Value:
        return self._register(RS2)

    @property
    def imm(self) -> Value:
        return self.op(f"sext i32 {self.load_raw('i32', self.at('%ip', IMM))} to i64")

    @property
    def rs1_number(self) -> Value:
        return self._number(RS1)

    @property
    def rs2_number(self) -> Value:
        return self._number(RS2)

    @property
    def rd_number(self) -> Value:
        number = self._number(RD)
        return self.select(self.eq(number, SINK), 0, number)

    @property
    def rd_is_zero(self) -> Bool:
        return self.eq(self._number(RD), SINK)

    @property
    def pc(self) -> Value:
        return self.own_pc()

    @property
    def after(self) -> Value:
        return self.add(self.own_pc(), self._length)

    @property
    def aux(self) -> Value:
        """Third source register and rounding mode."""
        return self._number(AUX)

    @property
    def f1(self) -> Value:
        return self.get("f", self._number(RS1))

    @property
    def f2(self) -> Value:
        return self.get("f", self._number(RS2))

    @property
    def f3(self) -> Value:
        return self.get("f", self.and_(self.aux, 31))

    def write_rd(self, value: Value) -> None:
        self.put("x", value, self._number(RD))

    # Floating point.

    def write_fd(self, value: Value) -> None:
        self.put("f", value, self.and_(self._number(RD), 31))  # f0 has the sink's number
        if self._cold is None:
            self.call(mark_dirty)

    def begin_float(self, *, rounded: bool = False) -> None:
        if self._cold is None:
            self.call(require_float)
        elif not rounded:
            self.cold_unless(self.ne(self.get("float_on"), 0))

    def float_op(self, name: str, *operands: Value) -> Value:
        if self._cold is None:
            return exact(self, name, self.lshr(self.aux, MODE_SHIFT), operands)
        emit = host_operations().get(name)
        if emit is not None:
            return emit(self, operands)
        self.cold_unless(False)
        return 0

    def raise_flags(self, flags: Value) -> None:
        if self._cold is None:
            self.call(accrue, flags)
        else:
            self.cold_unless(self.eq(flags, 0))

    # Calls of routines.

    def call(self, target: Routine, *args: Value) -> Value:
        self._enter_slow()
        return super().call(target, *args)

    def call_csr(self, kind: str, number: Value, *args: Value) -> Value:
        self._enter_slow()
        return super().call_csr(kind, number, *args)

    def trap(self, cause: Value, tval: Value = 0, *, gva: Value = 0, tval2: Value = 0, tinst: Value = 0) -> None:
        self._enter_slow()
        super().trap(cause, tval, gva=gva, tval2=tval2, tinst=tinst)

    def illegal(self, *, virtual: Bool = False) -> None:
        self.spill()
        super().illegal(virtual=virtual)

    # Control transfer.

    def _check_target(self, target: Value) -> None:
        for _ in self.when(self.ne(self.and_(target, self.get("ialign")), 0), UNLIKELY):
            super().trap(Cause.FETCH_MISALIGNED, target)

    def _go_relative(self) -> None:
        if self._near:
            self._link()
            self.dispatch(self.at("%ip", self.shl(self.imm, 3)))
            return
        target = self.add(self.own_pc(), self.imm)
        self._check_target(target)
        self._link()
        self.jump_to(target)

    def _link(self) -> None:
        if row_links(self._row) and self._linked:
            self.write_rd(self.after)

    def branch(self, cond: Bool) -> None:
        for _ in self.when(cond):
            self._go_relative()

    def jump_by_imm(self) -> None:
        self._go_relative()

    def jump(self, target: Value) -> None:
        self._check_target(target)
        self._link()
        self.jump_to(target)

    def go(self, pc: Value) -> None:
        self.put("pc", pc)
        self.tail("@resume")

    def wait(self) -> None:
        for _ in self.when(self.eq(self.and_(self.get("mip"), self.get("mie")), 0)):
            self.put("waiting", 1)
            self.put("pc", self.after)
            self.leave(StopCode.WAITING)

    def finish(self) -> None:
        """Go on with the instruction behind this one, unless a routine asked for attention."""
        following = self.at("%ip", 8 * self._length)
        if self._called:
            for _ in self.when(self.ne(self.get("attention"), 0), UNLIKELY):
                self.put("pc", self.after)
                self.tail("@resume")
        self.dispatch(following)

    # Memory.

    def _probe(self, address: Value, size: int, *tags: int) -> tuple[str, str]:
        """Emit the TLB probe; goes to the cold twin unless every tag word matches. Returns entry and host pointer."""
        entry = data_entry(self, "%tlb", address)
        wanted = self.and_(address, MASK64 ^ (PAGE - size))
        for tag in tags:
            match = self.eq(self.load_raw("i64", self.at(entry, tag)), wanted)
            self.cold_unless(match)
        offset = self.load_raw("i64", self.at(entry, 16))
        return entry, self.at("%ram", self.add(address, offset))

    def cold_unless(self, cond: Bool) -> None:
        """Go to the cold twin, which begins again, unless what usually holds does."""
        good, bad = self.label(), self.label()
        self.put_line(f"br i1 {text(cond)}, label %{good}, label %{bad}, {LIKELY}")
        self.place(bad)
        assert self._cold is not None
        self.tail(f"@{self._cold}")
        self.place(good)

    def _probe_misaligned(self, address: Value, size: int, tag: int) -> tuple[str, str, Bool]:
        """The cold twin's, for a misaligned access in one page: entry, host pointer, whether it hits.

        The tag is compared without the alignment, which is all that such an access misses for.
        """
        entry = data_entry(self, "%tlb", address)
        inside = self.ult(self.and_(address, PAGE - 1), PAGE - size + 1)
        hit = self.eq(self.load_raw("i64", self.at(entry, tag)), self.and_(address, PAGE_BITS))
        done = self.negate(has(self, WITHOUT + "misaligned"))
        pointer = self.at("%ram", self.add(address, self.load_raw("i64", self.at(entry, 16))))
        return entry, pointer, self.both(self.both(inside, hit), done)

    def _line_is_special(self, entry: str, address: Value) -> Value:
        """In bit 0, whether stores to the line of an address have to be seen."""
        mask = self.load_raw("i64", self.at(entry, 24))
        return self.lshr(mask, self.and_(self.lshr(address, LINE_SHIFT), 63))

    def _check_line(self, entry: str, address: Value) -> None:
        self.cold_unless(self.eq(self.and_(self._line_is_special(entry, address), 1), 0))

    def load(self, address: Value, size: int) -> Value:
        if self._cold is None:
            return self._load_slowly(address, size)
        _, pointer = self._probe(address, size, 0)
        return self.load_wide(pointer, size)

    def _load_slowly(self, address: Value, size: int) -> Value:
        if size == 1:
            return self.call(READ[size], address)
        value = self.var(0)
        _, pointer, hit = self._probe_misaligned(address, size, 0)
        for _ in self.when(hit):
            value.set(self.load_wide(pointer, size))
        for _ in self.unless(hit):
            value.set(self.call(READ[size], address))
        return value.get()

    def _store_slowly(self, address: Value, size: int, value: Value) -> None:
        if size == 1:
            self.call(WRITE[size], address, value)
            return
        entry, pointer, hit = self._probe_misaligned(address, size, 8)
        last = self.add(address, size - 1)
        seen = self.and_(self.or_(self._line_is_special(entry, address), self._line_is_special(entry, last)), 1)
        quick = self.both(hit, self.eq(seen, 0))
        for _ in self.when(quick):
            self.store_narrow(pointer, size, value)
        for _ in self.unless(quick):
            self.call(WRITE[size], address, value)

    def store(self, address: Value, size: int, value: Value) -> None:
        if self._cold is None:
            self._store_slowly(address, size, value)
            return
        entry, pointer = self._probe(address, size, 8)
        self._check_line(entry, address)
        self.store_narrow(pointer, size, value)

    def amo(self, address: Value, size: int, change: Callable[[Value], Value]) -> Value:
        if self._cold is None:
            old = self.call(ATOMIC_READ[size], address)
            self.call(WRITE[size], address, change(old))
            return old
        entry, pointer = self._probe(address, size, 0, 8)
        self._check_line(entry, address)
        old = self.load_wide(pointer, size)
        self.store_narrow(pointer, size, change(old))
        return old


def handler_name(row: Row, variant: int) -> str:
    """Symbol of a row's handler."""
    return f"i_{row.name.replace('.', '_')}_{variant}"


def variants(row: Row, lengths: frozenset[int]) -> list[int]:
    """The variants of a row's handler that decoding can ask for."""
    found: list[int] = []
    for length in lengths:
        base = LONG if length == 4 else 0
        for near in (0, NEAR) if row.relative else (0,):
            found.extend(base | near | link for link in ((0, UNLINKED) if row_links(row) else (0,)))
    return found


def _has_cold_side(row: Row, wanted: Callable[[Routine], None]) -> bool:
    probe = RowEmitter(wanted, row, LONG, "probe")
    row.meaning(probe)
    return "@probe" in probe.body()


def define(name: str, emitter: HandlerEmitter, attributes: str = "#1") -> str:
    """IR of a handler."""
    return f"define internal void @{name}({PARAMETERS}) {attributes} {{\n{emitter.body()}\n  unreachable\n}}\n"


def emit_row(row: Row, variant: int, wanted: Callable[[Routine], None]) -> list[str]:
    """IR of a row's handler, and of its cold twin if it has something to leave to one."""
    name = handler_name(row, variant)
    twins: list[tuple[str, str | None]] = [(name, f"{name}_cold")]
    if row.lift is Lift.INLINE and _has_cold_side(row, wanted):
        twins.append((f"{name}_cold", None))
    out = []
    for symbol, cold in twins:
        emitter = RowEmitter(wanted, row, variant, cold)
        row.meaning(emitter)
        emitter.finish()
        out.append(define(symbol, emitter, "#3" if row.rounds else "#1"))
    return out


def lengths_of(row: Row, rows: tuple[Row, ...]) -> frozenset[int]:
    """The lengths of the encodings that end in a row's handler."""
    return frozenset(other.length for other in rows if other.target is row)
