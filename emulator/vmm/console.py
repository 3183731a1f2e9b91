"""The console behind the SBI: calls of the debug console (DBCN) and of SBI v0.1 that KVM leaves to user space."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.devices.moving import Saved, attributes, set_attributes
from emulator.kvm import KvmError, SbiExit
from emulator.kvm.sbi.errors import SbiError

if TYPE_CHECKING:
    from emulator.kvm import Vcpu, Vm

PUTCHAR: Final = 1
GETCHAR: Final = 2
DBCN: Final = 0x4442434E
WRITE, READ, WRITE_BYTE = 0, 1, 2
NOTHING: Final = (1 << 64) - 1
"""What SBI v0.1 answers where there is no character."""
STATE: Final = ("input", "wants_input")
LONGEST: Final = 1 << 16
"""Bytes of one DBCN call; a longer one is done in part, as the SBI specification allows."""


class SbiConsole:
    """The console of a guest that asks the firmware.

    Args:
        vm: The guest's memory.
        transmit: Takes what the guest writes.

    Attributes:
        wants_input: Whether the guest has ever asked for input here: then it does not read it from the serial port.
    """

    def __init__(self, vm: Vm, transmit: Callable[[bytes], None]) -> None:
        self._vm = vm
        self._transmit = transmit
        self.input: deque[int] = deque()
        self.wants_input = False

    def reset(self) -> None:
        """As at the beginning; input that has not been read stays."""
        self.wants_input = False

    def saved(self) -> Saved:
        """Input that nobody has read, and whether the guest reads here."""
        return attributes(self, STATE)

    def restore(self, state: Saved) -> None:
        """Go on with a state."""
        set_attributes(self, state, STATE)

    def answer(self, vcpu: Vcpu, call: SbiExit) -> bool:
        """Answer a call; False if it is none of the console's."""
        match call:
            case SbiExit(extension=1, args=args):
                self._transmit(bytes((args[0] & 0xFF,)))
                vcpu.complete_sbi(0)
            case SbiExit(extension=2):
                self.wants_input = True
                vcpu.complete_sbi(self.input.popleft() if self.input else NOTHING)
            case SbiExit(extension=0x4442434E):
                vcpu.complete_sbi(*self._debug_console(call))
            case _:
                return False
        return True

    def _debug_console(self, call: SbiExit) -> tuple[int, int]:
        """Error and value of a DBCN call."""
        length, low, high = min(call.args[0], LONGEST), call.args[1], call.args[2]
        if call.function == WRITE_BYTE:
            self._transmit(bytes((call.args[0] & 0xFF,)))
            return SbiError.SUCCESS, 0
        if call.function not in (WRITE, READ):
            return SbiError.NOT_SUPPORTED, 0
        if high:
            return SbiError.INVALID_PARAM, 0
        try:
            data = self._vm.read_memory(low, length)
            if call.function == WRITE:
                self._transmit(data)
                return SbiError.SUCCESS, length
            self.wants_input = True
            data = bytes(self.input.popleft() for _ in range(min(length, len(self.input))))
            self._vm.write_memory(low, data)
        except KvmError:
            return SbiError.INVALID_PARAM, 0
        return SbiError.SUCCESS, len(data)
