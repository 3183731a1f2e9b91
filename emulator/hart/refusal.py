"""Illegal instruction or virtual instruction: the one rule for whatever a mode may not execute or access.

Manual volume II, "Hypervisor Extension": at V=1 an instruction that is *HS-qualified* (HS-mode could execute it with
`mstatus.TVM` and `TSR` clear) and that something of S- or H-level keeps from executing raises the virtual-instruction
exception; every other refusal is an illegal instruction. So a refusal has two parts, and whoever decides names both:

* `denied`: HS-mode could not do it either (M-mode's registers say so, or there is no such thing);
* `barred`: privilege below HS-mode, or a control of S- or H-level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from emulator.hart.fields import HSTATUS_VTVM, MSTATUS_TVM, Privilege

if TYPE_CHECKING:
    from emulator.isa.domain import Bool, Domain

Refusal: TypeAlias = "tuple[Bool, Bool]"
"""`denied` and `barred`."""


def is_guest(d: Domain) -> Bool:
    """Whether V=1: the hart is in VS- or VU-mode."""
    return d.ne(d.get("virt"), 0)


def below_machine(d: Domain) -> Bool:
    """Whether the hart is not in M-mode."""
    return d.ne(d.get("priv"), Privilege.M)


def is_user(d: Domain) -> Bool:
    """Whether the hart is in U- or VU-mode."""
    return d.eq(d.get("priv"), Privilege.U)


def refuse(d: Domain, *, denied: Bool = False, barred: Bool = False) -> None:
    """Raise the exception of a refused instruction, if either part holds; the trap value is the instruction's bits."""
    for _ in d.when(d.either(denied, barred)):
        d.illegal(virtual=d.both(is_guest(d), d.negate(denied)))


def controlled(d: Domain, machine: int, hypervisor: int) -> Bool:
    """Whether a control keeps S- or VS-mode away: a bit of `mstatus` for S-mode, one of `hstatus` for VS-mode."""
    by_machine = d.ne(d.and_(d.get("mstatus"), machine), 0)
    by_hypervisor = d.ne(d.and_(d.get("hstatus"), hypervisor), 0)
    guest = is_guest(d)
    trapped = d.either(d.both(guest, by_hypervisor), d.both(d.negate(guest), by_machine))
    return d.both(d.eq(d.get("priv"), Privilege.S), trapped)


def translation_controlled(d: Domain) -> Bool:
    """Whether TVM or VTVM keeps the hart from `satp`, `SFENCE.VMA` and `SINVAL.VMA`."""
    return controlled(d, MSTATUS_TVM, HSTATUS_VTVM)
