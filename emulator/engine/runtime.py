"""What compiled code needs besides instructions and rules: physical memory, the soft TLB, the store of records.

Each function here is emitted once and called on slow paths only. They are the engine's, not the architecture's: the
rules they apply (translation, protection) are the hart's routines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.engine.breaking import decode_again, in_span, leaves_span
from emulator.engine.hostfloat import (
    FLAG_PLACES,
    MXCSR_CLEAN,
    MXCSR_FLAGS,
    MXCSR_MODE_SHIFT,
    MXCSR_MODES,
    host_features,
)
from emulator.engine.ir import UNLIKELY, RoutineEmitter, text
from emulator.engine.layout import (
    CSR_ENTRY,
    LINE_SHIFT,
    NOWHERE,
    PAGE,
    PAGE_BITS,
    PAGE_SHIFT,
    PARCELS,
    RAM_BASE,
    RECORD,
    RECORD_PAGE,
    WATCH,
)
from emulator.engine.softtlb import data_entry, drop_stale, fetch_entry, flush_space, flush_tlbs
from emulator.engine.watching import SPACE_SHIFT, Space, concerns, watched_range
from emulator.hart.access import check_fetch, page_permissions, translate_fetch
from emulator.hart.fields import MASK64, Cause
from emulator.hart.floating import DYNAMIC, LAST_OF_HOST, float_dirty
from emulator.hart.modes import GUEST
from emulator.hart.state import (
    CONTEXTS,
    DATA_ENTRY,
    HART_OFFSETS,
    NO_TAG,
    TLB_ENTRIES,
    CsrPhase,
    Pending,
)
from emulator.hart.translation import FETCH, LOAD, STORE
from emulator.hart.triggers import consider_triggers, near_trigger

if TYPE_CHECKING:
    from emulator.isa.domain import Routine, Value

CSR_NUMBER: Final = 20
"""Place of a CSR's number in the instructions that access one."""


class RuntimeEmitter(RoutineEmitter):
    """Writes one of the engine's functions, whose result may be void.

    Args:
        wanted: Told of every routine that is called.
        result: LLVM type of the result, `void` or `i64` or `ptr`.
    """

    def __init__(self, wanted: Callable[[Routine], None], result: str) -> None:
        super().__init__(wanted)
        self._result = result

    def ret(self, value: Value = 0) -> None:
        """Return; the value is ignored where the function has none."""
        self.put_line("ret void" if self._result == "void" else f"ret {self._result} {text(value)}")
        self.unreachable_from_here()

    def backing(self, physical: Value) -> Value:
        """Offset of a physical address in the backing memory, or NOWHERE."""
        return self.call_plain("backing", f"i64 {text(physical)}", result="i64")

    def lines_of(self, backing: Value) -> str:
        """Pointer to the line mask of the page at a backing offset."""
        return self.at(self.shared_pointer("lines"), self.shl(self.lshr(backing, PAGE_SHIFT), 3))

    def load_word(self, pointer: str) -> Value:
        """Load 64 bits."""
        return self.load_raw("i64", pointer)


Builder = Callable[[RuntimeEmitter], None]


def _backing(e: RuntimeEmitter) -> None:
    in_ram = e.sub("%a0", RAM_BASE)
    ram_size = e.shared("ram_size")
    for _ in e.when(e.ult(in_ram, ram_size)):
        e.ret(in_ram)
    in_rom = e.sub("%a0", e.shared("rom_base"))
    for _ in e.when(e.ult(in_rom, e.shared("rom_size"))):
        e.ret(e.add(ram_size, in_rom))
    e.ret(NOWHERE)


def _load_physical(size: int) -> Builder:
    def build(e: RuntimeEmitter) -> None:
        backing = e.backing("%a0")
        for _ in e.when(e.ne(backing, NOWHERE)):
            e.ret(e.load_wide(e.at(e.shared_pointer("ram"), backing), size))
        e.ret(e.call_back("on_load", e.get("self_index"), "%a0", size, result="i64"))

    return build


