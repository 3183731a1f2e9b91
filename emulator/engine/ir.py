"""Writing LLVM IR as text: values, blocks, state, and the part of a domain that routines and handlers share.

Text costs a tenth of llvmlite's IRBuilder. Everything is reached through the state pointer `%st`, so that the
machine code that comes out has no relocations and can be kept on disk and mapped anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from emulator.engine.integers import MASK, IntOps
from emulator.engine.layout import NOWHERE, PAGE, PAGE_SHIFT
from emulator.hart.fields import PMP_R, Cause, Privilege
from emulator.hart.pmp import pmp_permissions
from emulator.hart.state import (
    HART_OFFSETS,
    SHARED_OFFSETS,
    STALE_SPACE,
    TABLE_ENTRIES,
    TABLE_ENTRY,
    Attention,
    Observed,
    Pending,
    StopCode,
)
from emulator.isa.domain import Bool, Routine, Value

LIKELY: Final = "!prof !0"
UNLIKELY: Final = "!prof !1"
METADATA: Final = '!0 = !{!"branch_weights", i32 2000, i32 1}\n!1 = !{!"branch_weights", i32 1, i32 2000}\n'

_BINARY: Final = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "udiv": "udiv",
    "urem": "urem",
    "sdiv": "sdiv",
    "srem": "srem",
    "and_": "and",
    "or_": "or",
    "xor": "xor",
    "shl": "shl",
    "lshr": "lshr",
    "ashr": "ashr",
}
_UNARY: Final = {
    "clz": ("ctlz", ", i1 false"),
    "ctz": ("cttz", ", i1 false"),
    "cpop": ("ctpop", ""),
    "reverse_bytes": ("bswap", ""),
    "reverse_bits": ("bitreverse", ""),
}
"""LLVM's intrinsic, and the argument that makes its result defined for zero."""
_ROTATE: Final = {"rotl": "fshl", "rotr": "fshr"}
DECLARATIONS: Final = "".join(
    [
        "declare {i64, i1} @llvm.usub.with.overflow.i64(i64, i64)\n",
        *(f"declare i64 @llvm.{name}.i64(i64{', i1' if rest else ''})\n" for name, rest in _UNARY.values()),
        *(f"declare i64 @llvm.{name}.i64(i64, i64, i64)\n" for name in _ROTATE.values()),
    ]
)
"""The intrinsics in use; none of them becomes a call of a library."""
_COMPARE: Final = {"eq": "eq", "ne": "ne", "ult": "ult", "uge": "uge", "slt": "slt", "sge": "sge"}
_HIGH: Final = {"mulh": ("sext", "sext"), "mulhu": ("zext", "zext"), "mulhsu": ("sext", "zext")}
_FOLD: Final = IntOps()
_TERMINATORS: Final = ("  br ", "  ret ", "  unreachable")


