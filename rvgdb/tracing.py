"""`-d`: what the machine does, as lines in QEMU's form, on stderr or in the file of `-D`.

`guest_errors`, `unimp`, `int` and `in_asm` cost nothing until something happens. `exec` and `cpu` look at every
instruction: the machine then makes one step at a time, some ten thousand a second, and several harts take turns of one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final, Protocol, TextIO, TypeAlias

from emulator.catching import Catches
from emulator.errors import BusFault
from emulator.memory.bus import Bus
from emulator.stops import BudgetSpent, Stop
from rvgdb.errors import ConsoleError
from rvgdb.target.api import Clock, Debug, Machine

STEPPING: Final = frozenset({"exec", "cpu"})
"""Items that need to see every instruction."""

INTERRUPT: Final = 1 << 63

NANOSECONDS_PER_TICK: Final = 100

EXCEPTIONS: Final = """
    misaligned_fetch fault_fetch illegal_instruction breakpoint misaligned_load fault_load misaligned_store fault_store
    user_ecall supervisor_ecall hypervisor_ecall machine_ecall exec_page_fault load_page_fault reserved store_page_fault
"""
INTERRUPTS: Final = """
    u_software s_software vs_software m_software u_timer s_timer vs_timer m_timer
    u_external s_external vs_external m_external
"""
"""QEMU's names, by cause."""

Sink: TypeAlias = Callable[[str], object]


class HartState(Protocol):
    """The part of a hart that a trap shows in."""

    def get(self, name: str) -> int:
        """A field by the manual's name."""
        ...


class Inspectable(Machine, Protocol):
    """A machine whose harts can be looked into."""

    @property
    def harts(self) -> Sequence[HartState]:
        """The harts' state."""
        ...


def open_log(path: Path | None) -> TextIO:
    """Where the lines go.

    Raises:
        ConsoleError: When the file cannot be written.
    """
    if path is None:
        return sys.stderr
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise ConsoleError(f"-D {path}: cannot be written: {error.strerror}") from None


class LoggedBus(Bus):
    """A bus that tells of the guest's accesses that nobody answered.

    Args:
        bus: The bus whose devices it takes over.
        items: Of `guest_errors` (nothing is there) and `unimp` (a device does not answer that).
        sink: Takes lines.
    """

    def __init__(self, bus: Bus, items: Collection[str], sink: Sink) -> None:
        super().__init__()
        self._items = items
        self._sink = sink
        for base, device in bus.devices:
            self.attach(base, device)

    def load(self, address: int, width: int) -> int:
        """As of `Bus`."""
        try:
            return super().load(address, width)
        except BusFault:
            self._tell("load", address, width)
            raise

    def store(self, address: int, width: int, value: int) -> None:
        """As of `Bus`."""
        try:
            super().store(address, width, value)
        except BusFault:
            self._tell("store", address, width)
            raise

    def _tell(self, what: str, address: int, width: int) -> None:
        device = next((d for base, d in self.devices if base <= address < base + d.size), None)
        if device is None and "guest_errors" in self._items:
            self._sink(f"Invalid {what} at addr 0x{address:X}, size {width}: nothing is there\n")
        elif device is not None and "unimp" in self._items:
            self._sink(f"{type(device).__name__}: {what} at addr 0x{address:X}, size {width} is not implemented\n")


def trap_line(hart: int, *, cause: int, epc: int, tval: int) -> str:
    """A trap in QEMU's form."""
    number = cause & ~INTERRUPT
    names = (INTERRUPTS if cause & INTERRUPT else EXCEPTIONS).split()
    name = names[number] if number < len(names) else "(unknown)"
    return (
        f"riscv_cpu_do_interrupt: hart:{hart}, async:{cause >> 63}, cause:{number:016x}, "
        f"epc:0x{epc:016x}, tval:0x{tval:016x}, desc={name}\n"
    )


class EventLog:
    """Writes lines for what happens inside a run: traps, and code when it is first executed.

    Implements `emulator.machine.Observer`.
    """

    def __init__(self, debug: Debug, sink: Sink) -> None:
        self._debug = debug
        self._sink = sink
        self._expected = -1

    def trap_taken(self, hart: int, pc: int, cause: int, tval: int) -> None:
        """A line of `int`."""
        self._sink(trap_line(hart, cause=cause, epc=pc, tval=tval))

    def code_decoded(self, hart: int, address: int) -> None:
        """A line of `in_asm`; a new block begins where code does not follow what was shown last."""
        if address != self._expected:
            self._sink("----------------\nIN:\n")
        for start, code, text in self._debug.disassemble(hart, address, 1):
            self._expected = start + len(code)
            digits = f"{int.from_bytes(code, 'little'):0{2 * len(code)}x}"
            self._sink(f"0x{start:016x}:  {digits:18}{text}\n")


class StepLog:
    """Writes lines for every step: `exec` and `cpu`."""

    def __init__(self, machine: Inspectable, items: Collection[str], sink: Sink) -> None:
        self._debug = machine.debug
        self._harts = machine.harts
        self._shows_steps = "exec" in items
        self._shows_registers = "cpu" in items
        self._sink = sink

    def before(self) -> None:
        """A step is about to be made."""
        for index, hart in enumerate(self._harts):
            pc = hart.get("pc")
            if self._shows_steps:
                self._sink(f"Trace {index}: {pc:016x}\n")
            if self._shows_registers:
                values = " ".join(f"x{number}={self._debug.read_x(index, number):x}" for number in range(1, 32))
                self._sink(f"hart {index} pc={pc:016x} priv={hart.get('priv')} {values}\n")


class TracedMachine:
    """A machine that is logged step by step; implements `rvgdb.target.api.Machine`.

    Args:
        machine: The machine.
        log: Sees every step.
        shift: A step takes 2**shift nanoseconds.
    """

    def __init__(self, machine: Inspectable, log: StepLog, shift: int) -> None:
        self._machine = machine
        self._shift = shift
        self._log = log
        self.debug: Debug = machine.debug
        self.clock: Clock = machine.clock
        self.catches: Catches = machine.catches
        self.harts: Sequence[object] = machine.harts

    def run(self, budget: int, *, only: frozenset[int] | None = None) -> Stop:
        """As of the machine, a step at a time."""
        left = budget
        while left > 0:
            asleep = min(left, self._steps_asleep(only))
            if asleep > 0:
                stop = self._machine.run(asleep, only=frozenset())
                left -= asleep
            else:
                self._log.before()
                stop = self._machine.run(1, only=only)
                left -= 1
            if not isinstance(stop, BudgetSpent):
                return stop
        return BudgetSpent()

    def _steps_asleep(self, only: frozenset[int] | None) -> int:
        """How long every hart will wait in WFI for the next alarm: time that nobody needs to watch."""
        for index, hart in enumerate(self._machine.harts):
            if (only is None or index in only) and (not hart.get("waiting") or hart.get("mip") & hart.get("mie")):
                return 0
        deadline = self.clock.next_deadline()
        return 0 if deadline is None else ((deadline - self.clock.now() - 1) * NANOSECONDS_PER_TICK) >> self._shift

    def step(self, hart: int) -> Stop:
        """As of the machine."""
        self._log.before()
        return self._machine.step(hart)

    def interrupt(self) -> None:
        """As of the machine."""
        self._machine.interrupt()

    def receive(self, data: bytes) -> None:
        """As of the machine."""
        self._machine.receive(data)

    def reset(self) -> None:
        """As of the machine."""
        self._machine.reset()
