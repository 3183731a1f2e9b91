"""Watchpoints as the engines take them: ranges of addresses, and who must make the access."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MASK64
from emulator.hart.masking import SIGNED, masked
from emulator.hart.modes import is_guest
from emulator.hart.state import MODES
from emulator.hart.translation import LOAD, STORE
from emulator.stops import WatchKind

if TYPE_CHECKING:
    from emulator.isa.domain import Bool, Domain, Value

KINDS: Final = {WatchKind.WRITE: STORE, WatchKind.READ: LOAD, WatchKind.ACCESS: LOAD | STORE}


class Space(IntEnum):
    """Which addresses of an access are watched."""

    VIRTUAL = 0
    """What the program uses, after masking."""
    GUEST_PHYSICAL = 1
    """What comes out of the first stage of a guest."""
    PHYSICAL = 2


EXACT: Final = 1 << 8
SPACE_SHIFT: Final = 16
"""In a table entry's word of kinds: only the very tag; the space."""

VMID_SHIFT: Final = 20
MODES_SHIFT: Final = 40
"""In its word of context: ASID plus one, VMID plus one, a bit a mode; 0 is everywhere."""

ASID_SHIFT: Final = 44
"""Place of ASID in `satp` and `vsatp`, and of VMID in `hgatp`."""


@dataclass(frozen=True, slots=True)
class Context:
    """Who must make an access.

    Attributes:
        asid: The address space that it is translated in; None for any.
        vmid: The virtual machine that it is made in; None for any, and for none.
        modes: The modes that it is made in (`emulator.hart.modes`); empty for any.
    """

    asid: int | None = None
    vmid: int | None = None
    modes: frozenset[int] = frozenset()

    @property
    def word(self) -> int:
        """Its form in the table."""
        asid = 0 if self.asid is None else self.asid + 1
        vmid = 0 if self.vmid is None else self.vmid + 1
        return asid | vmid << VMID_SHIFT | sum(1 << MODES_SHIFT + mode for mode in self.modes)


ANYONE: Final = Context()


@dataclass(frozen=True, slots=True)
class Watch:
    """A watchpoint.

    Attributes:
        kind: The accesses it stops at.
        address: Its first byte. A virtual one stands for all its aliases: it is masked as each access is.
        length: How many bytes.
        space: What addresses these are.
        exact: Stop only at accesses whose ignored bits are those of `address`.
        context: Who must make the access.
        after: Stop behind the instruction that makes the access, not before it.
    """

    kind: WatchKind
    address: int
    length: int
    space: Space = Space.VIRTUAL
    exact: bool = False
    context: Context = ANYONE
    after: bool = False

    @property
    def words(self) -> tuple[int, int, int, int]:
        """First byte, last byte, kinds and flags, context."""
        flags = KINDS[self.kind] | EXACT * self.exact | self.space << SPACE_SHIFT
        return self.address, min(self.address + self.length, 1 << 64) - 1, flags, self.context.word


def watch_table(watches: Sequence[Watch]) -> array[int]:
    """The table that compiled code walks: the words of each, and its index."""
    table = array("Q")
    for index, watch in enumerate(watches):
        table.extend((*watch.words, index))
    return table or array("Q", [0])


def watched_range(d: Domain, first: Value, last: Value, flags: Value) -> tuple[Value, Value]:
    """First and last byte of a watchpoint, as the access that has begun would see its address."""
    virtual = d.eq(d.lshr(flags, SPACE_SHIFT), Space.VIRTUAL)
    start = d.select(virtual, masked(d, first), first)
    return start, d.add(start, d.sub(last, first))


def concerns(d: Domain, first: Value, flags: Value, context: Value) -> Bool:
    """Whether a watchpoint is for the access that has begun: its tag, its address space, its mode."""
    ignored = d.xor(d.lshr(MASK64, d.and_(d.get("access_mask"), SIGNED - 1)), MASK64)
    tagged = d.and_(d.xor(d.get("access_formed"), first), ignored)
    any_tag = d.either(d.eq(d.and_(flags, EXACT), 0), d.eq(tagged, 0))
    mode = d.get("access_mode")
    guest = is_guest(d, mode)
    root = d.select(guest, d.get("vsatp"), d.get("satp"))
    asid = d.and_(context, 0x1FFFF)
    own_asid = d.add(d.and_(d.lshr(root, ASID_SHIFT), 0xFFFF), 1)
    asid_fits = d.either(d.eq(asid, 0), d.both(d.eq(asid, own_asid), d.ne(mode, 3)))
    vmid = d.and_(d.lshr(context, VMID_SHIFT), 0x7FFF)
    own_vmid = d.add(d.and_(d.lshr(d.get("hgatp"), ASID_SHIFT), 0x3FFF), 1)
    vmid_fits = d.either(d.eq(vmid, 0), d.both(d.eq(vmid, own_vmid), guest))
    modes = d.and_(d.lshr(context, MODES_SHIFT), (1 << MODES) - 1)
    mode_fits = d.either(d.eq(modes, 0), d.ne(d.and_(d.lshr(modes, mode), 1), 0))
    return d.both(d.both(any_tag, asid_fits), d.both(vmid_fits, mode_fits))
