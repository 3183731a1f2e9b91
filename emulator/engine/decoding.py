"""Decoding in compiled code: the tables, derived from the rows, and the functions that walk them.

A 16-bit encoding is looked up whole; a 32-bit one by opcode and funct3, then by a short list of mask and match.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from emulator.engine.layout import LONG, MODE_SHIFT, NEAR, PAGE, RD, UNLINKED, VARIANTS
from emulator.hart.state import Observed
from emulator.isa.extensions import EXTENSION_BITS
from emulator.isa.rows import FORMATS, JALR, RESERVED_MODES, RM_SHIFT, SINK, J, Operand, Row
from emulator.isa.table import ROWS, decode, specific_first

if TYPE_CHECKING:
    from emulator.engine.runtime import Builder, RuntimeEmitter
    from emulator.isa.domain import Value

TARGETS: Final[tuple[Row, ...]] = tuple(row for row in ROWS if row.base is None)
"""Rows that have handlers; the illegal instruction's come behind them."""
ILLEGAL: Final = len(TARGETS)
TARGET_INDEX: Final = {row.name: index for index, row in enumerate(TARGETS)}

IMMEDIATES: Final[tuple[Operand, ...]] = tuple(
    dict.fromkeys(part for layout in FORMATS for part in layout.operands if part.role == "imm")
)
"""The ways in which 32-bit encodings hold an immediate; kind 0 is none."""

KIND_BITS: Final = 8
RELATIVE: Final = 1 << 8
LINKS: Final = 1 << 9
ROUNDS: Final = 1 << 10
TARGET_SHIFT: Final = 16
EXTENSION_SHIFT: Final = 32
NO_ROW: Final = len(ROWS)


def row_links(row: Row) -> bool:
    """Whether the row writes a return address, so that a form without one is worth having."""
    return row.target.format in (J, JALR)


def _row_word(row: Row) -> int:
    immediate = next((part for part in row.format.operands if part.role == "imm"), None)
    kind = IMMEDIATES.index(immediate) + 1 if row.length == 4 and immediate is not None else 0
    flags = (RELATIVE if row.relative else 0) | (LINKS if row_links(row) else 0) | (ROUNDS if row.rounds else 0)
    target = TARGET_INDEX[row.target.name]
    return kind | flags | target << TARGET_SHIFT | EXTENSION_BITS[row.extension] << EXTENSION_SHIFT


def payload(rd: int, rs1: int, rs2: int, imm: int) -> int:
    """The eight bytes of a record behind its handler."""
    return (rd or SINK) | rs1 << 8 | rs2 << 16 | (imm & 0xFFFF_FFFF) << 32


def bucket_key(word: int) -> int:
    """Opcode and funct3 of a 32-bit encoding."""
    return word >> 5 & 0x380 | word & 0x7F


@dataclass(frozen=True, slots=True)
class Tables:
    """What the compiled decoder reads; see `emulator.hart.state.SHARED` for the names.

    Attributes:
        rows: A word a row: immediate kind, flags, target row, extension bit; one more for no row at all.
        buckets: By opcode and funct3: first candidate << 16 | how many.
        candidates: mask, match, row, 0 (32 bits each), most specific first.
        halfwords: By 16-bit encoding: the record's payload.
        half_rows: By 16-bit encoding: the row.
    """

    rows: array[int]
    buckets: array[int]
    candidates: array[int]
    halfwords: array[int]
    half_rows: array[int]


