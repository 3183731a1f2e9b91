"""Every CSR as one row: number, name, who may touch it, what a read gives and what a write leaves (WARL).

`read` has no side effect and asks no permission; `write` legalises; `guard` raises what the manual raises beyond the
number's own privilege bits. Instructions check permission first; a debugger uses `read` and `write` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from emulator.hart.fields import (
    ENVCFG_CBCFE,
    ENVCFG_CBIE,
    ENVCFG_CBZE,
    ENVCFG_FIOM,
    M_INTERRUPTS,
    MASK64,
    MSTATUS_FS,
    MSTATUS_MPP,
    MSTATUS_MXR,
    MSTATUS_SD,
    MSTATUS_SXL64,
    MSTATUS_TVM,
    MSTATUS_UXL64,
    MSTATUS_WRITABLE,
    PMP_A,
    PMP_L,
    PMP_R,
    PMP_W,
    S_INTERRUPTS,
    SSTATUS_VISIBLE,
    SSTATUS_WRITABLE,
    Interrupt,
    Privilege,
)
from emulator.hart.floating import FLAGS, MODES, mark_dirty, require_float
from emulator.hart.state import PMP_ENTRIES
from emulator.hart.translation import ENVCFG_ADUE, ENVCFG_PBMTE, SATP_MODE, has
from emulator.isa.extensions import ALWAYS, EXTENSION_BITS

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value

Read = Callable[["Domain"], "Value"]
Write = Callable[["Domain", "Value"], None]
Guard = Callable[["Domain"], None]


@dataclass(frozen=True, slots=True)
class Csr:
    """One control and status register.

    Attributes:
        number: Its address, 12 bits; bits 9:8 are the lowest privilege, bits 11:10 both set mean read-only.
        name: The manual's name.
        read: Its value.
        write: What a write of a value does; None for a register whose every bit is read-only.
        guard: Raises an exception where the manual forbids an access that the number's bits would allow.
        base: What a read-modify-write combines with its operand, where that is not `read`.
        extension: The extension that brings it; without it the register does not exist.
    """

    number: int
    name: str
    read: Read
    write: Write | None = None
    guard: Guard | None = None
    base: Read | None = None
    extension: str = "zicsr"

    @property
    def read_only(self) -> bool:
        """Whether the number itself says that writes are illegal."""
        return self.number >> 10 == 3


def _stored(number: int, name: str, *, writable: int = MASK64, notice: bool = False, guard: Guard | None = None) -> Csr:
    """A CSR that keeps the bits `writable` of what is written; `notice` makes the hart look at interrupts again."""

    def write(d: Domain, value: Value) -> None:
        d.put(name, d.and_(value, writable))
        if notice:
            d.attend()

    return Csr(number, name, lambda d: d.get(name), write, guard)


def _constant(number: int, name: str, value: int = 0) -> Csr:
    """A CSR whose every bit is fixed; a write to it, where the number allows one, is ignored."""
    return Csr(number, name, lambda _d: value, None if number >> 10 == 3 else lambda _d, _v: None)


def _merge(d: Domain, old: Value, new: Value, writable: Value) -> Value:
    return d.or_(d.and_(old, d.xor(writable, MASK64)), d.and_(new, writable))


# Machine and supervisor status.


def _read_mstatus(d: Domain) -> Value:
    status = d.get("mstatus")
    dirty = d.eq(d.and_(status, MSTATUS_FS), MSTATUS_FS)
    return d.or_(status, d.select(dirty, MSTATUS_UXL64 | MSTATUS_SXL64 | MSTATUS_SD, MSTATUS_UXL64 | MSTATUS_SXL64))


def _float_status(d: Domain) -> Value:
    """The bits of FS where there are f registers."""
    return d.select(has(d, "f"), MSTATUS_FS, 0)


def _put_mstatus(d: Domain, value: Value) -> None:
    """Cached translations hold what MXR allows; SUM, MPRV and the privilege choose among sets of them."""
    changed = d.xor(d.get("mstatus"), value)
    d.put("mstatus", value)
    for _ in d.when(d.ne(d.and_(changed, MSTATUS_MXR), 0)):
        d.flush()
    d.attend()


def _write_mstatus(d: Domain, value: Value) -> None:
    reserved = d.eq(d.and_(value, MSTATUS_MPP), 2 << 11)
    writable = d.select(reserved, MSTATUS_WRITABLE & ~MSTATUS_MPP, MSTATUS_WRITABLE)
    _put_mstatus(d, _merge(d, d.get("mstatus"), value, d.or_(writable, _float_status(d))))


def _write_sstatus(d: Domain, value: Value) -> None:
    _put_mstatus(d, _merge(d, d.get("mstatus"), value, d.or_(SSTATUS_WRITABLE, _float_status(d))))


# Floating point. A write makes FS dirty, also when nothing changes.


def _read_flags(d: Domain) -> Value:
    d.collect_flags()
    return d.get("fflags")


def _write_flags(d: Domain, value: Value) -> None:
    d.collect_flags()
    d.put("fflags", d.and_(value, FLAGS))
    d.call(mark_dirty)


def _write_mode(d: Domain, value: Value) -> None:
    d.put("frm", d.and_(value, MODES))
    d.call(mark_dirty)
    d.attend()


def _read_fcsr(d: Domain) -> Value:
    return d.or_(_read_flags(d), d.shl(d.get("frm"), 5))


def _write_fcsr(d: Domain, value: Value) -> None:
    _write_flags(d, value)
    _write_mode(d, d.lshr(value, 5))


def _float_guard(d: Domain) -> None:
    for _ in d.unless(has(d, "f")):
        d.illegal()
    d.call(require_float)


# Interrupt pending and enable. `mip` holds what is pending; SEIP is what was written OR the PLIC's line.


def _base_mip(d: Domain) -> Value:
    others = d.and_(d.get("mip"), MASK64 ^ (1 << Interrupt.SEI))
    return d.or_(others, d.get("seip_written"))


def _write_mip(d: Domain, value: Value) -> None:
    d.put("seip_written", d.and_(value, 1 << Interrupt.SEI))
    merged = _merge(d, d.get("mip"), d.or_(value, d.get("seip_line")), S_INTERRUPTS)
    d.put("mip", merged)
    d.attend()


def _write_sip(d: Domain, value: Value) -> None:
    writable = d.and_(d.get("mideleg"), 1 << Interrupt.SSI)
    d.put("mip", _merge(d, d.get("mip"), value, writable))
    d.attend()


def _write_sie(d: Domain, value: Value) -> None:
    d.put("mie", _merge(d, d.get("mie"), value, d.get("mideleg")))
    d.attend()


# Environment configuration.

ENVCFG_FIELDS: Final = (("zicbom", ENVCFG_CBIE | ENVCFG_CBCFE), ("zicboz", ENVCFG_CBZE))
"""Fields that `menvcfg` and `senvcfg` have where a hart has an extension."""


def _envcfg(number: int, name: str, fields: tuple[tuple[str, int], ...] = ENVCFG_FIELDS) -> Csr:
    """`menvcfg`, `senvcfg`: CBIE = 2 is reserved and becomes 0. What a PTE may hold can change: caches are flushed."""

    def write(d: Domain, value: Value) -> None:
        writable: Value = ENVCFG_FIOM
        for extension, bits in fields:
            writable = d.or_(writable, d.select(has(d, extension), bits, 0))
        reserved = d.eq(d.and_(value, ENVCFG_CBIE), 2 << 4)
        d.put(name, d.and_(value, d.and_(writable, d.select(reserved, MASK64 ^ ENVCFG_CBIE, MASK64))))
        d.flush()

    return Csr(number, name, lambda d: d.get(name), write)


# Trap vectors and exception pcs.


def _vector(number: int, name: str) -> Csr:
    return _stored(number, name, writable=MASK64 ^ 2)


def _exception_pc(number: int, name: str) -> Csr:
    """`mepc`, `sepc`: bit 0 is always zero, bit 1 too where instructions are 4 bytes."""

    def write(d: Domain, value: Value) -> None:
        d.put(name, d.and_(value, d.xor(d.or_(d.get("ialign"), 1), MASK64)))

    return Csr(number, name, lambda d: d.get(name), write)


# Counters. A write names the value that the next instruction reads.


def _counter_guard(index: int) -> Guard:
    def guard(d: Domain) -> None:
        priv = d.get("priv")
        by_m = d.eq(d.and_(d.get("mcounteren"), 1 << index), 0)
        by_s = d.eq(d.and_(d.get("scounteren"), 1 << index), 0)
        below_m = d.both(d.ne(priv, Privilege.M), by_m)
        below_s = d.both(d.eq(priv, Privilege.U), by_s)
        for _ in d.when(d.either(below_m, below_s)):
            d.illegal()

    return guard


def _read_cycle(d: Domain) -> Value:
    return d.add(d.now(), d.get("mcycle_offset"))


def _write_cycle(d: Domain, value: Value) -> None:
    d.put("mcycle_offset", d.sub(value, d.add(d.now(), 1)))


def _read_instret(d: Domain) -> Value:
    return d.add(d.sub(d.now(), d.get("trapped")), d.get("minstret_offset"))


def _write_instret(d: Domain, value: Value) -> None:
    d.put("minstret_offset", d.sub(value, d.sub(d.add(d.now(), 1), d.get("trapped"))))


def _read_time(d: Domain) -> Value:
    elapsed = d.add(d.get("time_base"), d.sub(d.now(), d.get("steps")))
    ticks = d.udiv(d.mul(elapsed, d.shared("ticks_mul")), d.shared("ticks_div"))
    return d.add(ticks, d.shared("ticks_offset"))


# Translation and protection.


def _satp_guard(d: Domain) -> None:
    virtual = d.both(d.eq(d.get("priv"), Privilege.S), d.ne(d.and_(d.get("mstatus"), MSTATUS_TVM), 0))
    for _ in d.when(virtual):
        d.illegal()


def _write_satp(d: Domain, value: Value) -> None:
    """An unsupported mode leaves the register as it was; a supported one keeps a 16-bit ASID and a 44-bit PPN."""
    mode = d.lshr(value, SATP_MODE)
    supported = d.ne(d.and_(d.lshr(d.shared("satp_modes"), mode), 1), 0)
    for _ in d.when(supported):
        d.put("satp", d.select(d.eq(mode, 0), 0, value))
        d.flush()


def _pmpcfg(group: int) -> Csr:
    """`pmpcfg0` and `pmpcfg2`: eight entries each; a locked entry keeps its byte, and W without R is not kept."""
    first = group * 4

    def read(d: Domain) -> Value:
        value = d.get("pmpcfg", first)
        for byte in range(1, 8):
            value = d.or_(value, d.shl(d.get("pmpcfg", first + byte), 8 * byte))
        return value

    def write(d: Domain, value: Value) -> None:
        for byte in range(8):
            new = d.and_(d.lshr(value, 8 * byte), PMP_L | PMP_A | 7)
            readable = d.ne(d.and_(new, PMP_R), 0)
            legal = d.and_(new, d.select(readable, 0xFF, 0xFF ^ PMP_W))
            old = d.get("pmpcfg", first + byte)
            locked = d.ne(d.and_(old, PMP_L), 0)
            d.put("pmpcfg", d.select(locked, old, legal), first + byte)
        d.flush()

    return Csr(0x3A0 + group, f"pmpcfg{group}", read, write)


def _pmpaddr(index: int) -> Csr:
    """`pmpaddrN`: 54 bits; locked by its own entry, or by the next one when that is a locked TOR."""

    def write(d: Domain, value: Value) -> None:
        locked = d.ne(d.and_(d.get("pmpcfg", index), PMP_L), 0)
        if index + 1 < PMP_ENTRIES:
            above = d.and_(d.get("pmpcfg", index + 1), PMP_L | PMP_A)
            locked = d.either(locked, d.eq(above, PMP_L | 1 << 3))
        old = d.get("pmpaddr", index)
        d.put("pmpaddr", d.select(locked, old, d.and_(value, (1 << 54) - 1)), index)
        d.flush()

    return Csr(0x3B0 + index, f"pmpaddr{index}", lambda d: d.get("pmpaddr", index), write)


MEDELEG: Final = 0xB3FF
"""Exceptions that may be delegated: all of part one's but the call from M-mode."""