def _store_physical(size: int) -> Builder:
    def build(e: RuntimeEmitter) -> None:
        hart = e.get("self_index")
        backing = e.backing("%a0")
        for _ in e.when(e.eq(backing, NOWHERE)):
            e.call_back("on_store", hart, "%a0", size, "%a1")
            e.ret()
        for _ in e.when(e.uge(backing, e.shared("ram_size"))):  # the boot ROM
            e.trap(e.get("fault_cause"), e.get("trap_tval"))
        mask = e.load_word(e.lines_of(backing))
        first, last = e.lshr(backing, LINE_SHIFT), e.lshr(e.add(backing, size - 1), LINE_SHIFT)
        hit = e.or_(e.lshr(mask, e.and_(first, 63)), e.lshr(mask, e.and_(last, 63)))
        for _ in e.when(e.ne(e.and_(hit, 1), 0)):
            e.call_plain("drop_line", f"i64 {first}")
            e.call_plain("drop_line", f"i64 {last}")
        e.store_narrow(e.at(e.shared_pointer("ram"), backing), size, "%a1")
        for _ in e.when(e.eq(first, e.shared("special_line")), UNLIKELY):
            e.call_back("on_line", hart, "%a0", size)
        e.ret()

    return build


def _record(e: RuntimeEmitter, page: Value, parcel: Value) -> str:
    """Pointer to the record of a parcel of a backing page."""
    base = e.at(e.shared_pointer("records"), e.mul(page, RECORD_PAGE))
    return e.at(base, e.mul(parcel, RECORD))


def _drop_line(e: RuntimeEmitter) -> None:
    """Code in line %a0 was written: decode it again when it is next executed."""
    backing = e.shl("%a0", LINE_SHIFT)
    pointer = e.lines_of(backing)
    bit = e.shl(1, e.and_("%a0", 63))
    special = e.eq("%a0", e.shared("special_line"))
    mask = e.load_word(pointer)
    e.store_raw("i64", e.select(special, mask, e.and_(mask, e.xor(bit, MASK64))), pointer)
    page = e.lshr(backing, PAGE_SHIFT)
    for _ in e.when(e.op(f"icmp eq ptr {e.load_raw('ptr', _record(e, page, 0))}, null")):
        e.ret()
    start = e.shl(e.and_("%a0", 63), LINE_SHIFT - 1)
    # The parcel before the line may begin an instruction that reaches into it.
    parcel = e.var(e.select(e.eq(start, 0), 0, e.sub(start, 1)))
    end = e.add(start, 1 << (LINE_SHIFT - 1))
    for _ in e.loop(lambda: e.ult(parcel.get(), end)):
        decode_again(e, _record(e, page, parcel.get()))
        parcel.set(e.add(parcel.get(), 1))
    e.ret()


def _mark_line(e: RuntimeEmitter) -> None:
    """The parcel at backing offset %a0 is now held decoded: stores to its line must be seen."""
    pointer = e.lines_of("%a0")
    bit = e.shl(1, e.and_(e.lshr("%a0", LINE_SHIFT), 63))
    mask = e.load_word(pointer)
    for _ in e.when(e.ne(e.and_(mask, bit), 0)):
        e.ret()
    e.store_raw("i64", e.or_(mask, bit), pointer)
    page = e.lshr("%a0", PAGE_SHIFT)
    stored = e.at(e.shared_pointer("stored"), page)
    for _ in e.when(e.ne(e.load_wide(stored, 1), 0)):
        e.store_narrow(stored, 1, 0)
        e.call_plain("forget_stores", f"i64 {page}")
    e.ret()


def _forget_stores(e: RuntimeEmitter) -> None:
    """Take back every hart's right to store to backing page %a0 without asking."""
    hart = e.var(0)
    size, count = e.shared("hart_size"), e.shared("hart_count")
    first = e.shared_pointer("harts")
    for _ in e.loop(lambda: e.ult(hart.get(), count)):
        table = e.at(first, e.add(e.mul(hart.get(), size), HART_OFFSETS["data_tlb"]))
        at = e.var(0)
        for _ in e.loop(lambda: e.ult(at.get(), CONTEXTS * TLB_ENTRIES * DATA_ENTRY)):  # noqa: B023 -- emitted at once
            entry = e.at(table, at.get())
            tag = e.load_word(e.at(entry, 8))
            page = e.lshr(e.add(tag, e.load_word(e.at(entry, 16))), PAGE_SHIFT)
            for _ in e.when(e.both(e.ne(tag, NO_TAG), e.eq(page, "%a0"))):
                e.store_raw("i64", NO_TAG, e.at(entry, 8))
            at.set(e.add(at.get(), DATA_ENTRY))
        hart.set(e.add(hart.get(), 1))
    e.ret()


