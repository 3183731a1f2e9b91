"""Why `Machine.run` came back. Matched exhaustively: every `match` over `Stop` ends in `assert_never`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class WatchKind(Enum):
    """What accesses a watchpoint stops at (`Z2`, `Z3`, `Z4` of the remote protocol)."""

    WRITE = "write"
    READ = "read"
    ACCESS = "access"


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """Exactly as many steps as the budget allowed have been made."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Another thread asked the machine to stop (`Machine.interrupt`)."""


@dataclass(frozen=True, slots=True)
class BreakpointHit:
    """A hart is about to execute an instruction with a breakpoint; it has not been executed.

    Attributes:
        hart: Index of the hart.
        address: Virtual address of the instruction, the hart's pc.
        failure: Why the breakpoint's condition could not be evaluated; empty where it could, or there was none.
    """

    hart: int
    address: int
    failure: str = ""


@dataclass(frozen=True, slots=True)
class SpanLeft:
    """A hart that was to stay in a span of addresses is about to execute an instruction outside it.

    Attributes:
        hart: Index of the hart.
        address: Virtual address of the instruction, the hart's pc.
    """

    hart: int
    address: int


@dataclass(frozen=True, slots=True)
class WatchpointHit:
    """A hart is about to make an access that a watchpoint covers; it has not been made.

    Attributes:
        hart: Index of the hart.
        kind: The kind of the watchpoint, as inserted.
        address: The address that the watchpoint was inserted with.
        access: First byte of the access, as the program formed it.
        size: Bytes of the access.
        ignored: How many of the access's upper address bits its mode ignored.
        made: What the access was.
        watch: The watchpoint.
    """

    hart: int
    kind: WatchKind
    address: int
    access: int
    size: int
    ignored: int = 0
    made: WatchKind = WatchKind.ACCESS
    watch: object = None


@dataclass(frozen=True, slots=True)
class GuestExit:
    """The guest ended itself (test finisher or HTIF).

    Attributes:
        code: What it said, 0 for success.
    """

    code: int

    @property
    def status(self) -> int:
        """The exit status that says it: the low byte, but 255 where that would call a failure a success."""
        return self.code & 0xFF or (0xFF if self.code else 0)


@dataclass(frozen=True, slots=True)
class GuestReset:
    """The guest asked for a reset (0x7777 to the test finisher); the machine has not been reset."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Every hart waits for an interrupt, and no timer is armed: only input from outside can go on."""


@dataclass(frozen=True, slots=True)
class TrapLoop:
    """A trap handler's first instruction traps to itself for ever (a double fault); the hart stands at the handler.

    Attributes:
        hart: Index of the hart.
        pc: The handler's address.
        cause: The `mcause` or `scause` value.
        tval: The trap value.
    """

    hart: int
    pc: int
    cause: int
    tval: int


@dataclass(frozen=True, slots=True)
class HypervisorExit:
    """The emulated hypervisor needs its user space (`emulator.kvm`).

    Attributes:
        hart: Index of the hart whose guest asks.
        text: Why, in a sentence.
        failed: Whether the run has failed: KVM_RUN returns an error, and the guest cannot go on from here.
    """

    hart: int
    text: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Caught:
    """A hart did what is to be caught (`emulator.catching`), and has not begun the next instruction.

    Attributes:
        hart: Index of the hart.
        catch: What was to be caught.
        text: What happened, in a sentence.
    """

    hart: int
    catch: object
    text: str


Stop: TypeAlias = (
    BudgetSpent
    | Interrupted
    | BreakpointHit
    | SpanLeft
    | WatchpointHit
    | Caught
    | GuestExit
    | GuestReset
    | Idle
    | TrapLoop
    | HypervisorExit
)