ROWS: Final = (
    # Floating point.
    Csr(0x001, "fflags", _read_flags, _write_flags, _float_guard),
    Csr(0x002, "frm", lambda d: d.get("frm"), _write_mode, _float_guard),
    Csr(0x003, "fcsr", _read_fcsr, _write_fcsr, _float_guard),
    # Unprivileged counters (Zicntr, Zihpm).
    Csr(0xC00, "cycle", _read_cycle, guard=_counter_guard(0), extension="zicntr"),
    Csr(0xC01, "time", _read_time, guard=_counter_guard(1), extension="zicntr"),
    Csr(0xC02, "instret", _read_instret, guard=_counter_guard(2), extension="zicntr"),
    *(Csr(0xC00 + n, f"hpmcounter{n}", lambda _d: 0, guard=_counter_guard(n), extension="zihpm") for n in range(3, 32)),
    # Supervisor.
    Csr(0x100, "sstatus", lambda d: d.and_(_read_mstatus(d), SSTATUS_VISIBLE), _write_sstatus),
    Csr(0x104, "sie", lambda d: d.and_(d.get("mie"), d.get("mideleg")), _write_sie),
    _vector(0x105, "stvec"),
    _stored(0x106, "scounteren", writable=(1 << 32) - 1),
    _envcfg(0x10A, "senvcfg"),
    _stored(0x140, "sscratch"),
    _exception_pc(0x141, "sepc"),
    _stored(0x142, "scause"),
    _stored(0x143, "stval"),
    Csr(0x144, "sip", lambda d: d.and_(d.get("mip"), d.get("mideleg")), _write_sip),
    Csr(0x180, "satp", lambda d: d.get("satp"), _write_satp, _satp_guard),
    # Machine.
    _constant(0xF11, "mvendorid"),
    _constant(0xF12, "marchid"),
    _constant(0xF13, "mimpid"),
    Csr(0xF14, "mhartid", lambda d: d.get("mhartid")),
    _constant(0xF15, "mconfigptr"),
    Csr(0x300, "mstatus", _read_mstatus, _write_mstatus),
    Csr(0x301, "misa", lambda d: d.get("misa"), lambda _d, _v: None),
    _stored(0x302, "medeleg", writable=MEDELEG),
    _stored(0x303, "mideleg", writable=S_INTERRUPTS, notice=True),
    _stored(0x304, "mie", writable=S_INTERRUPTS | M_INTERRUPTS, notice=True),
    _vector(0x305, "mtvec"),
    _stored(0x306, "mcounteren", writable=(1 << 32) - 1),
    _envcfg(0x30A, "menvcfg", (*ENVCFG_FIELDS, ("svadu", ENVCFG_ADUE), ("svpbmt", ENVCFG_PBMTE))),
    _constant(0x320, "mcountinhibit"),
    *(_constant(0x320 + n, f"mhpmevent{n}") for n in range(3, 32)),
    _stored(0x340, "mscratch"),
    _exception_pc(0x341, "mepc"),
    _stored(0x342, "mcause"),
    _stored(0x343, "mtval"),
    Csr(0x344, "mip", lambda d: d.get("mip"), _write_mip, base=_base_mip),
    _pmpcfg(0),
    _pmpcfg(2),
    *(_pmpaddr(index) for index in range(PMP_ENTRIES)),
    Csr(0xB00, "mcycle", _read_cycle, _write_cycle),
    Csr(0xB02, "minstret", _read_instret, _write_instret),
    *(_constant(0xB00 + n, f"mhpmcounter{n}") for n in range(3, 32)),
)
"""Every CSR of the machine."""