def _fill_data(e: RuntimeEmitter) -> None:
    """Cache that %a0, which masking makes %a1, translates to physical %a2."""
    backing = e.backing(e.and_("%a2", PAGE_BITS))
    for _ in e.when(e.eq(backing, NOWHERE)):
        e.ret()
    page = e.and_("%a0", PAGE_BITS)
    allowed = e.and_(e.get("allowed"), e.get("leaf"))
    lines = e.var(e.load_word(e.lines_of(backing)))
    e.put("watch_reads", 0)
    for _ in e.when(e.ne(e.shared("watch_count"), 0), UNLIKELY):
        for space, address in zip(Space, ("%a1", e.get("guest_physical"), "%a2"), strict=True):
            watched = e.and_(address, PAGE_BITS)
            found = e.call_plain("watched_lines", f"i64 {watched}", f"i64 {int(space)}", result="i64")
            lines.set(e.or_(lines.get(), found))
    for _ in e.when(e.ne(e.and_(e.get("armed"), LOAD | STORE), 0), UNLIKELY):
        effective = e.and_("%a1", PAGE_BITS)
        e.put("watch_reads", e.or_(e.get("watch_reads"), e.call(near_trigger, effective, LOAD)))
        lines.set(e.or_(lines.get(), e.sub(0, e.call(near_trigger, effective, STORE))))
    readable = e.both(e.ne(e.and_(allowed, LOAD), 0), e.eq(e.get("watch_reads"), 0))
    writable = e.both(e.ne(e.and_(allowed, STORE), 0), e.ult(backing, e.shared("ram_size")))
    space = e.lshr(e.get("access_mode"), GUEST.bit_length() - 1)
    e.put("tagged", e.or_(e.get("tagged", space), e.xor("%a0", "%a1")), space)
    entry = data_entry(e, e.get_pointer("tlb_data"), "%a0")
    e.store_raw("i64", e.select(readable, page, NO_TAG), entry)
    e.store_raw("i64", e.select(writable, page, NO_TAG), e.at(entry, 8))
    e.store_raw("i64", e.sub(backing, page), e.at(entry, 16))
    e.store_raw("i64", lines.get(), e.at(entry, 24))
    for _ in e.when(writable):
        e.store_narrow(e.at(e.shared_pointer("stored"), e.lshr(backing, PAGE_SHIFT)), 1, 1)
    e.ret()


def _each_watch(e: RuntimeEmitter, space: Value, visit: Callable[[str, Value, Value, Value], None]) -> None:
    """Emit a loop over the watchpoints of a space: `visit(entry, first, last, flags)`, as the access sees them."""
    index = e.var(0)
    count, table = e.shared("watch_count"), e.shared_pointer("watches")
    for _ in e.loop(lambda: e.ult(index.get(), count)):
        entry = e.at(table, e.mul(index.get(), WATCH))
        flags = e.load_word(e.at(entry, 16))
        for _ in e.when(e.eq(e.lshr(flags, SPACE_SHIFT), space)):
            first, last = watched_range(e, e.load_word(entry), e.load_word(e.at(entry, 8)), flags)
            visit(entry, first, last, flags)
        index.set(e.add(index.get(), 1))


def _watched_lines(e: RuntimeEmitter) -> None:
    """Mask of the lines of page %a0 of space %a1 with a watchpoint on stores; `watch_reads` tells of one on loads."""
    mask = e.var(0)
    last_byte = e.or_("%a0", PAGE - 1)

    def visit(_entry: str, first: Value, last: Value, kinds: Value) -> None:
        for _ in e.when(e.both(e.uge(last_byte, first), e.uge(last, "%a0"))):
            low = e.lshr(e.and_(e.select(e.ult(first, "%a0"), "%a0", first), PAGE - 1), LINE_SHIFT)
            high = e.lshr(e.and_(e.select(e.ult(last_byte, last), last_byte, last), PAGE - 1), LINE_SHIFT)
            lines = e.shl(e.lshr(MASK64, e.sub(63, e.sub(high, low))), low)
            mask.set(e.or_(mask.get(), e.select(e.ne(e.and_(kinds, STORE), 0), lines, 0)))
            e.put("watch_reads", e.or_(e.get("watch_reads"), e.and_(kinds, LOAD)))

    _each_watch(e, "%a1", visit)
    e.ret(mask.get())


