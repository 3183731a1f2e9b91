"""Whole machines for tests: a program in RAM, harts that begin there, what the guest prints."""

from __future__ import annotations

from emulator.config import MEBIBYTE, IcountConfig, MachineConfig, StartHart
from emulator.engine.layout import RAM_BASE
from emulator.machine import Machine
from emulator.stops import BudgetSpent, Stop
from tests.helpers.program import Program, build

UART = 0x1000_0000
FINISHER = 0x10_0000
MSIP = 0x200_0000
MTIMECMP = 0x200_4000
MTIME = 0x200_BFF8
PLIC = 0xC00_0000


class Guest:
    """A machine whose harts all begin at a program's first instruction, with a0 = the hart's number.

    Args:
        engine: `compiled` or `reference`.
        text: The program (`tests.helpers.program.build`).
        harts: How many harts.
        shift: `-icount shift`.
    """

    def __init__(self, engine: str, text: str, *, harts: int = 1, shift: int = 0) -> None:
        self.console = bytearray()
        config = MachineConfig(
            harts=harts,
            ram_size=4 * MEBIBYTE,
            loaders=tuple(StartHart(address=RAM_BASE, hart=hart) for hart in range(harts)),
            icount=IcountConfig(shift=shift),
        )
        self.machine = Machine(config, transmit=self.console.extend, engine=engine)
        self.program: Program = build(text)
        self.debug = self.machine.debug
        self.debug.write_memory(0, RAM_BASE, self.program.code)
        self.reset()

    def reset(self) -> None:
        """Power on again, with a0 = the hart's number."""
        self.machine.reset()
        for hart in range(len(self.machine.harts)):
            self.debug.write_x(hart, 10, hart)

    def run(self, budget: int, *pieces: int) -> Stop:
        """Run for `budget` steps, in pieces of the given sizes over and over if there are any."""
        left, at = budget, 0
        while True:
            size = min(left, pieces[at % len(pieces)]) if pieces else left
            stop = self.machine.run(size)
            left -= size
            at += 1
            if left == 0 or not isinstance(stop, BudgetSpent):
                return stop

    def x(self, index: int, hart: int = 0) -> int:
        """An integer register."""
        return self.debug.read_x(hart, index)

    def csr(self, name: str, hart: int = 0) -> int:
        """A CSR, by name."""
        number = next(info.number for info in self.debug.csrs() if info.name == name)
        return self.debug.read_csr(hart, number)

    def state(self) -> tuple[bytes, ...]:
        """Everything that the guest can see of harts and RAM."""
        harts = (hart.architectural() for hart in self.machine.harts)
        steps = (hart.get("steps").to_bytes(8, "little") for hart in self.machine.harts)
        return (*harts, *steps, self.debug.read_memory(0, RAM_BASE, 64 * 1024), bytes(self.console))
