"""Memory slots: which guest physical addresses are memory, and where in the host's memory that lies.

The rules, and the errno of each refusal, are those of KVM_SET_USER_MEMORY_REGION (virt/kvm/kvm_main.c).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from emulator.kvm.errors import KvmError

PAGE: Final = 0x1000
MAX_SLOTS: Final = 32_764
"""Linux's KVM_USER_MEM_SLOTS of 64-bit architectures."""
ADDRESSES: Final = 1 << 64
SLOT_ALIGNMENT: Final = 2 << 20
"""Where it can, a slot lies like this in host memory, relative to its guest addresses, so that large pages map it."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A range of guest physical memory.

    Attributes:
        number: The slot's number.
        address: First guest physical address.
        size: Bytes.
        host_address: Physical address in the host.
        readonly: Whether stores are user space's to handle.
    """

    number: int
    address: int
    size: int
    host_address: int
    readonly: bool = False

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.size

    def to_host(self, address: int) -> int:
        """The host's physical address of one of its guest physical addresses."""
        return address - self.address + self.host_address


class HostMemory:
    """Free memory of the host: first fit, in whole pages.

    Args:
        base: Physical address.
        size: Bytes.

    Attributes:
        used_end: Nothing from here on has ever been taken, so it is still zero.
    """

    def __init__(self, base: int, size: int) -> None:
        self._free = [(base, base + size)]
        self.used_end = base

    def allocate(self, size: int, alignment: int = PAGE, offset: int = 0) -> int:
        """Take memory.

        Args:
            size: Bytes.
            alignment: A power of two.
            offset: What is left of the address, divided by the alignment.

        Raises:
            KvmError: ENOMEM if there is no piece of that size.
        """
        for index, (start, end) in enumerate(self._free):
            at = start + (offset - start) % alignment
            if at + size <= end:
                self._free[index : index + 1] = [(a, b) for a, b in ((start, at), (at + size, end)) if a < b]
                self.used_end = max(self.used_end, at + size)
                return at
        raise KvmError(errno.ENOMEM, f"the host has no {size} bytes of memory left; give the virtual machine more")

    def release(self, address: int, size: int) -> None:
        """Give memory back."""
        pieces = sorted([*self._free, (address, address + size)])
        merged = [pieces[0]]
        for start, end in pieces[1:]:
            if start == merged[-1][1]:
                merged[-1] = merged[-1][0], end
            else:
                merged.append((start, end))
        self._free = merged


class Slots:
    """The memory slots of a virtual machine.

    Args:
        space: The first guest physical address that is too large.
    """

    def __init__(self, space: int) -> None:
        self._space = space
        self._slots: dict[int, Slot] = {}

    def __iter__(self) -> Iterator[Slot]:
        return iter(sorted(self._slots.values(), key=lambda slot: slot.address))

    def get(self, number: int) -> Slot | None:
        """A slot by its number."""
        return self._slots.get(number)

    def find(self, address: int) -> Slot | None:
        """The slot that a guest physical address is in."""
        return next((slot for slot in self._slots.values() if slot.address <= address < slot.end), None)

    def check(self, wanted: Slot) -> None:
        """See whether a slot can be made, moved or deleted (size 0) like this.

        Raises:
            KvmError: EINVAL for what is not aligned, too large or cannot change; EEXIST for an overlap; EFAULT behind
                the last guest physical address.
        """
        number, old = wanted.number, self._slots.get(wanted.number)
        if wanted.address % PAGE or wanted.size % PAGE or wanted.address < 0 or wanted.size < 0:
            raise KvmError(errno.EINVAL, f"slot {number}: address and size must be whole pages of {PAGE} bytes")
        if not 0 <= number < MAX_SLOTS:
            raise KvmError(errno.EINVAL, f"slot {number}: there are the slots 0 to {MAX_SLOTS - 1}")
        if wanted.end > ADDRESSES:
            raise KvmError(errno.EINVAL, f"slot {number}: it ends behind the last address")
        if wanted.size == 0:
            if old is None:
                raise KvmError(errno.EINVAL, f"slot {number} does not exist")
            return
        if old is not None and (old.size != wanted.size or old.readonly != wanted.readonly):
            raise KvmError(errno.EINVAL, f"slot {number} exists: its size and its kind cannot change, delete it first")
        for other in self:
            if other.number != number and other.address < wanted.end and wanted.address < other.end:
                raise KvmError(errno.EEXIST, f"slot {number} overlaps slot {other.number}")
        if wanted.end > self._space:
            raise KvmError(
                errno.EFAULT, f"slot {number} ends behind the last guest physical address {self._space - 1:#x}"
            )

    def put(self, slot: Slot) -> None:
        """Make or move a slot that has been checked."""
        self._slots[slot.number] = slot

    def delete(self, number: int) -> Slot:
        """Forget a slot."""
        return self._slots.pop(number)


def moved(slot: Slot, address: int) -> Slot:
    """The same memory at another guest physical address."""
    return replace(slot, address=address)
