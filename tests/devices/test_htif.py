"""The host-target interface."""

from __future__ import annotations

import pytest

from emulator.clock import Clock
from emulator.devices.htif import Htif
from emulator.stops import GuestExit, Stop

BASE = 0x8000_0000
TOHOST = BASE + 0x100
FROMHOST = BASE + 0x108
RECORD = BASE + 0x200


class Guest:
    """Some RAM with an HTIF in it, and what the host got to see."""

    def __init__(self, *, fromhost: int | None = FROMHOST) -> None:
        self.ram = bytearray(0x1000)
        self.stops: list[Stop] = []
        self.printed = bytearray()
        self.clock = Clock()
        self.htif = Htif(
            memoryview(self.ram),
            BASE,
            address=TOHOST,
            fromhost=fromhost,
            clock=self.clock,
            patience=50,
            request=self.stops.append,
            transmit=self.printed.extend,
        )

    def put(self, address: int, *values: int) -> None:
        """Store double words."""
        for at, value in enumerate(values):
            start = address - BASE + 8 * at
            self.ram[start : start + 8] = value.to_bytes(8, "little")

    def get(self, address: int) -> int:
        """Load a double word."""
        return int.from_bytes(self.ram[address - BASE : address - BASE + 8], "little")

    def send(self, command: int) -> None:
        """Store a command, as the machine would notice it."""
        self.put(TOHOST, command)
        self.htif.written(TOHOST, 8)

    def send_half(self, value: int, *, upper: bool = False) -> None:
        """Store a word to one half of `tohost`."""
        start = TOHOST + 4 * upper
        self.ram[start - BASE : start - BASE + 4] = value.to_bytes(4, "little")
        self.htif.written(start, 4)

    def call(self, *record: int) -> int:
        """Make a system call; returns its result, sign-extended."""
        self.put(RECORD, *record)
        self.send(RECORD)
        result = self.get(RECORD)
        return result - (1 << 64) if result >> 63 else result


@pytest.mark.parametrize(("value", "code"), [(1, 0), (3, 1), (1337 << 1 | 1, 1337)])
def test_odd_value_ends_the_run(value: int, code: int) -> None:
    """The exit code is the value without its lowest bit, as in Spike."""
    guest = Guest()
    guest.send(value)
    assert guest.stops == [GuestExit(code)]
    assert guest.get(TOHOST) == 0


def test_zero_is_no_command() -> None:
    """Clearing tohost does nothing."""
    guest = Guest()
    guest.send(0)
    assert guest.stops == []


def test_console_output() -> None:
    """Device 1, command 1 prints a character and is taken at once."""
    guest = Guest()
    for character in b"hi":
        guest.send(1 << 56 | 1 << 48 | character)
    assert guest.printed == b"hi"
    assert guest.get(TOHOST) == 0
    assert guest.get(FROMHOST) == 0


def test_console_output_in_halves() -> None:
    """The lower half alone, a character, is no command, though an odd one would end the run."""
    guest = Guest()
    for character in b"oak":
        guest.send_half(character)
        guest.send_half(0x0101_0000, upper=True)
    assert guest.printed == b"oak"
    assert guest.stops == []


def test_exit_in_halves() -> None:
    """A zero in the upper half completes the command that is in the lower: riscv-tests' two stores."""
    guest = Guest()
    guest.send_half(7)
    assert guest.stops == []
    guest.send_half(0, upper=True)
    assert guest.stops == [GuestExit(3)]


@pytest.mark.parametrize("stores", [1, 2])
def test_lower_half_alone(stores: int) -> None:
    """What stands in the lower half is the command after a while; storing it again and again does not put it off."""
    guest = Guest()
    for _ in range(stores):
        guest.send_half(7)
        guest.clock.advance(guest.clock.now() + 20)
    guest.clock.advance(49)
    assert guest.stops == []
    guest.clock.advance(50)
    assert guest.stops == [GuestExit(3)]
    assert guest.clock.next_deadline() is None


def test_lower_half_replaced() -> None:
    """Another value in the lower half is waited for anew, and a zero is no command at all."""
    guest = Guest()
    guest.send_half(7)
    guest.clock.advance(49)
    guest.send_half(9)
    guest.clock.advance(98)
    assert guest.stops == []
    guest.send_half(0)
    guest.clock.advance(200)
    assert guest.stops == []


def test_console_input() -> None:
    """A request waits for a character, and the next answer waits until the guest has taken the last."""
    guest = Guest()
    guest.send(1 << 56)
    assert guest.htif.wants_input
    guest.htif.receive(b"ab")
    assert guest.get(FROMHOST) == 1 << 56 | 0x100 | ord("a")
    assert not guest.htif.wants_input
    guest.send(1 << 56)
    assert guest.get(FROMHOST) == 1 << 56 | 0x100 | ord("a")
    guest.put(FROMHOST, 0)
    guest.send(0)
    assert guest.get(FROMHOST) == 1 << 56 | 0x100 | ord("b")


def test_reset_forgets_requests() -> None:
    """After a reset nobody waits for input."""
    guest = Guest()
    guest.send(1 << 56)
    guest.send_half(7)
    guest.htif.reset()
    assert not guest.htif.wants_input
    assert guest.clock.next_deadline() is None


def test_write_call() -> None:
    """System call 64 prints from memory, answers the length and raises fromhost."""
    guest = Guest()
    guest.ram[0x300:0x305] = b"hello"
    assert guest.call(64, 1, BASE + 0x300, 5) == 5
    assert guest.printed == b"hello"
    assert guest.get(FROMHOST) == 1


@pytest.mark.parametrize(
    ("record", "error"),
    [
        ((64, 0, BASE, 1), -9),
        ((64, 1, BASE - 1, 1), -14),
        ((64, 1, BASE, 0x1001), -14),
        ((64, 1, (1 << 64) - 1, 1 << 63), -14),
        ((63, 0, BASE, 1), -38),
    ],
)
def test_calls_that_fail(record: tuple[int, ...], error: int) -> None:
    """A bad file, memory that is not RAM and unknown calls are answered with Linux's negative error numbers."""
    guest = Guest()
    assert guest.call(*record) == error
    assert guest.printed == b""


def test_exit_call() -> None:
    """System call 93 ends the run with its argument."""
    guest = Guest()
    guest.call(93, 42)
    assert guest.stops == [GuestExit(42)]


@pytest.mark.parametrize("command", [0x7FFF_0000_0000, BASE - 64, BASE + 0x1000 - 8, 2 << 56, 1 << 56 | 7 << 48])
def test_nonsense_is_ignored(command: int) -> None:
    """A record outside RAM, an unknown device and an unknown command do nothing."""
    guest = Guest()
    guest.send(command)
    assert not guest.stops
    assert not guest.printed
    assert guest.get(FROMHOST) == 0


def test_guest_without_fromhost() -> None:
    """Answers have nowhere to go, and that is no error."""
    guest = Guest(fromhost=None)
    guest.ram[0x300:0x302] = b"ok"
    assert guest.call(64, 2, BASE + 0x300, 2) == 2
    guest.send(1 << 56)
    guest.htif.receive(b"x")
    assert guest.printed == b"ok"