def text(value: Value) -> str:
    """An operand as IR writes it: the SSA name, or the constant as a signed decimal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        value &= MASK
        return str(value - (1 << 64) if value >> 63 else value)
    return str(value)


class Local:
    """A `Var` of the LLVM domain: a stack slot that LLVM turns into SSA values."""

    def __init__(self, emitter: Emitter, initial: Value) -> None:
        self._emitter = emitter
        self._slot = emitter.slot()
        self.set(initial)

    def get(self) -> Value:
        """Load it."""
        return self._emitter.op(f"load i64, ptr {self._slot}")

    def set(self, value: Value) -> None:
        """Store to it."""
        self._emitter.put_line(f"store i64 {text(value)}, ptr {self._slot}")


class Emitter:
    """Writes the body of one function; implements `emulator.isa.domain.Ops` and the shared half of `Domain`.

    Args:
        wanted: Called with every routine that the function calls, so that it gets compiled too.
    """

    def __init__(self, wanted: Callable[[Routine], None]) -> None:
        self._lines: list[str] = []
        self._slots: list[str] = []
        self._count = 0
        self._wanted = wanted

    # Text.

    def put_line(self, line: str) -> None:
        """Add one instruction that gives no value."""
        self._lines.append(f"  {line}")

    def op(self, line: str) -> str:
        """Add one instruction; returns the name of its value."""
        self._count += 1
        name = f"%v{self._count}"
        self._lines.append(f"  {name} = {line}")
        return name

    def slot(self) -> str:
        """A 64-bit stack slot, allocated at entry."""
        self._count += 1
        self._slots.append(f"  %s{self._count} = alloca i64")
        return f"%s{self._count}"

    def label(self) -> str:
        """A new block name, to be placed once."""
        self._count += 1
        return f"b{self._count}"

    def place(self, label: str) -> None:
        """Begin the block; the one before falls into it if nothing ended it."""
        if self._lines and not self._lines[-1].startswith(_TERMINATORS):
            self.put_line(f"br label %{label}")
        self._lines.append(f"{label}:")

    def body(self) -> str:
        """Everything written, stack slots first."""
        return "\n".join(["entry:", *self._slots, "  br label %begin", "begin:", *self._lines])

    def unreachable_from_here(self) -> None:
        """Begin a block that nothing enters, behind a terminator."""
        self.place(self.label())

    # Pure operations.

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in _BINARY:
            return lambda a, b: self._binary(name, a, b)
        if name in _COMPARE:
            return lambda a, b: self._compare(name, a, b)
        if name in _UNARY:
            return lambda a: self._unary(name, a)
        if name in _ROTATE:
            return lambda a, b: self._rotate(name, a, b)
        if name in _HIGH:
            return lambda a, b: self._high(name, a, b)
        raise AttributeError(name)

    def _binary(self, name: str, a: Value, b: Value) -> Value:
        if isinstance(a, int) and isinstance(b, int):
            return getattr(_FOLD, name)(a & MASK, b & MASK)
        return self.op(f"{_BINARY[name]} i64 {text(a)}, {text(b)}")

    def _unary(self, name: str, a: Value) -> Value:
        if isinstance(a, int):
            return getattr(_FOLD, name)(a & MASK)
        intrinsic, rest = _UNARY[name]
        return self.op(f"call i64 @llvm.{intrinsic}.i64(i64 {a}{rest})")

    def _rotate(self, name: str, a: Value, b: Value) -> Value:
        if isinstance(a, int) and isinstance(b, int):
            return getattr(_FOLD, name)(a & MASK, b & MASK)
        return self.op(f"call i64 @llvm.{_ROTATE[name]}.i64(i64 {text(a)}, i64 {text(a)}, i64 {text(b)})")

    def _compare(self, name: str, a: Value, b: Value) -> Bool:
        if isinstance(a, int) and isinstance(b, int):
            return getattr(_FOLD, name)(a & MASK, b & MASK)
        return self.op(f"icmp {_COMPARE[name]} i64 {text(a)}, {text(b)}")

    def _high(self, name: str, a: Value, b: Value) -> Value:
        left, right = _HIGH[name]
        wide_a = self.op(f"{left} i64 {text(a)} to i128")
        wide_b = self.op(f"{right} i64 {text(b)} to i128")
        product = self.op(f"mul i128 {wide_a}, {wide_b}")
        return self.op(f"trunc i128 {self.op(f'lshr i128 {product}, 64')} to i64")

    def sext(self, a: Value, bits: int) -> Value:
        """The low bits, sign-extended."""
        if isinstance(a, int) or bits == 64:
            return _FOLD.sext(a, bits) if isinstance(a, int) else a
        return self.op(f"sext i{bits} {self.op(f'trunc i64 {a} to i{bits}')} to i64")

    def zext(self, a: Value, bits: int) -> Value:
        """The low bits, zero-extended."""
        if bits == 64:
            return a
        return self.and_(a, (1 << bits) - 1)

    def both(self, a: Bool, b: Bool) -> Bool:
        """Logical and."""
        return self.op(f"and i1 {text(a)}, {text(b)}")

    def either(self, a: Bool, b: Bool) -> Bool:
        """Logical or."""
        return self.op(f"or i1 {text(a)}, {text(b)}")

    def negate(self, a: Bool) -> Bool:
        """Logical not."""
        return self.op(f"xor i1 {text(a)}, true")

    def flag(self, a: Bool) -> Value:
        """1 or 0."""
        return int(a) if isinstance(a, bool) else self.op(f"zext i1 {a} to i64")

    def select(self, cond: Bool, a: Value, b: Value) -> Value:
        """One of two values."""
        if isinstance(cond, bool):
            return a if cond else b
        return self.op(f"select i1 {cond}, i64 {text(a)}, i64 {text(b)}")

    # Control flow.

    def when(self, cond: Bool, weights: str = "") -> Iterator[None]:
        """Emit the body of the `for` under a condition."""
        if cond is False:
            return
        then, end = self.label(), self.label()
        suffix = f", {weights}" if weights else ""
        self.put_line(f"br i1 {text(cond)}, label %{then}, label %{end}{suffix}")
        self.place(then)
        yield
        self.put_line(f"br label %{end}")
        self.place(end)

    def unless(self, cond: Bool) -> Iterator[None]:
        """Emit the body of the `for` under the opposite condition."""
        return self.when(self.negate(cond))

    def loop(self, cond: Callable[[], Bool]) -> Iterator[None]:
        """Emit the body of the `for` as a loop."""
        head, inside, end = self.label(), self.label(), self.label()
        self.put_line(f"br label %{head}")
        self.place(head)
        self.put_line(f"br i1 {text(cond())}, label %{inside}, label %{end}")
        self.place(inside)
        yield
        self.put_line(f"br label %{head}")
        self.place(end)

    def var(self, initial: Value) -> Local:
        """A local variable."""
        return Local(self, initial)

    # Memory and state.

    def at(self, base: str, offset: Value) -> str:
        """Pointer `offset` bytes behind `base`."""
        return self.op(f"getelementptr i8, ptr {base}, i64 {text(offset)}")

    def load_raw(self, kind: str, pointer: str) -> str:
        """Load an LLVM type from a pointer that may be unaligned."""
        return self.op(f"load {kind}, ptr {pointer}, align 1")

    def store_raw(self, kind: str, value: Value, pointer: str) -> None:
        """Store an LLVM type."""
        self.put_line(f"store {kind} {text(value)}, ptr {pointer}, align 1")

    def load_wide(self, pointer: str, size: int) -> Value:
        """Load `size` bytes, zero-extended to 64 bits."""
        value = self.load_raw(f"i{8 * size}", pointer)
        return value if size == 8 else self.op(f"zext i{8 * size} {value} to i64")

    def store_narrow(self, pointer: str, size: int, value: Value) -> None:
        """Store the low `size` bytes."""
        if size < 8:
            value = self.op(f"trunc i64 {text(value)} to i{8 * size}")
        self.store_raw(f"i{8 * size}", value, pointer)

    def field(self, name: str, index: Value = 0) -> str:
        """Pointer to a word of the hart's state."""
        offset = HART_OFFSETS[name]
        if isinstance(index, int):
            return self.at("%st", offset + 8 * index)
        return self.at("%st", self.add(self.shl(index, 3), offset))

    def get(self, name: str, index: Value = 0) -> Value:
        """Read a word of the hart's state."""
        return self.op(f"load i64, ptr {self.field(name, index)}")

    def put(self, name: str, value: Value, index: Value = 0) -> None:
        """Write a word of the hart's state."""
        self.put_line(f"store i64 {text(value)}, ptr {self.field(name, index)}")

    def get_pointer(self, name: str) -> str:
        """Read a pointer from the hart's state."""
        return self.op(f"load ptr, ptr {self.field(name)}")

    def put_pointer(self, name: str, pointer: str) -> None:
        """Write a pointer to the hart's state."""
        self.put_line(f"store ptr {pointer}, ptr {self.field(name)}")

    def _shared_field(self, name: str) -> str:
        return self.at(self.get_pointer("shared"), SHARED_OFFSETS[name])

    def shared(self, name: str) -> Value:
        """Read a word that all harts share."""
        return self.op(f"load i64, ptr {self._shared_field(name)}")

    def put_shared(self, name: str, value: Value) -> None:
        """Set a word that all harts share."""
        self.store_raw("i64", value, self._shared_field(name))

    def shared_pointer(self, name: str) -> str:
        """Read a pointer that all harts share."""
        return self.op(f"load ptr, ptr {self._shared_field(name)}")

    # Effects that need no more than the state.

    def call_plain(self, name: str, *args: str, result: str = "void") -> str:
        """Call one of the engine's own functions; `args` carry their types."""
        joined = ", ".join(("ptr %st", *args))
        if result == "void":
            self.put_line(f"call void @{name}({joined})")
            return ""
        return self.op(f"call {result} @{name}({joined})")

    def call_back(self, name: str, *args: Value, result: str = "void") -> str:
        """Call a callback into Python with values; the host's floating point is Python's meanwhile."""
        listed = ", ".join(f"i64 {text(arg)}" for arg in args)
        line = f"call {result} {self.shared_pointer(name)}({listed})"
        self.call_plain("to_host")
        value = ""
        if result == "void":
            self.put_line(line)
        else:
            value = self.op(line)
        self.call_plain("to_guest")
        return value

    def call(self, target: Routine, *args: Value) -> Value:
        """Call a routine; gives up at once if it raised a trap."""
        assert len(args) == target.params, target.name
        self._wanted(target)
        value = self.call_plain(target.name, *(f"i64 {text(arg)}" for arg in args), result="i64")
        if target.traps:
            self.give_up_if_pending()
        return value

    def attempt(self, target: Routine, *args: Value) -> tuple[Bool, Value]:
        """Call a routine and clear what it left pending."""
        self._wanted(target)
        value = self.call_plain(target.name, *(f"i64 {text(arg)}" for arg in args), result="i64")
        failed = self.ne(self.get("pending"), Pending.NONE)
        self.put("pending", Pending.NONE)
        return failed, value

    def give_up_if_pending(self) -> None:
        """Leave the function if what was just called could not finish."""
        for _ in self.when(self.ne(self.get("pending"), Pending.NONE), UNLIKELY):
            self.give_up()

    def give_up(self) -> None:
        """Leave the function: `pending` tells why."""
        raise AssertionError("a subclass says how")

    def trap(self, cause: Value, tval: Value = 0, *, gva: Value = 0, tval2: Value = 0, tinst: Value = 0) -> None:
        """Raise a synchronous exception."""
        self.put("trap_cause", cause)
        self.put("trap_tval", tval)
        self.put("trap_gva", gva)
        self.put("trap_tval2", tval2)
        self.put("trap_tinst", tinst)
        self.put("pending", Pending.TRAP)
        self.give_up()

    def instruction(self) -> Value:
        """Read the code again."""
        return self.call_plain("instruction_bits", result="i64")

    def illegal(self, *, virtual: Bool = False) -> None:
        """Raise an illegal- or virtual-instruction exception with the running instruction's bits."""
        self.trap(self.select(virtual, Cause.VIRTUAL_INSTRUCTION, Cause.ILLEGAL), self.instruction())

    def _attention(self, bit: int) -> None:
        self.put("attention", self.or_(self.get("attention"), bit))

    def attend(self) -> None:
        """Look at interrupts and context before the next instruction."""
        self._attention(Attention.CHECK)

    def end_slice(self) -> None:
        """Leave the run slice before the next instruction."""
        self._attention(Attention.LEAVE)

    def flush(self) -> None:
        """Drop cached translations before the next instruction (the running one still derives its pc from them)."""
        self._attention(Attention.CHECK | Attention.FLUSH)

    def flush_space(self, guest: Value) -> None:
        """Drop them before the next instruction."""
        self.put("stale", self.or_(guest, STALE_SPACE))
        self._attention(Attention.CHECK | Attention.STALE)

    def flush_page(self, address: Value, guest: Value) -> None:
        """Drop them before the next instruction."""
        self.put("stale", self.or_(self.and_(address, MASK ^ (PAGE - 1)), guest))
        self._attention(Attention.CHECK | Attention.STALE)

    def observed(self, event: int) -> Iterator[None]:
        """Emit the body of the `for` under the condition that an event is wanted."""
        return self.when(self.ne(self.and_(self.shared("observed"), event), 0), UNLIKELY)

    def observe_trap(self, pc: Value, cause: Value, tval: Value) -> None:
        """Call back if traps are watched."""
        for _ in self.observed(Observed.TRAPS):
            self.call_back("on_trap", self.get("self_index"), pc, cause, tval)

    def judge_word(self, index: Value) -> Value:
        """Load it."""
        return self.load_raw("i64", self.at(self.shared_pointer("judgements"), self.shl(index, 3)))

    def judge_csr(self, number: Value) -> Value:
        """Ask Python."""
        return self.call_back("on_judge_csr", self.get("self_index"), number, result="i64")

    def judge_print(self, operand: Value, depth: Value) -> None:
        """Note it for Python, or tell it."""
        self.call_plain("note_print", f"i64 {text(operand)}", f"i64 {text(depth)}")

    def collect_flags(self) -> None:
        """Move what the host's arithmetic raised to `fflags`."""
        self.call_plain("collect_flags")

    def in_trap_loop(self) -> None:
        """Leave the run slice and say why."""
        self.put("stop", StopCode.TRAP_LOOP)
        self._attention(Attention.LEAVE)

    def now(self) -> Value:
        """Steps so far: of earlier slices, and of this one as last spilled."""
        return self.add(self.get("steps"), self.sub(self.get("budget0"), self.get("budget")))

    def call_csr(self, kind: str, number: Value, *args: Value) -> Value:
        """Call the CSR's routine through the table; an absent CSR's entries raise the exception."""
        column = ("read", "base", "write").index(kind)
        entry = self.add(self.shl(number, 5), 8 * column)
        function = self.op(f"load ptr, ptr {self.at(self.shared_pointer('csr_table'), entry)}")
        given = text(args[0]) if args else "0"
        value = self.op(f"call i64 {function}(ptr %st, i64 {given})")
        self.give_up_if_pending()
        return value