def build_tables() -> Tables:
    """Derive the decoder's tables from the rows."""
    numbers = {row.name: index for index, row in enumerate(ROWS)}
    rows = array("Q", [*map(_row_word, ROWS), ILLEGAL << TARGET_SHIFT])
    buckets = array("Q", bytes(8 * 1024))
    candidates = array("I")
    long_rows = specific_first(row for row in ROWS if row.length == 4)
    for key in range(3, 1024, 4):
        fitting = [row for row in long_rows if bucket_key(row.match) == key & bucket_key(row.mask)]
        buckets[key] = len(candidates) // 4 << 16 | len(fitting)
        for row in fitting:
            candidates.extend((row.mask, row.match, numbers[row.name], 0))
    halfwords = array("Q", bytes(8 * 65536))
    half_rows = array("H", [NO_ROW]) * 65536
    for word in range(65536):
        if word & 3 != 3 and (found := decode(word)) is not None:
            halfwords[word] = payload(found.rd, found.rs1, found.rs2, found.imm)
            half_rows[word] = numbers[found.row.name]
    return Tables(rows, buckets, candidates, halfwords, half_rows)


@cache
def tables() -> Tables:
    """The tables, built once a process."""
    return build_tables()


def _extract(e: RuntimeEmitter, part: Operand, word: Value) -> Value:
    """An immediate, as the low 32 bits of the result."""
    value: Value = 0
    for piece in part.slices:
        bits = e.and_(e.lshr(word, piece.source), (1 << piece.width) - 1)
        value = e.or_(value, e.shl(bits, piece.target))
    return e.sext(value, part.bits) if part.signed and part.bits < 64 else value


def _find_long(e: RuntimeEmitter) -> None:
    """Row of the 32-bit encoding %a0."""
    key = e.or_(e.and_(e.lshr("%a0", 5), 0x380), e.and_("%a0", 0x7F))
    bucket = e.load_word(e.at(e.shared_pointer("buckets"), e.shl(key, 3)))
    at = e.var(e.lshr(bucket, 16))
    end = e.add(at.get(), e.and_(bucket, 0xFFFF))
    table = e.shared_pointer("candidates")
    for _ in e.loop(lambda: e.ult(at.get(), end)):
        entry = e.at(table, e.shl(at.get(), 4))
        masked = e.and_("%a0", e.load_wide(entry, 4))
        for _ in e.when(e.eq(masked, e.load_wide(e.at(entry, 4), 4))):
            e.ret(e.load_wide(e.at(entry, 8), 4))
        at.set(e.add(at.get(), 1))
    e.ret(NO_ROW)


def _mode(e: RuntimeEmitter, word: Value) -> Value:
    return e.and_(e.lshr(word, RM_SHIFT), 7)


def _long_payload(e: RuntimeEmitter) -> None:
    """Payload of the 32-bit encoding %a0 with immediate kind %a1."""
    immediate = e.var(0)
    for kind, part in enumerate(IMMEDIATES, 1):
        for _ in e.when(e.eq("%a1", kind)):
            immediate.set(_extract(e, part, "%a0"))
    rd = e.and_(e.lshr("%a0", 7), 31)
    low = e.or_(e.select(e.eq(rd, 0), SINK, rd), e.shl(e.and_(e.lshr("%a0", 15), 31), 8))
    low = e.or_(low, e.shl(e.and_(e.lshr("%a0", 20), 31), 16))
    aux = e.or_(e.and_(e.lshr("%a0", 27), 31), e.shl(_mode(e, "%a0"), MODE_SHIFT))
    low = e.or_(low, e.shl(aux, 24))
    e.ret(e.or_(low, e.shl(immediate.get(), 32)))


