"""Taking and returning from traps, and choosing an interrupt (manual volume II, chapters 3 and 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import (
    HS_INTERRUPTS,
    HSTATUS_GVA,
    HSTATUS_SPV,
    HSTATUS_SPVP,
    HSTATUS_VTSR,
    HSTATUS_VTW,
    INTERRUPT_BIT,
    INTERRUPT_ORDER,
    MASK64,
    MSTATUS_GVA,
    MSTATUS_MIE,
    MSTATUS_MPIE,
    MSTATUS_MPP,
    MSTATUS_MPRV,
    MSTATUS_MPV,
    MSTATUS_SIE,
    MSTATUS_SPIE,
    MSTATUS_SPP,
    MSTATUS_TSR,
    MSTATUS_TW,
    VS_INTERRUPTS,
    Cause,
    Privilege,
)
from emulator.hart.modes import current_mode
from emulator.hart.refusal import below_machine, controlled, is_guest, is_user, refuse
from emulator.hart.traplog import note_trap
from emulator.isa.domain import routine

if TYPE_CHECKING:
    from emulator.isa.domain import Bool, Domain, Execution, Value

ADDRESS_CAUSES: Final = sum(
    1 << cause
    for cause in (
        Cause.FETCH_MISALIGNED,
        Cause.FETCH_ACCESS,
        Cause.BREAKPOINT,
        Cause.LOAD_MISALIGNED,
        Cause.LOAD_ACCESS,
        Cause.STORE_MISALIGNED,
        Cause.STORE_ACCESS,
        Cause.FETCH_PAGE,
        Cause.LOAD_PAGE,
        Cause.STORE_PAGE,
        Cause.FETCH_GUEST_PAGE,
        Cause.LOAD_GUEST_PAGE,
        Cause.STORE_GUEST_PAGE,
    )
)
"""Exceptions whose trap value is an address: at V=1 a guest's, whoever raised them."""


def _moved(d: Domain, value: Value, source: int, target: int) -> Value:
    """Bit `source` of `value` (masks) placed at `target`."""
    bit = d.ne(d.and_(value, source), 0)
    return d.select(bit, target, 0)


def _vector(d: Domain, tvec: Value, cause: Value) -> Value:
    """Where a trap goes: the base, or for an interrupt in vectored mode base + 4 × cause."""
    base = d.and_(tvec, MASK64 ^ 3)
    vectored = d.both(d.ne(d.and_(tvec, 1), 0), d.ne(d.lshr(cause, 63), 0))
    return d.select(vectored, d.add(base, d.shl(d.and_(cause, 63), 2)), base)


def _supervisor_status(d: Domain, status: Value) -> Value:
    """`sstatus` or `vsstatus` behind a trap to its mode."""
    cleared = d.and_(status, MASK64 ^ (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP))
    saved = d.or_(_moved(d, status, MSTATUS_SIE, MSTATUS_SPIE), d.shl(d.and_(d.get("priv"), 1), 8))
    return d.or_(cleared, saved)


def _enter_guest(d: Domain, pc: Value, cause: Value, tval: Value) -> None:
    """To VS-mode, which takes a VS interrupt for one of its own: its code is that of S-mode's, one less."""
    own = d.sub(cause, d.lshr(cause, 63))
    d.put("vscause", own)
    d.put("vsepc", pc)
    d.put("vstval", tval)
    d.put("vsstatus", _supervisor_status(d, d.get("vsstatus")))
    d.put("priv", Privilege.S)
    d.put("pc", _vector(d, d.get("vstvec"), own))


def _enter_supervisor(d: Domain, pc: Value, cause: Value, tval: Value, gva: Bool) -> None:
    """To HS-mode. SPVP tells the privilege of a guest, and is kept when none was running."""
    guest = is_guest(d)
    old = d.get("hstatus")
    nominal = d.shl(d.and_(d.get("priv"), 1), 8)
    spvp = d.select(guest, nominal, d.and_(old, HSTATUS_SPVP))
    others = d.and_(old, MASK64 ^ (HSTATUS_SPV | HSTATUS_SPVP | HSTATUS_GVA))
    flags = d.or_(d.select(guest, HSTATUS_SPV, 0), d.select(gva, HSTATUS_GVA, 0))
    d.put("hstatus", d.or_(d.or_(others, spvp), flags))
    d.put("scause", cause)
    d.put("sepc", pc)
    d.put("stval", tval)
    d.put("htval", d.get("trap_tval2"))
    d.put("htinst", d.get("trap_tinst"))
    d.put("mstatus", _supervisor_status(d, d.get("mstatus")))
    d.put("priv", Privilege.S)
    d.put("virt", 0)
    d.put("pc", _vector(d, d.get("stvec"), cause))


