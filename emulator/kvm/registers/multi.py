"""Registers that switch 64 extensions at once, alike for ISA_EXT and SBI_EXT.

Subtype 1 enables what has a bit, subtype 2 disables it. Whatever cannot be done to one of them is passed over in
silence: that is how the kernel does it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from emulator.kvm.errors import KvmError
from emulator.kvm.registers.access import SUBTYPE_SHIFT, Access, Named, Request, absent

SINGLE: Final = 0
ENABLE: Final = 1
DISABLE: Final = 2
GROUP: Final = 64
MASK: Final = (1 << GROUP) - 1


def multi_names(subtype: int, count: int) -> tuple[Named, ...]:
    """The registers of a subtype that `count` extensions need: their names are numbers."""
    return tuple(Named(str(index), subtype << SUBTYPE_SHIFT | index) for index in range(-(-count // GROUP)))


def resolve_multi(request: Request, count: int, what: str, single: Callable[[int], Access]) -> Access:
    """Find a register for 64 extensions.

    Args:
        request: With subtype 1 or 2.
        count: How many ids this kernel has.
        what: Name of the class, for the error.
        single: Finds the register of one id.

    Raises:
        KvmError: ENOENT for another subtype or an index behind the last id.
    """
    if request.subtype not in (ENABLE, DISABLE) or request.index >= -(-count // GROUP):
        raise absent(f"{what} register {request.index:#x} with subtype {request.subtype}")
    first = request.index * GROUP

    def read() -> int:
        enabled = sum(_get(single, first + index) << index for index in range(GROUP))
        return enabled if request.subtype == ENABLE else enabled ^ MASK

    def write(value: int) -> None:
        wanted = int(request.subtype == ENABLE)
        for index in (index for index in range(GROUP) if value >> index & 1):
            with suppress(KvmError):
                single(first + index).set(wanted)

    return Access(read, write)


def _get(single: Callable[[int], Access], index: int) -> int:
    try:
        return single(index).get()
    except KvmError:
        return 0