BY_NUMBER: Final = {row.number: row for row in ROWS}
BY_NAME: Final = {row.name: row for row in ROWS}


def _check(d: Domain, row: Csr, *, writes: bool) -> None:
    """Raise the illegal-instruction exception where the number's bits or the guard forbid the access."""
    lowest = row.number >> 8 & 3
    if writes and row.read_only:
        d.illegal()
    if row.extension not in ALWAYS:
        for _ in d.when(d.eq(d.and_(d.shared("extensions"), 1 << EXTENSION_BITS[row.extension]), 0)):
            d.illegal()
    if lowest:
        for _ in d.when(d.ult(d.get("priv"), lowest)):
            d.illegal()
    if row.guard is not None:
        row.guard(d)


def read_instruction(row: Csr) -> Callable[[Domain], None]:
    """The meaning of an instruction's read of `row`, permission included; returns the value."""

    def body(d: Domain) -> None:
        _check(d, row, writes=False)
        d.ret(row.read(d))

    return body


def base_instruction(row: Csr) -> Callable[[Domain], None]:
    """The meaning of the read half of a read-modify-write of `row`."""

    def body(d: Domain) -> None:
        d.ret((row.base or row.read)(d))

    return body


def write_instruction(row: Csr) -> Callable[[Domain, Value], None]:
    """The meaning of an instruction's write to `row`, permission included."""

    def body(d: Domain, value: Value) -> None:
        _check(d, row, writes=True)
        if row.write is not None:
            row.write(d, value)
        d.ret(0)

    return body
