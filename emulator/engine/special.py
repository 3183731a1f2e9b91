"""Handlers that belong to no row: what a record leads to that holds no decoded instruction, and ways on for all others.

`resume` goes on at `pc` in whatever mode the hart is by then; `trapped` takes the exception that a routine has left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.engine.breaking import leaves_span
from emulator.engine.handlers import HandlerEmitter, define
from emulator.engine.hostfloat import DECLARATIONS
from emulator.engine.ir import LIKELY, UNLIKELY
from emulator.engine.layout import PAGE
from emulator.hart.faults import describe_fault
from emulator.hart.fields import MASK64
from emulator.hart.modes import current_mode, data_context
from emulator.hart.state import DATA_ENTRY, FETCH_ENTRY, TLB_ENTRIES, Attention, Pending, StopCode
from emulator.hart.traps import poll_interrupts, take_exception

if TYPE_CHECKING:
    from emulator.isa.domain import Routine, Value


def _illegal(e: HandlerEmitter) -> None:
    e.count_step()
    e.spill()
    e.illegal()


def _decode(e: HandlerEmitter) -> None:
    e.call_plain("decode_record", "ptr %ip")
    e.dispatch("%ip")


def _resolve(e: HandlerEmitter) -> None:
    """What follows the last parcel of a page, or an instruction executed out of line: go on by address."""
    e.jump_to(e.own_pc())


def _spent(e: HandlerEmitter) -> None:
    e.put("pc", e.own_pc())
    e.leave(StopCode.BUDGET, left="0")


def _trapped(e: HandlerEmitter) -> None:
    pc = e.own_pc()
    uncounted = e.add("%bud", 1)
    for _ in e.when(e.ne(e.get("pending"), Pending.TRAP)):
        e.put("pending", Pending.NONE)
        e.put("pc", pc)
        e.leave(StopCode.WATCHPOINT, left=uncounted)
    _deliver(e, pc, uncounted, "%bud")


def _deliver(e: HandlerEmitter, pc: Value, before: Value, left: Value) -> None:
    """Take the pending exception of the instruction at `pc`; steps left `before` it and after it."""
    e.put("pending", Pending.NONE)
    e.put("budget", before)
    e.call(describe_fault, e.get("trap_cause"))
    e.call(take_exception, pc, e.get("trap_cause"), e.get("trap_tval"))
    e.tail("@resume", left=left)


def _found(e: HandlerEmitter) -> None:
    """Behind `fetch` or `single`: go on, or deal with what they could not do."""
    pending = e.get("pending")
    for _ in e.when(e.eq(pending, Pending.NONE), LIKELY):
        e.dispatch(e.get_pointer("next_ip"))
    for _ in e.when(e.eq("%bud", 0)):
        e.put("pending", Pending.NONE)
        e.leave(StopCode.BUDGET)
    for _ in e.when(e.eq(pending, Pending.BREAK)):
        e.put("pending", Pending.NONE)
        e.leave(StopCode.BREAKPOINT)
    for _ in e.when(e.eq(pending, Pending.SPAN)):
        e.put("pending", Pending.NONE)
        e.leave(StopCode.SPAN)
    _deliver(e, e.get("pc"), "%bud", e.add("%bud", MASK64))


def _refetch(e: HandlerEmitter) -> None:
    """Behind a miss of the fetch TLB. A walk may set an A bit, so it belongs to the step that needs it."""
    for _ in e.when(e.eq("%bud", 0)):
        e.leave(StopCode.BUDGET)
    e.put("budget", "%bud")
    e.call_plain("fetch")
    _found(e)


def _outline(e: HandlerEmitter) -> None:
    """An instruction that lies across two pages: fetched anew each time."""
    for _ in e.when(e.eq("%bud", 0), UNLIKELY):
        e.tail("@spent")
    e.put("pc", e.own_pc())
    e.call_plain("single")
    _found(e)


def _breakpoint(e: HandlerEmitter) -> None:
    """An instruction at whose page offset there is a breakpoint, in this page or another; or one outside a span."""
    for _ in e.when(e.eq("%bud", 0), UNLIKELY):
        e.tail("@spent")
    pc = e.own_pc()
    e.put("pc", pc)
    e.put("budget", "%bud")
    for _ in leaves_span(e, pc):
        e.leave(StopCode.SPAN)
    for _ in e.when(e.ne(e.call_plain("stops_at", f"i64 {pc}", result="i64"), 0)):
        e.leave(StopCode.BREAKPOINT)
    offset = e.and_(pc, PAGE - 1)
    for _ in e.when(e.eq(e.shared("span_size"), 0), LIKELY):
        for _ in e.when(e.eq(e.call_plain("near_break", f"i64 {offset}", result="i64"), 0)):
            e.store_raw("ptr", "@decode", "%ip")  # the breakpoint was removed
            e.dispatch("%ip")
    e.call_plain("single")
    _found(e)


def _resume(e: HandlerEmitter) -> None:
    """Go on at `pc` in whatever mode the hart is now: stops, stale translations and interrupts first."""
    e.put("budget", "%bud")
    attention = e.get("attention")
    for _ in e.when(e.ne(e.and_(attention, Attention.FLUSH), 0)):
        e.call_plain("flush_tlbs")
    for _ in e.when(e.ne(e.and_(attention, Attention.STALE), 0)):
        e.call_plain("drop_stale", f"i64 {e.get('stale')}")
    for _ in e.when(e.ne(e.and_(attention, Attention.LEAVE), 0)):
        e.put("attention", 0)
        for _ in e.when(e.eq(e.get("stop"), StopCode.BUDGET)):
            e.put("stop", StopCode.LEFT)
        e.put_line("ret void")
        e.unreachable_from_here()
    again = e.var(1)
    for _ in e.loop(lambda: e.ne(again.get(), 0)):
        e.put("attention", 0)
        e.call(poll_interrupts)
        again.set(e.get("attention"))
    e.call_plain("float_context")
    data = e.at(e.field("data_tlb"), e.mul(e.call(data_context), TLB_ENTRIES * DATA_ENTRY))
    fetch = e.at(e.field("fetch_tlb"), e.mul(current_mode(e), TLB_ENTRIES * FETCH_ENTRY))
    e.put_pointer("tlb_data", data)
    e.put_pointer("tlb_fetch", fetch)
    e.jump_to(e.get("pc"), fetch, data)


SPECIAL: Final[tuple[tuple[str, Callable[[HandlerEmitter], None]], ...]] = (
    ("illegal", _illegal),
    ("decode", _decode),
    ("resolve", _resolve),
    ("spent", _spent),
    ("trapped", _trapped),
    ("refetch", _refetch),
    ("outline", _outline),
    ("breakpoint", _breakpoint),
    ("resume", _resume),
)


def emit_special(name: str, build: Callable[[HandlerEmitter], None], wanted: Callable[[Routine], None]) -> str:
    """IR of a handler that belongs to no row."""
    emitter = HandlerEmitter(wanted)
    build(emitter)
    return define(name, emitter, "#0")


ENTRY: Final = f"""
{DECLARATIONS}
define internal void @run(ptr %st, i64 %budget, ptr %ram) #0 {{
  call void @enter_guest(ptr %st)
  call void @resume(ptr %st, ptr null, ptr null, i64 %budget, ptr %ram)
  call void @to_host(ptr %st)
  ret void
}}
"""
"""How Python enters: `budget0` is stored, `stop` is cleared; comes back when a handler returns."""
