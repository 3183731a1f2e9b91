"""The debugger's breakpoints and watchpoints, so that each is inserted once and all go with the connection."""

from __future__ import annotations

from typing import Final

from emulator.errors import EmulatorError
from emulator.judgements import ALWAYS, Judgement
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
        self._points: dict[int, dict[BreakpointKind, Judgement]] = {}
        self._plain: dict[int, int] = {}
        """Where the breakpoints at tagged addresses are as well: a pc has no tag."""
        self._watches: set[tuple[BreakpointKind, int, int]] = set()

    def insert(self, kind: BreakpointKind, address: int, length: int, judgement: Judgement = ALWAYS) -> None:
        """Insert; twice the same is once. A new judgement of a breakpoint replaces the old one.

        Raises:
            TargetError: For a length that makes no sense, or a place or judgement that the machine refuses.
        """
        try:
            if kind in WATCHES:
                self._insert_watch(kind, address, length)
            else:
                self._insert_point(kind, address, length, judgement)
        except EmulatorError as error:
            raise TargetError(str(error)) from None

    def _insert_point(self, kind: BreakpointKind, address: int, length: int, judgement: Judgement) -> None:
        if length not in INSTRUCTION_LENGTHS:
            raise TargetError(f"a breakpoint is 2 or 4 bytes long, not {length}")
        kinds = self._points.get(address, {})
        if judgement not in kinds.values():
            self._place(address, judgement)
        before = kinds.get(kind)
        self._points[address] = kinds | {kind: judgement}
        if before is not None:
            self._drop(address, before)

    def _place(self, address: int, judgement: Judgement) -> None:
        self._debug.insert_breakpoint(address, judgement)
        plain = self._plain.get(address, self._debug.untagged(address))
        if plain != address:
            self._plain[address] = plain
            self._debug.insert_breakpoint(plain, judgement)

    def _take_back(self, address: int, judgement: Judgement) -> None:
        self._debug.remove_breakpoint(address, judgement)
        if address in self._plain:
            self._debug.remove_breakpoint(self._plain[address], judgement)

    def _drop(self, address: int, judgement: Judgement) -> None:
        """Take a judgement back unless another kind of breakpoint there has the same."""
        if judgement not in self._points.get(address, {}).values():
            self._take_back(address, judgement)

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
        kinds = self._points.get(address, {})
        judgement = kinds.pop(kind, None)
        if judgement is not None:
            self._drop(address, judgement)
            if not kinds:
                del self._points[address]
                self._plain.pop(address, None)

    def clear(self) -> None:
        """Remove all."""
        for address, kinds in self._points.items():
            for judgement in set(kinds.values()):
                self._take_back(address, judgement)
        for kind, address, length in self._watches:
            self._debug.remove_watchpoint(WATCHES[kind], address, length)
        self._points.clear()
        self._plain.clear()
        self._watches.clear()

    def was_set_at(self, address: int) -> bool:
        """Whether the debugger named this address, and not only an alias of it."""
        return address in self._points

    def only_hardware(self, address: int) -> bool:
        """Whether every breakpoint there was asked for as a hardware one."""
        return set(self._points.get(address, ())) == {BreakpointKind.HARDWARE}
