"""The platform-level interrupt controller (RISC-V PLIC specification 1.0.0), sized as QEMU's `virt` board has it.

Every source is level-sensitive: it is pending while its wire is high and no hart is serving it.
"""

from __future__ import annotations

from typing import Final

from emulator.devices.interrupts import MEIP, SEIP, HartLines
from emulator.devices.moving import Saved, attributes, set_attributes
from emulator.devices.registers import peek_words
from emulator.errors import BusFault
from emulator.memory.device import IrqLine

SOURCES = 96
"""Interrupt sources, the non-existent source 0 included."""

PRIORITY_MASK = 7
"""Priorities and thresholds have three bits."""

PENDING = 0x1000
ENABLE = 0x2000
ENABLE_STRIDE = 0x80
CONTEXT = 0x20_0000
CONTEXT_STRIDE = 0x1000
CLAIM = 4
"""Offset of the claim/complete register in a context; the threshold is at 0."""

STATE: Final = ("_priority", "_enable", "_threshold", "_serving")

_WORDS = SOURCES // 32
_EXISTING = (1 << SOURCES) - 2


class Plic:
    """A PLIC with a context for each hart and line: 2 * hart drives MEIP, 2 * hart + 1 drives SEIP."""

    size = 0x60_0000

    def __init__(self, harts: int, lines: HartLines, wired: tuple[int, ...] = (MEIP, SEIP)) -> None:
        """Make a PLIC.

        Args:
            harts: Number of harts.
            lines: Interrupt lines into the harts.
            wired: The lines that each hart has, in order of its contexts; a guest has no M-mode, so only SEIP.
        """
        self._wired = wired
        self._contexts = len(wired) * harts
        self._lines = lines
        self._wires = 0
        self._power_on()

    def line(self, source: int) -> IrqLine:
        """The wire of an interrupt source, 1 to `SOURCES` - 1."""

        def drive(level: bool) -> None:
            wires = self._wires | 1 << source if level else self._wires & ~(1 << source)
            if wires != self._wires:
                self._wires = wires
                self._update()

        return drive

    def load(self, offset: int, width: int) -> int:
        """Read a register; reading a claim register claims. Unassigned registers read zero."""
        if width != 4:
            raise BusFault(offset, width)
        value = self._read(offset)
        if self._is_claim(offset) and value:
            self._serving |= 1 << value
            self._update()
        return value

    def store(self, offset: int, width: int, value: int) -> None:
        """Write a register; pending bits and unassigned registers ignore it."""
        if width != 4:
            raise BusFault(offset, width)
        if offset >= CONTEXT:
            self._write_context(offset, value)
        elif offset >= ENABLE:
            self._write_enable(offset - ENABLE, value)
        elif 0 < offset < 4 * SOURCES:
            self._priority[offset >> 2] = value & PRIORITY_MASK
        self._update()

    def peek(self, offset: int, length: int) -> bytes:
        """The registers' bytes; a claim register shows what a load would claim, and claims nothing."""
        return peek_words(self._read, offset, length)

    def reset(self) -> None:
        """Forget priorities, enables, thresholds and claims; the wires keep the levels that their devices give them."""
        self._power_on()
        self._update(everything=True)

    def saved(self) -> Saved:
        """The registers; the wires are the devices'."""
        return attributes(self, STATE)

    def restore(self, state: Saved) -> None:
        """Go on with a state."""
        set_attributes(self, state, STATE)
        self._update(everything=True)

    def _power_on(self) -> None:
        self._priority = [0] * SOURCES
        self._enable = [0] * self._contexts
        self._threshold = [0] * self._contexts
        self._serving = 0
        self._level = [False] * self._contexts

    def _read(self, offset: int) -> int:
        """A register's value, without claiming."""
        if offset >= CONTEXT:
            context, register = divmod(offset - CONTEXT, CONTEXT_STRIDE)
            if context >= self._contexts:
                return 0
            return {0: self._threshold[context], CLAIM: self._best(context)}.get(register, 0)
        if offset >= ENABLE:
            context, register = divmod(offset - ENABLE, ENABLE_STRIDE)
            return _word(self._enable[context], register) if context < self._contexts else 0
        if offset >= PENDING:
            return _word(self._wires & ~self._serving, offset - PENDING)
        return self._priority[offset >> 2] if offset < 4 * SOURCES else 0

    def _is_claim(self, offset: int) -> bool:
        return offset >= CONTEXT and (offset - CONTEXT) % CONTEXT_STRIDE == CLAIM

    def _write_context(self, offset: int, value: int) -> None:
        context, register = divmod(offset - CONTEXT, CONTEXT_STRIDE)
        if context >= self._contexts:
            return
        if register == 0:
            self._threshold[context] = value & PRIORITY_MASK
        elif register == CLAIM and value < SOURCES:
            # Completed whether or not the context has the source enabled: QEMU does so, and drivers rely on it.
            self._serving &= ~(1 << value)

    def _write_enable(self, offset: int, value: int) -> None:
        context, register = divmod(offset, ENABLE_STRIDE)
        if context < self._contexts and register >> 2 < _WORDS:
            shift = 8 * register
            kept = self._enable[context] & ~(0xFFFF_FFFF << shift)
            self._enable[context] = (kept | value << shift) & _EXISTING

    def _best(self, context: int) -> int:
        """The source that a claim would give: the highest priority above the threshold, then the lowest number."""
        candidates = self._wires & ~self._serving & self._enable[context]
        best, highest = 0, self._threshold[context]
        while candidates:
            source = (candidates & -candidates).bit_length() - 1
            candidates &= candidates - 1
            if self._priority[source] > highest:
                best, highest = source, self._priority[source]
        return best

    def _update(self, *, everything: bool = False) -> None:
        """Drive the harts' lines: those that changed, or everything."""
        for context in range(self._contexts):
            level = self._best(context) != 0
            if everything or level != self._level[context]:
                self._level[context] = level
                hart, line = divmod(context, len(self._wired))
                self._lines(hart, self._wired[line], level)


def _word(bits: int, offset: int) -> int:
    """The 32-bit word at byte `offset` of a bit vector."""
    return bits >> 8 * offset & 0xFFFF_FFFF
