"""How a halt of the guest is told: the stop reply."""

from __future__ import annotations

from typing import Final, assert_never

from emulator.engine.watching import Watch
from emulator.stops import BreakpointHit, Caught, GuestExit, HypervisorExit, TrapLoop, WatchKind, WatchpointHit
from protocol.replies import ConsoleOutput, Exited, HardwareBreak, Reply, SoftwareBreak, StopReason, StopReply, WatchHit
from protocol.requests import BreakpointKind
from rvgdb.client import Client, thread_of
from rvgdb.runner import Halt, Paused, Stepped

SIGINT: Final = 2
SIGILL: Final = 4
SIGTRAP: Final = 5
SIGABRT: Final = 6
SIGBUS: Final = 10
SIGSEGV: Final = 11
"""GDB's numbers, which are not this system's."""

FAULT_SIGNALS: Final = {
    0: SIGBUS,
    1: SIGSEGV,
    2: SIGILL,
    3: SIGTRAP,
    4: SIGBUS,
    5: SIGSEGV,
    6: SIGBUS,
    7: SIGSEGV,
    12: SIGSEGV,
    13: SIGSEGV,
    15: SIGSEGV,
}
"""Exception cause to the signal a program would get; anything else is SIGABRT."""

WATCH_KINDS: Final = {
    WatchKind.WRITE: BreakpointKind.WRITE_WATCH,
    WatchKind.READ: BreakpointKind.READ_WATCH,
    WatchKind.ACCESS: BreakpointKind.ACCESS_WATCH,
}


def stop_answer(client: Client, halt: Halt) -> tuple[Reply, ...]:
    """The answer to a resume: what breakpoints printed and what must be said about the halt, then the stop reply."""
    text = client.target.printed.take()
    if isinstance(halt.cause, BreakpointHit) and halt.cause.failure:
        where, why = halt.cause.address, halt.cause.failure
        text += f"stopped at {where:#x} because the breakpoint's condition cannot be evaluated: {why}\n".encode()
    if isinstance(halt.cause, HypervisorExit):
        text += f"{halt.cause.text}\n".encode()
    text += client.target.points.tell(halt.cause, client.target.debug.read_pc(halt.hart)).encode()
    reply = stop_reply(client, halt)
    return (ConsoleOutput(text), reply) if text else (reply,)


def stop_reply(client: Client, halt: Halt, *, asked: bool = False) -> Reply:
    """The answer to a resume, or to `?` when `asked`.

    The hart of the halt becomes the one that the next packets mean, as every debugger expects.
    """
    reason: StopReason | None = None
    signal = SIGTRAP
    cause = halt.cause
    match cause:
        case BreakpointHit(address=address) if not client.target.breakpoints.was_set_at(address):
            pass  # GDB goes on at once from the breakpoint of a pc where it knows of none
        case BreakpointHit(address=address):
            reason = HardwareBreak() if client.target.breakpoints.only_hardware(address) else SoftwareBreak()
        case WatchpointHit(watch=Watch(after=True)) | Caught():
            pass  # GDB did not set it and knows no reason; the console says what it was
        case WatchpointHit(kind=kind, address=address):
            reason = WatchHit(WATCH_KINDS[kind], address)
        case TrapLoop(cause=number):
            signal = FAULT_SIGNALS.get(number, SIGABRT)
        case HypervisorExit():
            signal = SIGABRT
        case Paused():
            signal = SIGTRAP if asked else SIGINT
        case Stepped():
            pass
        case GuestExit():
            return Exited(cause.status)
        case _:
            assert_never(cause)
    hart = halt.hart
    client.hart = hart
    return StopReply(
        signal=signal,
        thread=thread_of(hart),
        core=hart,
        reason=None if asked else reason,
        registers=client.target.registers.expedited(hart),
    )