def _decode_into(e: RuntimeEmitter) -> None:
    """Make the record at %a0 that of the encoding %a1, at offset %a2 of its page; %a3 allows near jumps."""
    long = e.eq(e.and_("%a1", 3), 3)
    row, filled = e.var(0), e.var(0)
    half = e.and_("%a1", 0xFFFF)
    for _ in e.unless(long):
        row.set(e.load_wide(e.at(e.shared_pointer("half_rows"), e.shl(half, 1)), 2))
        filled.set(e.load_word(e.at(e.shared_pointer("halfwords"), e.shl(half, 3))))
    for _ in e.when(long):
        row.set(e.call_plain("find_long", "i64 %a1", result="i64"))
    word = e.load_word(e.at(e.shared_pointer("rows"), e.shl(row.get(), 3)))
    for _ in e.when(long):
        kind = e.and_(word, (1 << KIND_BITS) - 1)
        filled.set(e.call_plain("long_payload", "i64 %a1", f"i64 {kind}", result="i64"))
    present = e.and_(e.lshr(e.shared("extensions"), e.lshr(word, EXTENSION_SHIFT)), 1)
    target = e.and_(e.lshr(word, TARGET_SHIFT), 0xFFFF)
    target = e.select(e.ne(present, 0), target, ILLEGAL)
    reserved = e.ult(e.sub(_mode(e, "%a1"), RESERVED_MODES[0]), len(RESERVED_MODES))
    target = e.select(e.both(e.ne(e.and_(word, ROUNDS), 0), reserved), ILLEGAL, target)
    distance = e.sext(e.lshr(filled.get(), 32), 32)
    inside = e.ult(e.add("%a2", distance), PAGE)
    aligned = e.eq(e.and_(distance, e.get("ialign")), 0)
    near = e.both(e.both(e.ne(e.and_(word, RELATIVE), 0), e.ne("%a3", 0)), e.both(inside, aligned))
    unlinked = e.both(e.ne(e.and_(word, LINKS), 0), e.eq(e.and_(filled.get(), 0xFF), SINK))
    variant = e.or_(e.select(long, LONG, 0), e.or_(e.select(near, NEAR, 0), e.select(unlinked, UNLINKED, 0)))
    slot = e.shl(e.add(e.mul(target, VARIANTS), variant), 3)
    e.store_raw("ptr", e.load_raw("ptr", e.at(e.shared_pointer("handlers"), slot)), "%a0")
    e.store_raw("i64", filled.get(), e.at("%a0", RD))
    e.ret()


def _decode_record(e: RuntimeEmitter) -> None:
    """Decode the instruction whose record is %a0, and note that its line holds code."""
    cur = e.get_pointer("cur")
    start = e.load_word(e.at(cur, 8))
    offset = e.lshr(e.sub(e.op("ptrtoint ptr %a0 to i64"), start), 3)
    backing = e.add(e.load_word(e.at(cur, 16)), offset)
    pointer = e.at(e.shared_pointer("ram"), backing)
    for _ in e.observed(Observed.CODE):
        address = e.add(e.load_word(cur), offset)
        e.call_back("on_decode", e.get("self_index"), address)
    word = e.var(e.load_wide(pointer, 2))
    long = e.eq(e.and_(word.get(), 3), 3)
    across = e.both(long, e.eq(offset, PAGE - 2))
    for _ in e.when(across):
        e.store_raw("ptr", "@outline", "%a0")
    for _ in e.unless(across):
        for _ in e.when(long):
            word.set(e.load_wide(pointer, 4))
            e.call_plain("mark_line", f"i64 {e.add(backing, 2)}")
        e.call_plain("decode_into", "ptr %a0", f"i64 {word.get()}", f"i64 {offset}", "i64 1")
    e.call_plain("mark_line", f"i64 {backing}")
    for _ in e.when(e.ne(e.shared("break_count"), 0)):
        for _ in e.when(e.ne(e.call_plain("near_break", f"i64 {offset}", result="i64"), 0)):
            e.store_raw("ptr", "@breakpoint", "%a0")
    e.ret()


FUNCTIONS: Final[tuple[tuple[str, tuple[str, ...], str, Builder], ...]] = (
    ("find_long", ("i64",), "i64", _find_long),
    ("long_payload", ("i64", "i64"), "i64", _long_payload),
    ("decode_into", ("ptr", "i64", "i64", "i64"), "void", _decode_into),
    ("decode_record", ("ptr",), "void", _decode_record),
)
"""Name, parameter types behind the state pointer, result type, builder."""