def _check_watches(e: RuntimeEmitter) -> None:
    """Stop if a watchpoint covers the %a1 bytes at %a0 of space %a3 for an access of kind %a2."""
    end = e.add("%a0", e.sub("%a1", 1))

    def visit(entry: str, first: Value, last: Value, flags: Value) -> None:
        covers = e.both(e.uge(end, first), e.uge(last, "%a0"))
        for _ in e.when(e.both(covers, e.ne(e.and_(flags, "%a2"), 0))):
            for _ in e.when(concerns(e, e.load_word(entry), flags, e.load_word(e.at(entry, 24)))):
                details = (e.load_word(e.at(entry, 32)), e.get("access_formed"), "%a1", "%a2")
                for at, detail in enumerate(details):
                    e.put("stop_detail", detail, at)
                e.put("pending", Pending.WATCH)
                e.ret()

    _each_watch(e, "%a3", visit)
    e.ret()


def _instruction_bits(e: RuntimeEmitter) -> None:
    """Bits of the instruction whose record is in `ip`."""
    cur = e.get_pointer("cur")
    for _ in e.when(e.op(f"icmp eq ptr {cur}, {e.field('scratch_entry')}")):
        e.ret(e.get("raw"))
    distance = e.sub(e.get("ip"), e.load_word(e.at(cur, 8)))
    backing = e.add(e.load_word(e.at(cur, 16)), e.lshr(distance, 3))
    pointer = e.at(e.shared_pointer("ram"), backing)
    parcel = e.load_wide(pointer, 2)
    for _ in e.when(e.eq(e.and_(parcel, 3), 3)):
        e.ret(e.load_wide(pointer, 4))
    e.ret(parcel)


def _fetch(e: RuntimeEmitter) -> None:
    """Find the record of the instruction at `pc` and leave it in `next_ip`; caches the page if it is executable."""
    address = e.get("pc")
    page = e.and_(address, PAGE_BITS)
    for _ in leaves_span(e, address):
        e.put("pending", Pending.SPAN)
        e.ret()
    consider_triggers(e, address, FETCH)
    physical = e.call(translate_fetch, address)
    e.call(check_fetch, physical, address)
    backing = e.backing(physical)
    for _ in e.when(e.eq(backing, NOWHERE)):
        e.trap(Cause.FETCH_ACCESS, address)
    allowed = e.var(e.call(page_permissions, e.and_(physical, PAGE_BITS), e.get("priv")))
    for _ in e.when(e.ne(e.and_(e.get("armed"), FETCH), 0), UNLIKELY):
        allowed.set(e.select(e.ne(e.call(near_trigger, page, FETCH), 0), 0, allowed.get()))
    for _ in e.when(e.ne(e.and_(allowed.get(), FETCH), 0)):
        records = e.call_plain("open_page", f"i64 {e.lshr(backing, PAGE_SHIFT)}", result="ptr")
        for _ in e.when(e.ne(e.shared("break_count"), 0), UNLIKELY):
            e.call_plain("plant_breaks", f"i64 {page}", f"ptr {records}")
        for _ in in_span(e):
            e.call_plain("plant_fences", f"i64 {page}", f"ptr {records}")
        entry = fetch_entry(e, e.get_pointer("tlb_fetch"), address)
        e.store_raw("i64", page, entry)
        e.store_raw("ptr", records, e.at(entry, 8))
        e.store_raw("i64", e.and_(backing, PAGE_BITS), e.at(entry, 16))
        e.put_pointer("cur", entry)
        e.put_pointer("next_ip", e.at(records, e.shl(e.and_(address, PAGE - 1), 3)))
        e.ret()
    for _ in e.when(e.ne(e.call_plain("stops_at", f"i64 {address}", result="i64"), 0)):
        e.put("pending", Pending.BREAK)
        e.ret()
    e.call_plain("single")
    e.ret()


