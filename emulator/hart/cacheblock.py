"""Cache-block instructions: who may use them, and what they do to the block (manual volume I, chapter "CMO")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.access import WRITE, check_data, start_access, translate_data
from emulator.hart.fields import MASK64, Cause, Privilege
from emulator.hart.translation import LOAD, STORE
from emulator.hart.triggers import consider_triggers
from emulator.isa.domain import routine

if TYPE_CHECKING:
    from emulator.isa.domain import Domain, Value

BLOCK: Final = 64
"""Bytes of a block (Zic64b); blocks are aligned."""


@routine(params=1, traps=True)
def check_block_enabled(d: Domain, enable: Value) -> None:
    """Raise the illegal-instruction exception where a field of `menvcfg` or `senvcfg` (as a mask) is zero."""
    priv = d.get("priv")
    by_m = d.eq(d.and_(d.get("menvcfg"), enable), 0)
    by_s = d.eq(d.and_(d.get("senvcfg"), enable), 0)
    below_m = d.both(d.ne(priv, Privilege.M), by_m)
    below_s = d.both(d.eq(priv, Privilege.U), by_s)
    for _ in d.when(d.either(below_m, below_s)):
        d.illegal()


def _reach(d: Domain, formed: Value, kind: int) -> Value:
    """Raise the fault if no access of `kind` may be made to the block around an address; it reports the address.

    Returns the physical address.
    """
    physical = d.call(translate_data, formed, kind)
    d.put("trap_tval", d.get("access_start"))
    d.call(check_data, d.and_(physical, MASK64 ^ (BLOCK - 1)), BLOCK, kind)
    return physical


@routine(params=2, traps=True)
def manage_block(d: Domain, formed: Value, enable: Value) -> None:
    """Clean, flush or invalidate: allowed where loads or stores are; a fault is a store's."""
    d.call(check_block_enabled, enable)
    physical = _reach(d, formed, LOAD | STORE)
    for _ in d.unless(d.holds_memory(physical)):  # only memory has blocks
        d.trap(Cause.STORE_ACCESS, d.get("access_start"))
    d.ret(0)


@routine(params=2, traps=True)
def zero_block(d: Domain, formed: Value, enable: Value) -> None:
    """Store zeros to the whole block, or none of them."""
    d.call(check_block_enabled, enable)
    start = d.and_(formed, MASK64 ^ (BLOCK - 1))
    d.watch(start_access(d, start), BLOCK, STORE)
    consider_triggers(d, start_access(d, formed), STORE)
    _reach(d, formed, STORE)
    for at in range(0, BLOCK, 8):
        d.call(WRITE[8], d.add(start, at), 0)
    d.ret(0)
