"""Taking and returning from traps, and choosing an interrupt (manual volume II, chapters 3 and 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.hart.fields import (
    INTERRUPT_BIT,
    INTERRUPT_ORDER,
    MASK64,
    MSTATUS_MIE,
    MSTATUS_MPIE,
    MSTATUS_MPP,
    MSTATUS_MPRV,
    MSTATUS_SIE,
    MSTATUS_SPIE,
    MSTATUS_SPP,
    MSTATUS_TSR,
    MSTATUS_TW,
    Privilege,
)
from emulator.isa.domain import routine

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Execution, Value


def _moved(d: Domain, value: Value, source: int, target: int) -> Value:
    """Bit `source` of `value` (masks) placed at `target`."""
    bit = d.ne(d.and_(value, source), 0)
    return d.select(bit, target, 0)


def _vector(d: Domain, tvec: Value, cause: Value) -> Value:
    """Where a trap goes: the base, or for an interrupt in vectored mode base + 4 × cause."""
    base = d.and_(tvec, MASK64 ^ 3)
    vectored = d.both(d.ne(d.and_(tvec, 1), 0), d.ne(d.lshr(cause, 63), 0))
    return d.select(vectored, d.add(base, d.shl(d.and_(cause, 63), 2)), base)


@routine(params=3)
def take_trap(d: Domain, pc: Value, cause: Value, tval: Value) -> None:
    """Enter the handler of `cause` (an `mcause` value) with `pc` as the trapped instruction; sets pc and privilege."""
    d.observe_trap(pc, cause, tval)
    priv = d.get("priv")
    number = d.and_(cause, 63)
    is_interrupt = d.ne(d.lshr(cause, 63), 0)
    delegated = d.select(is_interrupt, d.get("mideleg"), d.get("medeleg"))
    to_s = d.both(d.ne(priv, Privilege.M), d.ne(d.and_(d.lshr(delegated, number), 1), 0))
    status = d.get("mstatus")
    d.put("waiting", 0)
    for _ in d.when(to_s):
        d.put("scause", cause)
        d.put("sepc", pc)
        d.put("stval", tval)
        cleared = d.and_(status, MASK64 ^ (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP))
        saved = d.or_(_moved(d, status, MSTATUS_SIE, MSTATUS_SPIE), d.select(d.eq(priv, 1), MSTATUS_SPP, 0))
        d.put("mstatus", d.or_(cleared, saved))
        d.put("priv", Privilege.S)
        d.put("pc", _vector(d, d.get("stvec"), cause))
    for _ in d.unless(to_s):
        d.put("mcause", cause)
        d.put("mepc", pc)
        d.put("mtval", tval)
        cleared = d.and_(status, MASK64 ^ (MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP))
        saved = d.or_(_moved(d, status, MSTATUS_MIE, MSTATUS_MPIE), d.shl(priv, 11))
        d.put("mstatus", d.or_(cleared, saved))
        d.put("priv", Privilege.M)
        d.put("pc", _vector(d, d.get("mtvec"), cause))
    d.attend()


@routine(params=3)
def take_exception(d: Domain, pc: Value, cause: Value, tval: Value) -> None:
    """Take a synchronous exception raised by the current step, and notice when it can only repeat itself."""
    before = d.get("priv")
    trapped = d.get("trapped")
    d.call(take_trap, pc, cause, tval)
    d.put("trapped", d.add(trapped, 1))
    retired = d.sub(d.now(), trapped)  # unchanged since the last exception if nothing retired in between
    same_place = d.both(d.eq(d.get("pc"), pc), d.eq(d.get("priv"), before))
    again = d.both(d.eq(d.get("loop_pc"), pc), d.eq(d.get("loop_step"), retired))
    for _ in d.when(d.both(same_place, again)):
        d.in_trap_loop()
    d.put("loop_pc", d.get("pc"))
    d.put("loop_step", retired)


@routine(params=0)
def pending_interrupt(d: Domain) -> None:
    """Return the `mcause` value of the interrupt to take now, or 0."""
    priv = d.get("priv")
    status = d.get("mstatus")
    ready = d.and_(d.get("mip"), d.get("mie"))
    delegated = d.get("mideleg")
    m_enabled = d.either(d.ult(priv, Privilege.M), d.ne(d.and_(status, MSTATUS_MIE), 0))
    s_enabled = d.either(
        d.ult(priv, Privilege.S),
        d.both(d.eq(priv, Privilege.S), d.ne(d.and_(status, MSTATUS_SIE), 0)),
    )
    for_m = d.select(m_enabled, d.and_(ready, d.xor(delegated, MASK64)), 0)
    for_s = d.select(s_enabled, d.and_(ready, delegated), 0)
    chosen = d.select(d.ne(for_m, 0), for_m, for_s)
    for _ in d.when(d.either(d.eq(chosen, 0), d.ne(d.get("mask_interrupts"), 0))):
        d.ret(0)
    for code in INTERRUPT_ORDER:
        for _ in d.when(d.ne(d.and_(chosen, 1 << code), 0)):
            d.ret(INTERRUPT_BIT | code)
    d.ret(0)


@routine(params=0)
def poll_interrupts(d: Domain) -> None:
    """Take the pending interrupt of the highest priority, if one may be taken, at the current pc."""
    cause = d.call(pending_interrupt)
    for _ in d.when(d.ne(cause, 0)):
        d.call(take_trap, d.get("pc"), cause, 0)


@routine(params=0, traps=True)
def machine_return(d: Domain) -> None:
    """MRET: restore privilege and interrupt enable from `mstatus`; returns the new pc."""
    for _ in d.when(d.ne(d.get("priv"), Privilege.M)):
        d.illegal()
    status = d.get("mstatus")
    target = d.and_(d.lshr(status, 11), 3)
    kept = d.and_(status, MASK64 ^ (MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP))
    restored = d.or_(d.or_(kept, _moved(d, status, MSTATUS_MPIE, MSTATUS_MIE)), MSTATUS_MPIE)
    unprivileged = d.select(d.ne(target, Privilege.M), MASK64 ^ MSTATUS_MPRV, MASK64)
    d.put("mstatus", d.and_(restored, unprivileged))
    d.put("priv", target)
    d.attend()
    d.ret(d.get("mepc"))


@routine(params=0, traps=True)
def supervisor_return(d: Domain) -> None:
    """SRET: the same from the supervisor's half of `mstatus`; illegal in U-mode, and in S-mode under TSR."""
    priv = d.get("priv")
    status = d.get("mstatus")
    trapped = d.both(d.eq(priv, Privilege.S), d.ne(d.and_(status, MSTATUS_TSR), 0))
    for _ in d.when(d.either(d.eq(priv, Privilege.U), trapped)):
        d.illegal()
    kept = d.and_(status, MASK64 ^ (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_MPRV))
    restored = d.or_(d.or_(kept, _moved(d, status, MSTATUS_SPIE, MSTATUS_SIE)), MSTATUS_SPIE)
    d.put("mstatus", restored)
    d.put("priv", d.and_(d.lshr(status, 8), 1))
    d.attend()
    d.ret(d.get("sepc"))


@routine(params=0, traps=True)
def check_wait(d: Domain) -> None:
    """WFI's permission: illegal in U-mode (we implement S-mode) and below M-mode under `mstatus.TW`."""
    priv = d.get("priv")
    forbidden = d.both(d.ne(priv, Privilege.M), d.ne(d.and_(d.get("mstatus"), MSTATUS_TW), 0))
    for _ in d.when(d.either(d.eq(priv, Privilege.U), forbidden)):
        d.illegal()


def environment_call(d: Execution) -> None:
    """ECALL: the cause tells the privilege it came from."""
    d.trap(d.add(8, d.get("priv")), 0)