def _enter_machine(d: Domain, pc: Value, cause: Value, tval: Value, gva: Bool) -> None:
    """To M-mode."""
    status = d.get("mstatus")
    cleared = d.and_(status, MASK64 ^ (MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP | MSTATUS_MPV | MSTATUS_GVA))
    saved = d.or_(_moved(d, status, MSTATUS_MIE, MSTATUS_MPIE), d.shl(d.get("priv"), 11))
    flags = d.or_(d.select(is_guest(d), MSTATUS_MPV, 0), d.select(gva, MSTATUS_GVA, 0))
    d.put("mstatus", d.or_(d.or_(cleared, saved), flags))
    d.put("mcause", cause)
    d.put("mepc", pc)
    d.put("mtval", tval)
    d.put("mtval2", d.get("trap_tval2"))
    d.put("mtinst", d.get("trap_tinst"))
    d.put("priv", Privilege.M)
    d.put("virt", 0)
    d.put("pc", _vector(d, d.get("mtvec"), cause))


def _chosen(d: Domain, mask: Value, number: Value) -> Bool:
    return d.ne(d.and_(d.lshr(mask, number), 1), 0)


def _delegated_interrupts(d: Domain) -> Value:
    """`mideleg`, in which H's own interrupts are read-only ones."""
    return d.or_(d.get("mideleg"), HS_INTERRUPTS)


@routine(params=3)
def take_trap(d: Domain, pc: Value, cause: Value, tval: Value) -> None:
    """Enter the handler of `cause` (an `mcause` value) with `pc` as the trapped instruction; sets pc and mode.

    Who raised an exception with `Domain.trap` has left `trap_gva`, `trap_tval2` and `trap_tinst`; they are used up
    here. At V=1 an address is a guest's in any case.
    """
    d.observe_trap(pc, cause, tval)
    source = current_mode(d)
    number = d.and_(cause, 63)
    is_interrupt = d.ne(d.lshr(cause, 63), 0)
    guest = is_guest(d)
    from_m = d.select(is_interrupt, _delegated_interrupts(d), d.get("medeleg"))
    from_hs = d.select(is_interrupt, d.get("hideleg"), d.get("hedeleg"))
    to_s = d.both(below_machine(d), _chosen(d, from_m, number))
    to_vs = d.both(d.both(to_s, guest), _chosen(d, from_hs, number))
    address = d.both(_chosen(d, ADDRESS_CAUSES, number), d.negate(is_interrupt))
    gva = d.either(d.ne(d.get("trap_gva"), 0), d.both(guest, address))
    d.put("waiting", 0)
    for _ in d.when(to_vs):
        _enter_guest(d, pc, cause, tval)
    for _ in d.when(d.both(to_s, d.negate(to_vs))):
        _enter_supervisor(d, pc, cause, tval, gva)
    for _ in d.unless(to_s):
        _enter_machine(d, pc, cause, tval, gva)
    note_trap(d, source, pc, cause, tval)
    for name in ("trap_gva", "trap_tval2", "trap_tinst"):
        d.put(name, 0)
    d.attend()
    for _ in d.when(d.both(d.ne(d.get("leave_guest"), 0), d.both(guest, d.negate(to_vs)))):
        d.end_slice()


@routine(params=3)
def take_exception(d: Domain, pc: Value, cause: Value, tval: Value) -> None:
    """Take a synchronous exception raised by the current step, and notice when it can only repeat itself."""
    before, guest = d.get("priv"), d.get("virt")
    trapped = d.get("trapped")
    d.call(take_trap, pc, cause, tval)
    d.put("trapped", d.add(trapped, 1))
    retired = d.sub(d.now(), trapped)  # unchanged since the last exception if nothing retired in between
    same_mode = d.both(d.eq(d.get("priv"), before), d.eq(d.get("virt"), guest))
    same_place = d.both(d.eq(d.get("pc"), pc), same_mode)
    again = d.both(d.eq(d.get("loop_pc"), pc), d.eq(d.get("loop_step"), retired))
    for _ in d.when(d.both(same_place, again)):
        d.in_trap_loop()
    d.put("loop_pc", d.get("pc"))
    d.put("loop_step", retired)


def _enabled(d: Domain, status: Value) -> Bool:
    """Whether S- or VS-mode, if it is the current mode or above it, takes interrupts: in U-mode always."""
    in_s = d.both(d.eq(d.get("priv"), Privilege.S), d.ne(d.and_(status, MSTATUS_SIE), 0))
    return d.either(is_user(d), in_s)


