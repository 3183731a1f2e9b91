"""The 16550A serial port."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.devices.uart import Cause, Register, Uart
from tests.devices.wires import Wire

DLAB = 0x80
FIFO_ON = 0x01


def make_uart(*, fifo: int = 0, ier: int = 0) -> tuple[Uart, Wire, bytearray]:
    """A serial port after reset, with what it sends collected."""
    wire, sent = Wire(), bytearray()
    uart = Uart(wire, sent.extend)
    uart.store(Register.IIR_FCR, 1, fifo)
    uart.store(Register.IER, 1, ier)
    return uart, wire, sent


def cause(uart: Uart) -> int:
    """The cause in IIR, with IIR's side effects."""
    return uart.load(Register.IIR_FCR, 1) & 0xF


def drain(uart: Uart) -> bytes:
    """Everything that can be read."""
    data = bytearray()
    while uart.load(Register.LSR, 1) & 1:
        data.append(uart.load(Register.DATA, 1))
    return bytes(data)


def test_reset_values() -> None:
    """What a guest finds, as in QEMU: transmitter empty, carrier and clear-to-send there, no interrupt."""
    uart, wire, _ = make_uart()
    registers = [uart.load(at, 1) for at in range(8)]
    assert registers == [0, 0, Cause.NONE, 0, 0x08, 0x60, 0xB0, 0]
    assert not wire.high


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_wider_accesses_see_one_register(width: int) -> None:
    """Drivers with 32-bit accesses find byte registers too."""
    uart, _, sent = make_uart()
    uart.store(Register.DATA, width, 0x4142_4344)
    assert sent == b"D"


def test_divisor_behind_dlab() -> None:
    """With DLAB set, the first two registers are the divisor and nothing is sent or enabled."""
    uart, _, sent = make_uart()
    uart.store(Register.LCR, 1, DLAB | 3)
    uart.store(Register.DATA, 1, 0x34)
    uart.store(Register.IER, 1, 0x12)
    assert [uart.load(0, 1), uart.load(1, 1), uart.load(3, 1)] == [0x34, 0x12, DLAB | 3]
    uart.store(Register.LCR, 1, 3)
    assert [uart.load(0, 1), uart.load(1, 1)] == [0, 0]
    assert sent == b""


def test_scratch_register_and_read_only_registers() -> None:
    """SCR keeps a byte; LSR and MSR ignore stores; MCR and IER drop bits that do not exist."""
    uart, _, _ = make_uart()
    for register in (Register.SCR, Register.LSR, Register.MSR, Register.MCR, Register.IER):
        uart.store(register, 1, 0xEF)
    assert [uart.load(at, 1) for at in (7, 5, 6, 4, 1)] == [0xEF, 0x60, 0xB0, 0x0F, 0x0F]


def test_transmitter_interrupt() -> None:
    """It comes with being enabled and after each character; reading IIR or sending takes it back."""
    uart, wire, sent = make_uart(ier=2)
    assert wire.high
    assert cause(uart) == Cause.TRANSMITTER_EMPTY
    assert not wire.high
    wire.levels.clear()
    uart.store(Register.DATA, 1, ord("x"))
    assert wire.levels == [False, True]
    assert sent == b"x"
    uart.store(Register.IER, 1, 0)
    assert not wire.high
    assert cause(uart) == Cause.NONE


def test_receiving_without_fifo() -> None:
    """One character at a time, the next as soon as the last was read."""
    uart, wire, _ = make_uart(ier=1)
    uart.receive(b"ab")
    assert wire.high
    assert cause(uart) == Cause.RECEIVED
    assert uart.load(Register.DATA, 1) == ord("a")
    assert wire.high
    assert uart.load(Register.DATA, 1) == ord("b")
    assert not wire.high
    assert uart.load(Register.DATA, 1) == 0


@pytest.mark.parametrize(("trigger", "level"), [(0, 1), (0x40, 4), (0x80, 8), (0xC0, 14)])
def test_trigger_levels(trigger: int, level: int) -> None:
    """At the trigger level the cause is received data, below it the character timeout."""
    uart, wire, _ = make_uart(fifo=FIFO_ON | trigger, ier=1)
    uart.receive(bytes(level))
    assert uart.load(Register.IIR_FCR, 1) == 0xC0 | Cause.RECEIVED
    uart.load(Register.DATA, 1)
    assert wire.high == (level > 1)
    assert cause(uart) == (Cause.TIMEOUT if level > 1 else Cause.NONE)


