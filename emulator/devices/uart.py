"""The 16550A serial port. Sending takes no time; receiving goes at the pace at which the guest reads.

Registers and interrupt rules: National Semiconductor's PC16550D data sheet, section 8. Two simplifications keep the
guest's view a function of its own accesses: a character leaves in the instant in which it is written, and the
receiver's character timeout is over at once, so that input below the FIFO's trigger level interrupts without delay.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import IntEnum, IntFlag
from typing import Final

from emulator.devices.moving import Saved, attributes, set_attributes
from emulator.memory.device import IrqLine


class Register(IntEnum):
    """Offsets; what is behind the first two depends on `Lcr.DLAB` and on the direction."""

    DATA = 0
    IER = 1
    IIR_FCR = 2
    LCR = 3
    MCR = 4
    LSR = 5
    MSR = 6
    SCR = 7


class Ier(IntFlag):
    """Interrupt enables."""

    RECEIVED = 1
    TRANSMITTER_EMPTY = 2
    LINE_STATUS = 4
    MODEM_STATUS = 8


class Lsr(IntFlag):
    """Line status."""

    DATA_READY = 0x01
    OVERRUN = 0x02
    TRANSMITTER_EMPTY = 0x20
    IDLE = 0x40


class Mcr(IntFlag):
    """Modem control."""

    DTR = 0x01
    RTS = 0x02
    OUT1 = 0x04
    OUT2 = 0x08
    LOOPBACK = 0x10


class Msr(IntFlag):
    """Modem status. Its change bits never show: nothing at the other end of the line ever changes."""

    CTS = 0x10
    DSR = 0x20
    RI = 0x40
    DCD = 0x80


class Cause(IntEnum):
    """What `IIR` names as the cause of the interrupt."""

    NONE = 0x1
    TRANSMITTER_EMPTY = 0x2
    RECEIVED = 0x4
    LINE_STATUS = 0x6
    TIMEOUT = 0xC


_DLAB = 0x80
_FIFO_ENABLE = 0x01
_FIFO_CLEAR_RECEIVER = 0x02
_FIFO_CLEAR_TRANSMITTER = 0x04
_FCR_KEPT = 0xC9
_IIR_FIFO_ENABLED = 0xC0
_TRIGGER_LEVELS = (1, 4, 8, 14)
_FIFO_DEPTH = 16
_RESET_DIVISOR = 12

STATE: Final = ("_ier", "_fcr", "_lcr", "_mcr", "_scr", "_divisor", "_overrun", "_sent", "_fifo", "_input")


class Uart:
    """A 16550A with byte-wide registers at consecutive addresses; wider accesses see one register."""

    size = 8

    _ier: int
    _fcr: int
    _lcr: int
    _mcr: int
    _scr: int
    _divisor: int

    def __init__(self, irq: IrqLine, transmit: Callable[[bytes], None]) -> None:
        """Make a serial port.

        Args:
            irq: Wire to the interrupt controller.
            transmit: Takes what the guest sends.
        """
        self._irq = irq
        self._transmit = transmit
        self._input: deque[int] = deque()
        self._fifo: deque[int] = deque()
        self._power_on()

    def receive(self, data: bytes) -> None:
        """Queue bytes from outside; the guest gets them in order, as fast as it reads."""
        self._input.extend(data)
        self._refill()
        self._update()

    def load(self, offset: int, width: int) -> int:
        """Read a register, with its side effects."""
        value = self._value(offset)
        if offset == Register.DATA and not self._lcr & _DLAB:
            if self._fifo:
                self._fifo.popleft()
            self._refill()
        elif offset == Register.IIR_FCR:
            if value & 0xF == Cause.TRANSMITTER_EMPTY:
                self._sent = False
        elif offset == Register.LSR:
            self._overrun = False
        self._update()
        return value

    def store(self, offset: int, width: int, value: int) -> None:
        """Write a register."""
        value &= 0xFF
        match Register(offset):
            case Register.DATA if self._lcr & _DLAB:
                self._divisor = self._divisor & 0xFF00 | value
            case Register.DATA:
                self._send(value)
            case Register.IER if self._lcr & _DLAB:
                self._divisor = self._divisor & 0xFF | value << 8
            case Register.IER:
                self._write_ier(value)
            case Register.IIR_FCR:
                self._write_fcr(value)
            case Register.LCR:
                self._lcr = value
            case Register.MCR:
                self._mcr = value & 0x1F
                self._refill()
            case Register.SCR:
                self._scr = value
            case Register.LSR | Register.MSR:
                pass
        self._update()

    def peek(self, offset: int, length: int) -> bytes:
        """The registers' bytes as loads would give them, with nothing consumed or acknowledged."""
        return bytes(self._value(at) for at in range(offset, offset + length))

    def reset(self) -> None:
        """Return to the power-on state; input that the guest has not received yet stays queued."""
        self._power_on()
        self._refill()
        self._update()

    def saved(self) -> Saved:
        """The registers, and what has been received."""
        return attributes(self, STATE)

    def restore(self, state: Saved) -> None:
        """Go on with a state."""
        set_attributes(self, state, STATE)
        self._refill()
        self._update()

    def _power_on(self) -> None:
        self._fifo.clear()
        self._overrun = False
        self._sent = False
        self._ier = 0
        self._fcr = 0
        self._lcr = 0
        self._scr = 0
        self._mcr = Mcr.OUT2
        self._divisor = _RESET_DIVISOR

    def _value(self, offset: int) -> int:
        """What a load of the register gives."""
        match Register(offset):
            case Register.DATA if self._lcr & _DLAB:
                return self._divisor & 0xFF
            case Register.DATA:
                return self._fifo[0] if self._fifo else 0
            case Register.IER:
                return self._divisor >> 8 if self._lcr & _DLAB else self._ier
            case Register.IIR_FCR:
                return self._cause() | (_IIR_FIFO_ENABLED if self._fcr & _FIFO_ENABLE else 0)
            case Register.LCR:
                return self._lcr
            case Register.MCR:
                return self._mcr
            case Register.LSR:
                return self._line_status()
            case Register.MSR:
                return self._modem_status()
            case Register.SCR:
                return self._scr

    def _line_status(self) -> int:
        status = Lsr.TRANSMITTER_EMPTY | Lsr.IDLE
        if self._fifo:
            status |= Lsr.DATA_READY
        if self._overrun:
            status |= Lsr.OVERRUN
        return int(status)

    def _modem_status(self) -> int:
        if not self._mcr & Mcr.LOOPBACK:
            return int(Msr.DCD | Msr.DSR | Msr.CTS)
        wires = ((Mcr.DTR, Msr.DSR), (Mcr.RTS, Msr.CTS), (Mcr.OUT1, Msr.RI), (Mcr.OUT2, Msr.DCD))
        return sum(int(status) for control, status in wires if self._mcr & control)

    def _write_ier(self, value: int) -> None:
        changed = self._ier ^ value
        self._ier = value & 0x0F
        if changed & Ier.TRANSMITTER_EMPTY:
            # Switching the interrupt on raises it, as the transmitter is always empty.
            self._sent = bool(value & Ier.TRANSMITTER_EMPTY)

    def _write_fcr(self, value: int) -> None:
        if (value ^ self._fcr) & _FIFO_ENABLE:
            value |= _FIFO_CLEAR_RECEIVER | _FIFO_CLEAR_TRANSMITTER
        if value & _FIFO_CLEAR_RECEIVER:
            self._fifo.clear()
        if value & _FIFO_CLEAR_TRANSMITTER:
            self._sent = True
        self._fcr = value & _FCR_KEPT
        self._refill()

    def _send(self, value: int) -> None:
        # The wire falls while the character is on its way, even if that takes no time.
        self._sent = False
        self._update()
        if self._mcr & Mcr.LOOPBACK:
            self._accept(value)
        else:
            self._transmit(bytes((value,)))
        self._sent = True

    def _accept(self, value: int) -> None:
        """Put a character into the receiver."""
        if len(self._fifo) < self._depth():
            self._fifo.append(value)
            return
        self._overrun = True
        if not self._fcr & _FIFO_ENABLE:
            self._fifo[0] = value

    def _refill(self) -> None:
        """Let the receiver take what is queued outside, as far as it has room."""
        while self._input and not self._mcr & Mcr.LOOPBACK and len(self._fifo) < self._depth():
            self._fifo.append(self._input.popleft())

    def _depth(self) -> int:
        return _FIFO_DEPTH if self._fcr & _FIFO_ENABLE else 1

    def _cause(self) -> Cause:
        """The pending interrupt of highest priority among those enabled."""
        if self._ier & Ier.LINE_STATUS and self._overrun:
            return Cause.LINE_STATUS
        if self._ier & Ier.RECEIVED and self._fifo:
            trigger = _TRIGGER_LEVELS[self._fcr >> 6] if self._fcr & _FIFO_ENABLE else 1
            return Cause.RECEIVED if len(self._fifo) >= trigger else Cause.TIMEOUT
        if self._ier & Ier.TRANSMITTER_EMPTY and self._sent:
            return Cause.TRANSMITTER_EMPTY
        return Cause.NONE

    def _update(self) -> None:
        self._irq(self._cause() is not Cause.NONE)
