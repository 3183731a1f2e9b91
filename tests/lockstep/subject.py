"""This project's machine as the comparison sees it: the compiled engine with one hart and RAM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.engine.reference import ReferenceDomain
from emulator.hart import csrs
from emulator.hart.state import HART_OFFSETS, WORD
from tests.helpers.rig import Rig
from tests.lockstep.layout import CODE, RAM_BASE, RAM_SIZE

if TYPE_CHECKING:
    from emulator.isa.extensions import CpuConfig
    from tests.lockstep.program import Image

REGISTERS: Final = 32
_FLOATS: Final = HART_OFFSETS["f"] // WORD


class Subject:
    """A hart that runs programs.

    Args:
        cpu: What the hart is.
        engine: `compiled` or `reference`.
    """

    def __init__(self, cpu: CpuConfig, engine: str = "compiled") -> None:
        self._rig = Rig(engine, cpu, RAM_SIZE)
        self._integers = self._rig.hart.words[:REGISTERS]
        self._floats = self._rig.hart.words[_FLOATS : _FLOATS + REGISTERS]
        self._domain = ReferenceDomain(self._rig.blocks, self._rig.hart, self._rig.backing, self._rig)

    def load(self, image: Image, registers: dict[int, int]) -> None:
        """Power on with a program in RAM and these register values, as Spike's boot ROM leaves them."""
        self._rig.reset()
        self._rig.write(RAM_BASE, image.ram)
        hart = self._rig.hart
        hart.put("pc", CODE)
        for number, value in registers.items():
            hart.put("x", value, number)

    def run(self, steps: int) -> int:
        """Make steps; returns how many it made."""
        hart = self._rig.hart
        if hart.get("waiting") and hart.get("mip") & hart.get("mie"):
            hart.put("waiting", 0)
        return self._rig.run(steps)

    @property
    def pc(self) -> int:
        """The next instruction's address."""
        return self._rig.hart.get("pc")

    @property
    def priv(self) -> int:
        """The privilege."""
        return self._rig.hart.get("priv")

    @property
    def stop(self) -> int:
        """Why the last run ended (`emulator.hart.state.StopCode`)."""
        return self._rig.hart.get("stop")

    def registers(self) -> list[int]:
        """x0 to x31."""
        return self._integers.tolist()

    def floats(self) -> list[int]:
        """f0 to f31."""
        return self._floats.tolist()

    def set_register(self, number: int, value: int) -> None:
        """Change a register (x0 stays)."""
        if number:
            self._rig.hart.put("x", value, number)

    def csr(self, number: int) -> int | None:
        """A CSR's value; None if there is none of this number."""
        row = csrs.BY_NUMBER.get(number)
        return None if row is None else int(row.read(self._domain))

    def ram(self) -> bytes:
        """All of RAM."""
        return self._rig.read(RAM_BASE, RAM_SIZE)