def test_input_waits_outside_a_full_fifo() -> None:
    """However much comes in, nothing overruns and nothing is lost."""
    uart, _, _ = make_uart(fifo=FIFO_ON)
    data = bytes(range(256)) * 4
    uart.receive(data)
    assert drain(uart) == data


def test_fifo_clear_drops_what_was_received() -> None:
    """Clearing the receiver drops the FIFO's characters; switching FIFOs on or off clears too."""
    uart, wire, _ = make_uart(fifo=FIFO_ON, ier=1)
    uart.receive(b"abc")
    uart.store(Register.IIR_FCR, 1, FIFO_ON | 2)
    assert not wire.high
    uart.receive(b"def")
    uart.store(Register.IIR_FCR, 1, 0)
    assert drain(uart) == b""


def test_loopback() -> None:
    """What is sent comes back; modem outputs are modem inputs; input from outside waits."""
    uart, _, sent = make_uart(fifo=FIFO_ON)
    for control, status in ((1, 0x20), (2, 0x10), (4, 0x40), (8, 0x80)):
        uart.store(Register.MCR, 1, 0x10 | control)
        assert uart.load(Register.MSR, 1) == status
    uart.receive(b"out")
    uart.store(Register.DATA, 1, ord("l"))
    assert drain(uart) == b"l"
    uart.store(Register.MCR, 1, 0)
    assert drain(uart) == b"out"
    assert sent == b""


@pytest.mark.parametrize(("fifo", "kept"), [(FIFO_ON, bytes(range(16))), (0, bytes((16,)))])
def test_overrun(fifo: int, kept: bytes) -> None:
    """A full FIFO keeps the old characters, a single register the newest; LSR tells once, with an interrupt."""
    uart, wire, _ = make_uart(fifo=fifo, ier=4)
    uart.store(Register.MCR, 1, 0x10)
    for value in range(17):
        uart.store(Register.DATA, 1, value)
    assert wire.high
    assert cause(uart) == Cause.LINE_STATUS
    assert uart.load(Register.LSR, 1) & 2
    assert not wire.high
    assert not uart.load(Register.LSR, 1) & 2
    assert drain(uart) == kept


def test_line_status_comes_first() -> None:
    """Causes are reported by priority: line status, data, transmitter."""
    uart, _, _ = make_uart(ier=7)
    uart.store(Register.MCR, 1, 0x10)
    uart.store(Register.DATA, 1, 1)
    uart.store(Register.DATA, 1, 2)
    assert cause(uart) == Cause.LINE_STATUS
    uart.load(Register.LSR, 1)
    assert cause(uart) == Cause.RECEIVED
    uart.load(Register.DATA, 1)
    assert cause(uart) == Cause.TRANSMITTER_EMPTY
    assert cause(uart) == Cause.NONE


def test_reset_keeps_input_from_outside() -> None:
    """Registers return to their power-on values; what the host typed is still to come."""
    uart, wire, _ = make_uart(fifo=FIFO_ON, ier=1)
    uart.receive(bytes(range(20)))
    uart.store(Register.SCR, 1, 9)
    uart.reset()
    assert not wire.high
    assert [uart.load(at, 1) for at in (1, 3, 4, 7)] == [0, 0, 8, 0]
    assert drain(uart) == bytes(range(16, 20))


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(Register), st.integers(0, 255)),
        st.tuples(st.sampled_from(Register), st.none()),
        st.tuples(st.none(), st.binary(max_size=40)),
    ),
    max_size=50,
)


@given(actions=ACTIONS)
def test_wire_and_peek_agree_with_loads(actions: list[tuple[Register | None, int | bytes | None]]) -> None:
    """After anything at all, the wire is high exactly if IIR names a cause, and peek shows what loads give."""
    uart, wire, _ = make_uart()
    for register, value in actions:
        if isinstance(value, bytes):
            uart.receive(value)
        elif register is not None and value is not None:
            uart.store(register, 1, value)
        elif register is not None:
            assert uart.peek(register, 1)[0] == uart.load(register, 1)
        before = uart.peek(0, 8)
        assert wire.high == (before[Register.IIR_FCR] & 0xF != Cause.NONE)
        assert uart.peek(0, 8) == before