def _fill_page(e: RuntimeEmitter, base: str) -> None:
    at = e.var(0)
    for _ in e.loop(lambda: e.ult(at.get(), PARCELS * RECORD)):
        e.store_raw("ptr", "@decode", e.at(base, at.get()))
        at.set(e.add(at.get(), RECORD))
    e.store_raw("ptr", "@resolve", e.at(base, PARCELS * RECORD))


def _open_page(e: RuntimeEmitter) -> None:
    """The records of backing page %a0, made ready when they are first asked for."""
    base = e.at(e.shared_pointer("records"), e.mul("%a0", RECORD_PAGE))
    for _ in e.when(e.op(f"icmp eq ptr {e.load_raw('ptr', base)}, null")):
        _fill_page(e, base)
    e.ret(base)


def _single(e: RuntimeEmitter) -> None:
    """Decode the instruction at `pc` out of line, because its page cannot be cached or it lies across two pages."""
    address = e.get("pc")

    def parcel(at: Value) -> Value:
        physical = e.call(translate_fetch, at)
        e.call(check_fetch, physical, at)
        backing = e.backing(physical)
        for _ in e.when(e.eq(backing, NOWHERE)):
            e.trap(Cause.FETCH_ACCESS, at)
        return e.load_wide(e.at(e.shared_pointer("ram"), backing), 2)

    word = e.var(parcel(address))
    for _ in e.when(e.eq(e.and_(word.get(), 3), 3)):
        word.set(e.or_(word.get(), e.shl(parcel(e.add(address, 2)), 16)))
    e.put("raw", word.get())
    scratch, entry = e.field("scratch"), e.field("scratch_entry")
    e.store_raw("i64", e.and_(address, PAGE_BITS), entry)
    e.store_raw("ptr", e.at(scratch, e.sub(0, e.shl(e.and_(address, PAGE - 1), 3))), e.at(entry, 8))
    e.call_plain("decode_into", f"ptr {scratch}", f"i64 {word.get()}", "i64 0", "i64 0")
    e.store_raw("ptr", "@resolve", e.at(scratch, RECORD))
    e.store_raw("ptr", "@resolve", e.at(scratch, 2 * RECORD))
    e.put_pointer("cur", entry)
    e.put_pointer("next_ip", scratch)
    e.ret()


def _read_control(e: RuntimeEmitter) -> Value:
    """MXCSR."""
    place = e.slot()
    e.put_line(f"call void @llvm.x86.sse.stmxcsr(ptr {place})")
    return e.load_wide(place, 4)


def _write_control(e: RuntimeEmitter, value: Value) -> None:
    place = e.slot()
    e.store_narrow(place, 4, value)
    e.put_line(f"call void @llvm.x86.sse.ldmxcsr(ptr {place})")


def _collect_flags(e: RuntimeEmitter) -> None:
    """Move the flags of MXCSR to `fflags`."""
    if "mxcsr" in host_features():
        control = _read_control(e)
        for _ in e.when(e.ne(e.and_(control, MXCSR_FLAGS), 0)):
            flags = e.get("fflags")
            for source, target in FLAG_PLACES:
                flags = e.or_(flags, e.shl(e.and_(e.lshr(control, source), 1), target))
            e.put("fflags", flags)
            _write_control(e, e.and_(control, MASK64 ^ MXCSR_FLAGS))
    e.ret()


def _enter_guest(e: RuntimeEmitter) -> None:
    """Begin a run: keep Python's MXCSR and raise no flag yet."""
    if "mxcsr" in host_features():
        e.put("host_control", _read_control(e))
        e.put("float_control", MXCSR_CLEAN)
        _write_control(e, MXCSR_CLEAN)
    e.ret()


def _to_host(e: RuntimeEmitter) -> None:
    """Python runs next, or for good."""
    e.call_plain("collect_flags")
    if "mxcsr" in host_features():
        _write_control(e, e.get("host_control"))
    e.ret()


def _to_guest(e: RuntimeEmitter) -> None:
    """The hart goes on behind a callback."""
    if "mxcsr" in host_features():
        _write_control(e, e.get("float_control"))
    e.ret()