class RoutineEmitter(Emitter):
    """Writes a routine: `i64 name(ptr %st, i64...)`; giving up is returning 0 with `pending` set."""

    def give_up(self) -> None:
        """Return; the caller looks at `pending`."""
        self.ret(0)

    def ret(self, value: Value = 0) -> None:
        """Return from the routine."""
        self.put_line(f"ret i64 {text(value)}")
        self.unreachable_from_here()

    def watch(self, address: Value, size: Value, kind: int) -> None:
        """Compare with the watchpoints, if there are any."""
        for _ in self.when(self.ne(self.shared("watch_count"), 0), UNLIKELY):
            self._check_watches(address, size, kind, 0)

    def watch_place(self, physical: Value, size: Value, kind: int) -> None:
        """Compare where the access leads with the watchpoints of the other two spaces."""
        for _ in self.when(self.ne(self.shared("watch_count"), 0), UNLIKELY):
            self._check_watches(self.get("guest_physical"), size, kind, 1)
            self._check_watches(physical, size, kind, 2)

    def _check_watches(self, address: Value, size: Value, kind: int, space: int) -> None:
        args = (f"i64 {text(address)}", f"i64 {text(size)}", f"i64 {kind}", f"i64 {space}")
        self.call_plain("check_watches", *args)
        self.give_up_if_pending()

    def cache(self, formed: Value, address: Value, physical: Value) -> None:
        """Fill the soft TLB."""
        self.call_plain("fill_data", f"i64 {text(formed)}", f"i64 {text(address)}", f"i64 {text(physical)}")

    def _table_slot(self, entry: Value) -> str:
        """Pointer to the entry of `table_tlb` that an address may have.

        Tables of both stages tend to be at round addresses, and often at the same ones: they are kept apart.
        """
        page = self.lshr(entry, PAGE_SHIFT)
        spread = self.xor(page, self.lshr(page, 4))
        index = self.and_(self.add(spread, self.mul(self.and_(entry, 1), TABLE_ENTRIES // 2 + 5)), TABLE_ENTRIES - 1)
        return self.at(self.field("table_tlb"), self.mul(index, TABLE_ENTRY))

    def _table_tag(self, entry: Value) -> Value:
        return self.and_(entry, MASK ^ (PAGE - 2))

    def known_table(self, entry: Value) -> Value:
        """Probe the small TLB of page-table pages."""
        slot = self._table_slot(entry)
        hit = self.eq(self.load_raw("i64", slot), self._table_tag(entry))
        place = self.or_(self.load_raw("i64", self.at(slot, 8)), self.and_(entry, PAGE - 2))
        return self.select(hit, place, 0)

    def know_table(self, entry: Value, physical: Value) -> None:
        """Fill it, unless a part of the page cannot be read."""
        page = self.and_(physical, MASK ^ (PAGE - 1))
        allowed = self.call(pmp_permissions, page, self.or_(page, PAGE - 1), Privilege.S)
        for _ in self.when(self.ne(self.and_(allowed, PMP_R), 0)):
            slot = self._table_slot(entry)
            self.store_raw("i64", self._table_tag(entry), slot)
            self.store_raw("i64", page, self.at(slot, 8))

    def holds_memory(self, physical: Value) -> Bool:
        """Ask for its backing offset."""
        return self.ne(self.call_plain("backing", f"i64 {text(physical)}", result="i64"), NOWHERE)

    def load_physical(self, physical: Value, size: int) -> Value:
        """RAM in place, everything else through the machine's callback."""
        value = self.call_plain(f"load_physical_{size}", f"i64 {text(physical)}", result="i64")
        self.give_up_if_pending()
        return value

    def store_physical(self, physical: Value, size: int, value: Value) -> None:
        """RAM in place, everything else through the machine's callback."""
        self.call_plain(f"store_physical_{size}", f"i64 {text(physical)}", f"i64 {text(value)}")
        self.give_up_if_pending()


def emit_routine(target: Routine, wanted: Callable[[Routine], None]) -> str:
    """IR of a routine."""
    emitter = RoutineEmitter(wanted)
    target.body(emitter, *(f"%a{index}" for index in range(target.params)))
    emitter.ret(0)
    params = ", ".join(["ptr %st", *(f"i64 %a{index}" for index in range(target.params))])
    ending = "  unreachable"
    return f"define internal i64 @{target.name}({params}) #0 {{\n{emitter.body()}\n{ending}\n}}\n"
