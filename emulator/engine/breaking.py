"""Where a hart stops before an instruction: breakpoints, what they print, and the fence around a span to stay in.

The record of such an instruction has the handler `breakpoint`, which asks these functions and executes out of line what
it lets pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from emulator.engine.ir import UNLIKELY, Emitter, text
from emulator.engine.judging import PRINT_NOW, PRINT_SHIFT, judge
from emulator.engine.layout import BREAK, PAGE, PAGE_BITS
from emulator.judgements import HIDDEN

if TYPE_CHECKING:
    from emulator.engine.runtime import Builder, RuntimeEmitter
    from emulator.isa.domain import Bool, Value


def decode_again(e: RuntimeEmitter, record: str) -> None:
    """Have an instruction decoded when it is next executed. A breakpoint or a fence holds nothing decoded and stays."""
    for _ in e.unless(e.op(f"icmp eq ptr {e.load_raw('ptr', record)}, @breakpoint")):
        e.store_raw("ptr", "@decode", record)


def _each_break(e: RuntimeEmitter, visit: Callable[[Value, str], None]) -> None:
    """Emit a loop over the breakpoints: `visit(address, entry)`."""
    index = e.var(0)
    count, table = e.shared("break_count"), e.shared_pointer("breaks")
    for _ in e.loop(lambda: e.ult(index.get(), count)):
        entry = e.at(table, e.mul(index.get(), BREAK))
        visit(e.load_word(entry), entry)
        index.set(e.add(index.get(), 1))


def _plant_breaks(e: RuntimeEmitter) -> None:
    """Have the instructions of virtual page %a0 that have breakpoints decoded again, in the records at %a1."""

    def visit(address: Value, _entry: str) -> None:
        for _ in e.when(e.eq(e.and_(address, PAGE_BITS), "%a0")):
            decode_again(e, e.at("%a1", e.shl(e.and_(address, PAGE - 2), 3)))

    _each_break(e, visit)
    e.ret()


def in_span(e: Emitter) -> Iterator[None]:
    """The body is for a hart that is to stay in a span of addresses."""
    for _ in e.when(e.ne(e.shared("span_size"), 0), UNLIKELY):
        yield from e.when(e.eq(e.get("self_index"), e.shared("span_hart")))


def _outside(e: Emitter, address: Value) -> Bool:
    return e.uge(e.sub(address, e.shared("span_start")), e.shared("span_size"))


def leaves_span(e: Emitter, address: Value) -> Iterator[None]:
    """The body is for a hart that must not execute the instruction at an address, because its span ends before."""
    for _ in in_span(e):
        yield from e.when(_outside(e, address))


def _plant_fences(e: RuntimeEmitter) -> None:
    """Have all instructions of virtual page %a0 outside the span looked at, and those inside decoded again if need be.

    The handler at the fence is that of a breakpoint, which executes what it lets pass out of line: it is never stale.
    """
    at = e.var(0)
    for _ in e.loop(lambda: e.ult(at.get(), PAGE)):
        record = e.at("%a1", e.shl(at.get(), 3))
        handler = e.load_raw("ptr", record)
        kept = e.op(f"select i1 {e.op(f'icmp eq ptr {handler}, @breakpoint')}, ptr @decode, ptr {handler}")
        outside = text(_outside(e, e.add("%a0", at.get())))
        e.store_raw("ptr", e.op(f"select i1 {outside}, ptr @breakpoint, ptr {kept}"), record)
        at.set(e.add(at.get(), 2))
    e.ret()


def _stops_at(e: RuntimeEmitter) -> None:
    """Whether there is a breakpoint at virtual address %a0, the pc, and it is one to stop at now."""

    def visit(address: Value, entry: str) -> None:
        for _ in e.when(e.eq(address, "%a0")):
            e.put("pc", address)
            e.ret(e.call(judge, e.load_word(e.at(entry, 8))))

    _each_break(e, visit)
    e.ret(0)


def _near_break(e: RuntimeEmitter) -> None:
    """Whether there is a breakpoint at page offset %a0 of any page."""

    def visit(address: Value, _entry: str) -> None:
        for _ in e.when(e.eq(e.and_(address, PAGE - 1), "%a0")):
            e.ret(1)

    _each_break(e, visit)
    e.ret(0)


def _note_print(e: RuntimeEmitter) -> None:
    """Keep what the operand %a0 of `print` names with its arguments, of %a1 values on the stack, until there is time.

    A record is `hart << 32 | text`, then the arguments in their order.
    """
    hart, number = e.get("self_index"), e.lshr("%a0", PRINT_SHIFT)
    for _ in e.when(e.ne(e.and_("%a0", PRINT_NOW), 0)):
        e.call_back("on_judge_print", hart, number, "%a1")
        e.ret()
    count = e.sub(e.and_("%a0", PRINT_NOW - 1), HIDDEN)
    for _ in e.when(e.ult(e.shared("print_room"), e.add(e.shared("print_used"), e.add(count, 1))), UNLIKELY):
        e.call_back("on_judge_full", hart)
    used = e.shared("print_used")
    record = e.at(e.shared_pointer("prints"), e.shl(used, 3))
    e.store_raw("i64", e.or_(e.shl(hart, 32), number), record)
    index = e.var(0)
    for _ in e.loop(lambda: e.ult(index.get(), count)):
        index.set(e.add(index.get(), 1))
        value = e.get("judge_stack", e.sub(e.sub("%a1", HIDDEN), index.get()))
        e.store_raw("i64", value, e.at(record, e.shl(index.get(), 3)))
    e.put_shared("print_used", e.add(used, e.add(count, 1)))
    e.ret()


FUNCTIONS: Final[tuple[tuple[str, tuple[str, ...], str, Builder], ...]] = (
    ("plant_breaks", ("i64", "ptr"), "void", _plant_breaks),
    ("plant_fences", ("i64", "ptr"), "void", _plant_fences),
    ("stops_at", ("i64",), "i64", _stops_at),
    ("near_break", ("i64",), "i64", _near_break),
    ("note_print", ("i64", "i64"), "void", _note_print),
)
"""Name, parameter types behind the state pointer, result type, builder."""
