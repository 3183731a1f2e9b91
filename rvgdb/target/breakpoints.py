"""The debugger's breakpoints and watchpoints, so that each is inserted once and all go with the connection."""

from __future__ import annotations

from typing import Final

from emulator.errors import EmulatorError
from emulator.stops import WatchKind
from protocol.requests import BreakpointKind
from rvgdb.target.api import Debug, TargetError

WATCHES: Final = {
    BreakpointKind.WRITE_WATCH: WatchKind.WRITE,
    BreakpointKind.READ_WATCH: WatchKind.READ,
    BreakpointKind.ACCESS_WATCH: WatchKind.ACCESS,
}
"""The protocol's kinds of watchpoint and the machine's."""

INSTRUCTION_LENGTHS: Final = (0, 2, 4)
"""The `kind` of a breakpoint on RISC-V: the length of the ebreak that another stub would write there, which an LLDB
without an ABI of RISC-V (before 16) gives as 0. Nothing is written here."""


class BreakpointTable:
    """Implements `rvgdb.target.api.Breakpoints` over the machine's debug view.

    Software and hardware breakpoints are the same to the machine, which never patches memory; they are told apart only
    to name the kind that the debugger asked for.
    """

    def __init__(self, debug: Debug) -> None:
        self._debug = debug
        self._points: dict[int, set[BreakpointKind]] = {}
        self._watches: set[tuple[BreakpointKind, int, int]] = set()

    def insert(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Insert; twice the same is once.

        Raises:
            TargetError: For a length that makes no sense, or a place the machine refuses.
        """
        try:
            if kind in WATCHES:
                self._insert_watch(kind, address, length)
            else:
                self._insert_point(kind, address, length)
        except EmulatorError as error:
            raise TargetError(str(error)) from None

    def _insert_point(self, kind: BreakpointKind, address: int, length: int) -> None:
        if length not in INSTRUCTION_LENGTHS:
            raise TargetError(f"a breakpoint is 2 or 4 bytes long, not {length}")
        kinds = self._points.get(address)
        if kinds is None:
            self._debug.insert_breakpoint(address)
            self._points[address] = {kind}
        else:
            kinds.add(kind)

    def _insert_watch(self, kind: BreakpointKind, address: int, length: int) -> None:
        if length == 0 or address + length > 1 << 64:
            raise TargetError(f"a watchpoint of {length} bytes at {address:#x} covers no memory")
        if (kind, address, length) not in self._watches:
            self._debug.insert_watchpoint(WATCHES[kind], address, length)
            self._watches.add((kind, address, length))

    def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Remove; one that is not there is no error, so that a debugger may repeat itself."""
        if kind in WATCHES:
            if (kind, address, length) in self._watches:
                self._watches.discard((kind, address, length))
                self._debug.remove_watchpoint(WATCHES[kind], address, length)
            return
        kinds = self._points.get(address, set())
        if kind in kinds:
            kinds.discard(kind)
            if not kinds:
                del self._points[address]
                self._debug.remove_breakpoint(address)

    def clear(self) -> None:
        """Remove all."""
        for address in self._points:
            self._debug.remove_breakpoint(address)
        for kind, address, length in self._watches:
            self._debug.remove_watchpoint(WATCHES[kind], address, length)
        self._points.clear()
        self._watches.clear()

    def stops_at(self, address: int) -> bool:
        """Whether a breakpoint is at this instruction."""
        return address in self._points

    def only_hardware(self, address: int) -> bool:
        """Whether every breakpoint there was asked for as a hardware one."""
        return self._points.get(address) == {BreakpointKind.HARDWARE}
