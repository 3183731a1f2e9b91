"""The host-target interface of Berkeley's simulators: two words of RAM, `tohost` and `fromhost`.

A guest stores a command to `tohost`; the machine notices the store and calls `Htif.written`. What Spike understands:
device 0 ends the run or makes a system call, device 1 is the console.

Some guests store the two halves of `tohost` one after the other, the lower first, as RV32 has to. So a store to the
lower half alone is no command yet: one to the upper half completes it (for the console, device and function lie
there), and where none follows, the lower half is the command once it has stood for a while: Spike, too, looks only
now and then.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable

from emulator.clock import Clock
from emulator.stops import GuestExit, Stop

_SYSCALLS = 0
_CONSOLE = 1
_READ = 0
_WRITE = 1
_PAYLOAD = (1 << 48) - 1
_HALF = 4
_SIZE = 8

_SYS_WRITE = 64
_SYS_EXIT = 93
_BAD_FILE = -9
_BAD_ADDRESS = -14
_NO_SUCH_CALL = -38

_CALL = struct.Struct("<8Q")
_MASK64 = (1 << 64) - 1


class Htif:
    """The host's end of `tohost` and `fromhost`."""

    def __init__(
        self,
        ram: memoryview,
        ram_base: int,
        *,
        address: int,
        fromhost: int | None,
        clock: Clock,
        patience: int,
        request: Callable[[Stop], None],
        transmit: Callable[[bytes], None],
    ) -> None:
        """Attach to a guest.

        Args:
            ram: The machine's RAM.
            ram_base: Its physical address.
            address: Physical address of `tohost`; its eight bytes lie in RAM.
            fromhost: Physical address of `fromhost`, eight bytes in RAM, or None if the guest has none.
            clock: Where time comes from.
            patience: Ticks after which the lower half of `tohost` alone is a command.
            request: Asks the machine to end its run with this stop.
            transmit: Takes what the guest prints.
        """
        self.address = address
        self._ram = ram
        self._base = ram_base
        self._fromhost = fromhost
        self._clock = clock
        self._patience = patience
        self._half: int | None = None
        self._request = request
        self._transmit = transmit
        self._input: deque[int] = deque()
        self._readers = 0

    @property
    def wants_input(self) -> bool:
        """Whether the guest waits for a character from the console."""
        return self._readers > 0

    def receive(self, data: bytes) -> None:
        """Queue console input; the guest gets a character for each that it asks for."""
        self._input.extend(data)
        self._answer_readers()

    def written(self, first: int, size: int) -> None:
        """Look at `tohost` after a store of `size` bytes at physical address `first`, which may have touched it.

        Like Spike, the command is taken (`tohost` becomes zero) before it is carried out. A store elsewhere does
        nothing but tell that the guest may have taken an answer.
        """
        if first < self.address + _SIZE and first + size > self.address + _HALF:
            self._take()
        elif first < self.address + _HALF and first + size > self.address:
            self._wait_for_upper_half()
        self._answer_readers()

    def reset(self) -> None:
        """Forget what the guest has asked for; input that it has not taken stays queued."""
        self._readers = 0
        self._wait(None)

    def _wait_for_upper_half(self) -> None:
        """The lower half was stored; the same value again, as in a guest's last loop, begins no new wait."""
        value = self._get(self.address)
        if value != self._half:
            self._wait(value or None)

    def _wait(self, half: int | None) -> None:
        self._half = half
        deadline = None if half is None else self._clock.now() + self._patience
        self._clock.alarm("htif", deadline, self._take)

    def _take(self) -> None:
        self._wait(None)
        command = self._get(self.address)
        if command:
            self._put(self.address, 0)
            self._carry_out(command >> 56, command >> 48 & 0xFF, command & _PAYLOAD)

    def _carry_out(self, device: int, function: int, payload: int) -> None:
        if device == _SYSCALLS and function == 0:
            if payload & 1:
                self._request(GuestExit(payload >> 1))
            else:
                self._system_call(payload)
        elif device == _CONSOLE and function == _WRITE:
            self._transmit(bytes((payload & 0xFF,)))
        elif device == _CONSOLE and function == _READ:
            self._readers += 1

    def _system_call(self, address: int) -> None:
        """Make the call described by eight words at `address`; the result replaces the first of them."""
        record = self._span(address, _CALL.size)
        if record is None:
            return
        number, *arguments = _CALL.unpack(record)
        if number == _SYS_EXIT:
            self._request(GuestExit(arguments[0] & 0xFFFF_FFFF))
            return
        result = self._write(*arguments[:3]) if number == _SYS_WRITE else _NO_SUCH_CALL
        record[:8] = (result & _MASK64).to_bytes(8, "little")
        self._put_fromhost(1)

    def _write(self, file: int, address: int, size: int) -> int:
        if file not in (1, 2):
            return _BAD_FILE
        data = self._span(address, size)
        if data is None:
            return _BAD_ADDRESS
        self._transmit(bytes(data))
        return size

    def _answer_readers(self) -> None:
        """Hand a character to a guest that asked for one, once it has taken the answer before."""
        if self._readers and self._input and self._fromhost is not None and not self._get(self._fromhost):
            self._readers -= 1
            self._put_fromhost(_CONSOLE << 56 | _READ << 48 | 0x100 | self._input.popleft())

    def _put_fromhost(self, value: int) -> None:
        if self._fromhost is not None:
            self._put(self._fromhost, value)

    def _span(self, address: int, size: int) -> memoryview | None:
        """RAM at a physical address, None if it does not lie in RAM altogether."""
        first = address - self._base
        if first < 0 or first + size > len(self._ram):
            return None
        return self._ram[first : first + size]

    def _get(self, address: int) -> int:
        at = address - self._base
        return int.from_bytes(self._ram[at : at + 8], "little")

    def _put(self, address: int, value: int) -> None:
        at = address - self._base
        self._ram[at : at + 8] = value.to_bytes(8, "little")
