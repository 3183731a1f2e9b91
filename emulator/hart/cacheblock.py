"""Cache-block instructions: who may use them, and what they do to the block (manual volume I, chapter "CMO")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.access import check_data, start_access, translate_data
from emulator.hart.fields import MASK64, Cause
from emulator.hart.refusal import below_machine, is_guest, is_user, refuse
from emulator.hart.translation import LOAD, STORE
from emulator.hart.triggers import consider_triggers
from emulator.isa.domain import routine

if TYPE_CHECKING:
    from emulator.isa.domain import Bool, Domain, Value

BLOCK: Final = 64
"""Bytes of a block (Zic64b); blocks are aligned."""


@routine(params=1, traps=True)
def check_block_enabled(d: Domain, enable: Value) -> None:
    """Refuse where a field (as a mask) is zero: `menvcfg`'s below M-mode, `henvcfg`'s at V=1, `senvcfg`'s in U-mode."""

    def off(register: str) -> Bool:
        return d.eq(d.and_(d.get(register), enable), 0)

    by_hypervisor = d.both(is_guest(d), off("henvcfg"))
    by_supervisor = d.both(is_user(d), off("senvcfg"))
    refuse(d, denied=d.both(below_machine(d), off("menvcfg")), barred=d.either(by_hypervisor, by_supervisor))


def _consider_triggers(d: Domain, formed: Value) -> None:
    """Every instruction here but a hint is a store to a trigger, and every address of the block is compared.

    That is the first of the choices of the Debug Specification, "Cache Operations".
    """
    address = start_access(d, formed)
    consider_triggers(d, d.and_(address, MASK64 ^ (BLOCK - 1)), STORE, BLOCK)


def _reach(d: Domain, formed: Value, kind: int) -> Value:
    """Raise the fault if no access of `kind` may be made to the block around an address, or if it is not memory.

    Every fault reports "the faulting effective address (i.e. the value of rs1)". Returns the physical address.
    """
    physical = d.call(translate_data, formed, kind)
    d.put("trap_tval", d.get("access_start"))
    d.call(check_data, d.and_(physical, MASK64 ^ (BLOCK - 1)), BLOCK, kind)
    for _ in d.unless(d.holds_memory(physical)):  # only memory has blocks
        d.trap(Cause.STORE_ACCESS, d.get("access_start"))
    return physical


@routine(params=2, traps=True)
def manage_block(d: Domain, formed: Value, enable: Value) -> None:
    """Clean, flush or invalidate: allowed where loads or stores are; a fault is a store's."""
    d.call(check_block_enabled, enable)
    _consider_triggers(d, formed)
    _reach(d, formed, LOAD | STORE)
    d.ret(0)


@routine(params=2, traps=True)
def zero_block(d: Domain, formed: Value, enable: Value) -> None:
    """Store zeros to the whole block, or none of them."""
    d.call(check_block_enabled, enable)
    d.watch(start_access(d, d.and_(formed, MASK64 ^ (BLOCK - 1))), BLOCK, STORE)
    _consider_triggers(d, formed)
    block = d.and_(_reach(d, formed, STORE), MASK64 ^ (BLOCK - 1))
    d.watch_place(block, BLOCK, STORE)
    d.put("fault_cause", Cause.STORE_ACCESS)  # of ROM, which is memory
    for at in range(0, BLOCK, 8):
        d.store_physical(d.add(block, at), 8, 0)
    d.ret(0)