@routine(params=0)
def pending_interrupt(d: Domain) -> None:
    """Return the `mcause` value of the interrupt to take now, or 0: M-mode's before HS-mode's before VS-mode's."""
    status = d.get("mstatus")
    guest = is_guest(d)
    ready = d.and_(d.get("mip"), d.get("mie"))
    for _ in d.when(d.either(d.eq(ready, 0), d.ne(d.get("mask_interrupts"), 0))):
        d.ret(0)
    delegated = _delegated_interrupts(d)
    to_guest = d.and_(d.get("hideleg"), VS_INTERRUPTS)
    m_enabled = d.either(below_machine(d), d.ne(d.and_(status, MSTATUS_MIE), 0))
    s_enabled = d.either(guest, _enabled(d, status))
    vs_enabled = d.both(guest, _enabled(d, d.get("vsstatus")))
    for_m = d.select(m_enabled, d.and_(ready, d.xor(delegated, MASK64)), 0)
    for_s = d.select(s_enabled, d.and_(ready, d.and_(delegated, d.xor(to_guest, MASK64))), 0)
    for_vs = d.select(vs_enabled, d.and_(ready, to_guest), 0)
    chosen = d.select(d.ne(for_m, 0), for_m, d.select(d.ne(for_s, 0), for_s, for_vs))
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
    """MRET: restore mode and interrupt enable from `mstatus`; returns the new pc. With MPP = M, MPV means nothing."""
    refuse(d, denied=below_machine(d))
    status = d.get("mstatus")
    target = d.and_(d.lshr(status, 11), 3)
    to_m = d.eq(target, Privilege.M)
    virtual = d.both(d.negate(to_m), d.ne(d.and_(status, MSTATUS_MPV), 0))
    kept = d.and_(status, MASK64 ^ (MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP | MSTATUS_MPV))
    restored = d.or_(d.or_(kept, _moved(d, status, MSTATUS_MPIE, MSTATUS_MIE)), MSTATUS_MPIE)
    d.put("mstatus", d.and_(restored, d.select(to_m, MASK64, MASK64 ^ MSTATUS_MPRV)))
    d.put("priv", target)
    d.put("virt", d.flag(virtual))
    d.attend()
    d.ret(d.get("mepc"))


def _return_from(d: Domain, register: str) -> None:
    """Restore privilege and interrupt enable from `mstatus` or `vsstatus`."""
    status = d.get(register)
    kept = d.and_(status, MASK64 ^ (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP))
    d.put(register, d.or_(d.or_(kept, _moved(d, status, MSTATUS_SPIE, MSTATUS_SIE)), MSTATUS_SPIE))
    d.put("priv", d.and_(d.lshr(status, 8), 1))
    d.put("mstatus", d.and_(d.get("mstatus"), MASK64 ^ MSTATUS_MPRV))
    d.attend()


@routine(params=0, traps=True)
def supervisor_return(d: Domain) -> None:
    """SRET: from the supervisor's half of `mstatus` and from `hstatus.SPV` at V=0, from `vsstatus` at V=1.

    Refused in U-mode, and in S-mode under TSR (VS-mode under VTSR).
    """
    refuse(d, barred=d.either(is_user(d), controlled(d, MSTATUS_TSR, HSTATUS_VTSR)))
    for _ in d.when(is_guest(d)):
        _return_from(d, "vsstatus")
        d.ret(d.get("vsepc"))
    _return_from(d, "mstatus")
    status = d.get("hstatus")
    d.put("hstatus", d.and_(status, MASK64 ^ HSTATUS_SPV))
    d.put("virt", d.flag(d.ne(d.and_(status, HSTATUS_SPV), 0)))
    d.ret(d.get("sepc"))


def _wait_denied(d: Domain) -> Bool:
    """Whether `mstatus.TW` keeps a mode below M from waiting."""
    return d.both(below_machine(d), d.ne(d.and_(d.get("mstatus"), MSTATUS_TW), 0))


@routine(params=0, traps=True)
def check_wait(d: Domain) -> None:
    """WFI's permission: not in U-mode (we implement S-mode), not below M-mode under TW, not in VS-mode under VTW."""
    refuse(d, denied=_wait_denied(d), barred=d.either(is_user(d), controlled(d, 0, HSTATUS_VTW)))


@routine(params=0, traps=True)
def check_stall(d: Domain) -> None:
    """WRS.NTO's permission: it may wait without a limit, so it is refused below M-mode under TW, at V=1 under VTW."""
    by_hypervisor = d.ne(d.and_(d.get("hstatus"), HSTATUS_VTW), 0)
    refuse(d, denied=_wait_denied(d), barred=d.both(is_guest(d), by_hypervisor))


def environment_call(d: Execution) -> None:
    """ECALL: the cause tells the mode it came from; that of VS-mode is one more than that of S-mode."""
    from_vs = d.both(is_guest(d), d.eq(d.get("priv"), Privilege.S))
    d.trap(d.add(d.add(8, d.get("priv")), d.flag(from_vs)), 0)
