"""The emulated machine as a debug target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emulator.errors import MemoryUnavailable
from emulator.hart.modes import GUEST, MODE_NAMES
from protocol.description import MemoryKind, MemoryRegion, memory_map, target_description
from rvgdb.target.api import EFAULT, Debug, Machine, TargetError
from rvgdb.target.breakpoints import BreakpointTable
from rvgdb.target.points import Points
from rvgdb.target.printing import Printed
from rvgdb.target.registers import RegisterFile, target_features

SATP, VSATP, HGATP, MODE_SHIFT = 0x180, 0x280, 0x680, 60
MACHINE = 3


@dataclass(frozen=True, slots=True)
class Region:
    """A span of physical addresses: `kind` is `ram`, `rom`, `io`, or `gap` where nothing is known to be."""

    kind: str
    base: int
    size: int


class MachineMemory:
    """Implements `rvgdb.target.api.Memory`."""

    def __init__(self, debug: Debug) -> None:
        self._debug = debug
        self.physical = False

    def read_memory(self, hart: int, address: int, length: int) -> bytes:
        """As many bytes as can be read.

        Raises:
            TargetError: When not one can.
        """
        try:
            return self._debug.read_memory(hart, address, length, physical=self.physical)
        except MemoryUnavailable as error:
            raise TargetError(str(error), EFAULT) from None

    def write_memory(self, hart: int, address: int, data: bytes) -> None:
        """Write.

        Raises:
            TargetError: When it cannot be done.
        """
        try:
            self._debug.write_memory(hart, address, data, physical=self.physical)
        except MemoryUnavailable as error:
            raise TargetError(str(error), EFAULT) from None


class MachineHarts:
    """Implements `rvgdb.target.api.Harts`."""

    def __init__(self, machine: Machine) -> None:
        self._debug = machine.debug
        self.count = len(machine.harts)

    def describe(self, hart: int) -> str:
        """The privilege mode, in words."""
        return f"{MODE_NAMES[self._debug.read_priv(hart)]}-mode"


class MachineDocuments:
    """Implements `rvgdb.target.api.Documents`."""

    def __init__(self, debug: Debug, regions: Sequence[Region]) -> None:
        self._debug = debug
        self._regions = regions
        self._description: bytes | None = None

    def description(self, annex: str) -> bytes | None:
        """The target description; it does not change while the machine exists."""
        if annex != "target.xml":
            return None
        if self._description is None:
            self._description = target_description(
                "riscv:rv64", target_features(self._debug.csrs(), float_bits=self._debug.float_bits)
            )
        return self._description

    def memory_map(self) -> bytes:
        """RAM and ROM by physical address."""
        return memory_map(MemoryRegion(MemoryKind(region.kind), region.base, region.size) for region in self._regions)

    def _translates(self, hart: int) -> bool:
        mode = self._debug.read_priv(hart)
        if mode == MACHINE:
            return False
        there = {info.number for info in self._debug.csrs()}
        bases = there.intersection((VSATP, HGATP) if mode & GUEST else (SATP,))
        return any(self._debug.read_csr(hart, base) >> MODE_SHIFT for base in bases)

    def region(self, hart: int, address: int) -> Region:
        """As of `rvgdb.target.api.Documents`."""
        if self._translates(hart):
            raise TargetError("this hart translates addresses; regions are known of physical memory only")
        start, end = 0, 1 << 64
        for region in self._regions:
            if region.base <= address < region.base + region.size:
                return region
            if region.base > address:
                end = min(end, region.base)
            else:
                start = max(start, region.base + region.size)
        return Region("gap", start, end - start)


class Target:
    """Every capability of one machine, each under the name of its interface."""

    def __init__(self, machine: Machine, regions: Sequence[Region] = ()) -> None:
        debug = machine.debug
        self.debug = debug
        self.registers = RegisterFile(debug)
        self.memory = MachineMemory(debug)
        self.breakpoints = BreakpointTable(debug)
        self.printed = Printed(debug)
        self.points = Points(debug, machine.catches)
        self.documents = MachineDocuments(debug, regions)
        self.harts = MachineHarts(machine)
