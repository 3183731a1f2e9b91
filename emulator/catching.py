"""Stops for what a hart does with itself: traps that it takes, SBI calls that it makes, CSRs that it accesses.

Each stops behind the event: at the trap handler's first instruction, or behind the instruction that accessed the CSR.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from emulator.hart import csrs
from emulator.hart.fields import INTERRUPT_BIT, Cause
from emulator.hart.layouts import cause_name
from emulator.hart.modes import MODE_NAMES
from emulator.hart.state import CsrPhase
from emulator.stops import Caught

if TYPE_CHECKING:
    from emulator.hart.block import HartBlock

MASK64: Final = (1 << 64) - 1
SUPERVISOR_CALLS: Final = frozenset({int(Cause.ECALL_S), int(Cause.ECALL_VS)})
A0, A6, A7 = 10, 16, 17


class CsrAccess(Enum):
    """What a watched CSR stops at."""

    READ = "read"
    WRITE = "write"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class TrapCatch:
    """Stop when a trap is taken.

    Attributes:
        cause: An `mcause` value, or what a guest's `scause` gets for it; None for every trap.
    """

    cause: int | None = None


@dataclass(frozen=True, slots=True)
class SbiCatch:
    """Stop when S- or VS-mode makes an SBI call.

    Attributes:
        extension: The extension's id, what the caller has in a7; None for every call.
    """

    extension: int | None = None


@dataclass(frozen=True, slots=True)
class CsrCatch:
    """Stop when an instruction, or the emulated KVM that programs a guest's host, accesses a CSR.

    Attributes:
        number: The CSR that is reached: at V=1 an instruction that names `satp` reaches `vsatp`.
        access: What stops. What a trap or the hardware writes is no access.
        mask: The bits whose change counts.
    """

    number: int
    access: CsrAccess = CsrAccess.CHANGE
    mask: int = MASK64


@dataclass(frozen=True, slots=True)
class ExitCatch:
    """Stop when a guest of the emulated KVM leaves for user space.

    Attributes:
        reason: KVM's exit reason (`emulator.kvm.exits.REASONS`); None for every one.
    """

    reason: str | None = None


Catch: TypeAlias = TrapCatch | SbiCatch | CsrCatch | ExitCatch


def _told(block: HartBlock, cause: int) -> int:
    """The cause as the handler finds it: a guest that takes one of its own interrupts sees the supervisor's number."""
    code = cause & ~INTERRUPT_BIT
    delegated = cause & INTERRUPT_BIT and block.get("virt") and block.get("hideleg") >> code & 1
    return cause - 1 if delegated else cause


class Catches:
    """What is to be caught on a machine.

    Args:
        harts: The harts' state.
        arm: Told whether traps have to be heard of, and which CSR numbers in instructions.
        read_csr: Reads a CSR of a hart as a debugger does.
        stop: Stops the machine with a reason, behind the instruction at hand.
    """

    def __init__(
        self,
        harts: tuple[HartBlock, ...],
        arm: Callable[[bool, frozenset[int]], None],
        read_csr: Callable[[int, int], int],
        stop: Callable[[Caught], None],
    ) -> None:
        self._harts = harts
        self._arm = arm
        self._read_csr = read_csr
        self._stop = stop
        self._catches: list[Catch] = []
        self._before: dict[int, int] = {}
        """Value of the CSR that is being written, by hart."""

    def add(self, catch: Catch) -> None:
        """Catch something from now on."""
        self._catches.append(catch)
        self._renew()

    def remove(self, catch: Catch) -> None:
        """Undo one `add`."""
        self._catches.remove(catch)
        self._renew()

    def _renew(self) -> None:
        watched = {catch.number for catch in self._catches if isinstance(catch, CsrCatch)}
        aliases = {row.number for row in csrs.ROWS if row.guest is not None and row.guest.number in watched}
        traps = any(isinstance(catch, TrapCatch | SbiCatch) for catch in self._catches)
        self._arm(traps, frozenset(watched | aliases))

    def trap_taken(self, hart: int, pc: int, cause: int, tval: int) -> None:
        """A hart takes a trap; its state is still the one before."""
        block = self._harts[hart]
        told = _told(block, cause)
        for catch in self._catches:
            if isinstance(catch, TrapCatch) and catch.cause in (None, cause, told):
                mode = MODE_NAMES[block.get("priv") | block.get("virt") << 2]
                name = cause_name(told if catch.cause == told else cause)
                text = f"hart {hart} took {name} in {mode}-mode at pc {pc:#x}, tval {tval:#x}"
                self._stop(Caught(hart, catch, text))
                return
            extension = block.get("x", A7)
            if isinstance(catch, SbiCatch) and cause in SUPERVISOR_CALLS and catch.extension in (None, extension):
                arguments = ", ".join(f"{block.get('x', A0 + index):#x}" for index in range(6))
                text = (
                    f"hart {hart} made an SBI call at pc {pc:#x}: extension {extension:#x}, "
                    f"function {block.get('x', A6)}, arguments {arguments}"
                )
                self._stop(Caught(hart, catch, text))
                return

    def left_guest(self, hart: int, reason: str, record: object) -> None:
        """A guest leaves for user space, as `record` tells.

        The stop is behind the instruction, when user space has answered.
        """
        for catch in self._catches:
            if isinstance(catch, ExitCatch) and catch.reason in (None, reason):
                self._stop(Caught(hart, catch, str(record)))
                return

    def csr_accessed(self, hart: int, named: int, phase: int) -> None:
        """An instruction that names a CSR has read it, will write it, or has written it."""
        row = csrs.BY_NUMBER[named]
        if self._harts[hart].get("virt") and row.guest is not None:
            row = row.guest
        value = self._read_csr(hart, row.number)
        if phase == CsrPhase.BEFORE_WRITE:
            self._before[hart] = value
            return
        for catch in self._catches:
            if not isinstance(catch, CsrCatch) or catch.number != row.number:
                continue
            before = self._before.get(hart, value)
            if text := self._access(f"hart {hart}", row.name, catch, phase, before, value):
                self._stop(Caught(hart, catch, text))
                return

    def csr_programmed(self, hart: int, number: int, write: Callable[[], None]) -> None:
        """The emulated KVM programs a CSR of a hart, by `write`.

        It programs many at once for the sake of one: a value that stays the same is no write.
        """
        watching = [catch for catch in self._catches if isinstance(catch, CsrCatch) and catch.number == number]
        before = self._read_csr(hart, number) if watching else 0
        write()
        value = self._read_csr(hart, number) if watching else 0
        if value == before:
            return
        name, who = csrs.BY_NUMBER[number].name, f"KVM, for hart {hart},"
        for catch in watching:
            if text := self._access(who, name, catch, CsrPhase.WRITTEN, before, value):
                self._stop(Caught(hart, catch, text))
                return

    def _access(self, who: str, name: str, catch: CsrCatch, phase: int, before: int, value: int) -> str:
        """What is to be said of an access; nothing if it is not to be caught."""
        if phase == CsrPhase.READ:
            return f"{who} read {name}, which is {value:#x}" if catch.access is CsrAccess.READ else ""
        changed = (before ^ value) & catch.mask
        if catch.access is CsrAccess.READ or (catch.access is CsrAccess.CHANGE and not changed):
            return ""
        return f"{who} wrote {name}, which was {before:#x} and is {value:#x}"