def _float_context(e: RuntimeEmitter) -> None:
    """What the state says about floating point: whether f registers may be written, and how the host rounds."""
    dirty = float_dirty(e)
    e.put("float_on", e.flag(dirty))
    if "mxcsr" in host_features():
        e.call_plain("collect_flags")
        mode = e.get("frm")
        hosts = e.ult(mode, LAST_OF_HOST + 1)
        modes = e.or_(1 << DYNAMIC, e.shl(1, mode))
        e.put("float_modes", e.select(e.both(dirty, hosts), modes, 0))
        bits = e.and_(e.lshr(MXCSR_MODES, e.shl(e.and_(mode, LAST_OF_HOST), 1)), LAST_OF_HOST)
        e.put("float_control", e.or_(MXCSR_CLEAN, e.shl(bits, MXCSR_MODE_SHIFT)))
        e.call_plain("to_guest")
    e.ret()


SEEN_CSR: Final = {kind: f"csr_seen_{kind}" for kind in ("read", "base", "write")}
"""What stands in for the routines of a CSR that is watched."""


def _seen_csr(column: int, kind: str) -> Builder:
    """Access the CSR that the running instruction names with %a0, and tell Python before a write and afterwards."""

    def build(e: RuntimeEmitter) -> None:
        number = e.and_(e.lshr(e.call_plain("instruction_bits", result="i64"), CSR_NUMBER), 0xFFF)
        if kind == "write":
            e.call_back("on_csr", e.get("self_index"), number, CsrPhase.BEFORE_WRITE)
        entry = e.add(e.mul(number, CSR_ENTRY), 8 * column)
        function = e.load_raw("ptr", e.at(e.shared_pointer("csr_plain"), entry))
        value = e.op(f"call i64 {function}(ptr %st, i64 %a0)")
        e.give_up_if_pending()
        e.call_back("on_csr", e.get("self_index"), number, CsrPhase.WRITTEN if kind == "write" else CsrPhase.READ)
        e.ret(value)

    return build


FUNCTIONS: Final[tuple[tuple[str, tuple[str, ...], str, Builder], ...]] = (
    ("backing", ("i64",), "i64", _backing),
    *((f"load_physical_{size}", ("i64",), "i64", _load_physical(size)) for size in (1, 2, 4, 8)),
    *((f"store_physical_{size}", ("i64", "i64"), "void", _store_physical(size)) for size in (1, 2, 4, 8)),
    ("drop_line", ("i64",), "void", _drop_line),
    ("mark_line", ("i64",), "void", _mark_line),
    ("forget_stores", ("i64",), "void", _forget_stores),
    ("fill_data", ("i64", "i64", "i64"), "void", _fill_data),
    ("watched_lines", ("i64", "i64"), "i64", _watched_lines),
    ("check_watches", ("i64", "i64", "i64", "i64"), "void", _check_watches),
    *((SEEN_CSR[kind], ("i64",), "i64", _seen_csr(at, kind)) for at, kind in enumerate(SEEN_CSR)),
    ("flush_tlbs", (), "void", flush_tlbs),
    ("flush_space", ("i64",), "void", flush_space),
    ("drop_stale", ("i64",), "void", drop_stale),
    ("instruction_bits", (), "i64", _instruction_bits),
    ("fetch", (), "void", _fetch),
    ("open_page", ("i64",), "ptr", _open_page),
    ("single", (), "void", _single),
    ("collect_flags", (), "void", _collect_flags),
    ("enter_guest", (), "void", _enter_guest),
    ("to_host", (), "void", _to_host),
    ("to_guest", (), "void", _to_guest),
    ("float_context", (), "void", _float_context),
)
"""Name, parameter types behind the state pointer, result type, builder."""


def emit_function(
    name: str, params: tuple[str, ...], result: str, build: Builder, wanted: Callable[[Routine], None]
) -> str:
    """IR of one of the engine's functions."""
    emitter = RuntimeEmitter(wanted, result)
    build(emitter)
    listed = ", ".join(["ptr %st", *(f"{kind} %a{index}" for index, kind in enumerate(params))])
    return f"define internal {result} @{name}({listed}) #0 {{\n{emitter.body()}\n  unreachable\n}}\n"
