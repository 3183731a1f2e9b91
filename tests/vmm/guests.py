"""Guests of a few instructions under the emulated KVM, with their board."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from emulator.config import LoadFile, MachineConfig
from emulator.stops import BudgetSpent, Stop
from emulator.vmm import GuestMachine
from emulator.vmm.config import GuestConfig, make_host, make_kernel, parse_host_cpu
from tests.kvm.guests import code

START = 0x8000_0000


class Guest:
    """A guest and what it has said.

    Args:
        folder: Where its image is put.
        lines: Its instructions, as `tests.kvm.guests.code` takes them; it starts at the first.
        kernel: Name of the kernel, None for the newest.
        isa: The host's ISA, None for all.
        cpu: As after `-cpu`.
        harts: How many vcpus.
        legacy_sbi: Whether there is SBI v0.1.
        incoming: A saved guest to go on with.
    """

    def __init__(
        self,
        folder: Path,
        lines: Iterable[str | int],
        *,
        kernel: str | None = None,
        isa: str | None = None,
        cpu: str = "host",
        harts: int = 1,
        legacy_sbi: bool = False,
        incoming: bytes | None = None,
    ) -> None:
        self.output = b""
        self.warnings: list[str] = []
        image = folder / "guest.bin"
        image.write_bytes(code(lines))
        switches, translations = parse_host_cpu(cpu)
        config = GuestConfig(
            machine=MachineConfig(harts=harts, ram_size=4 << 20, loaders=(LoadFile(path=image, address=START),)),
            host=make_host(isa, legacy_sbi=legacy_sbi),
            kernel=make_kernel(kernel),
            switches=switches,
            translations=translations,
        )
        self.machine = GuestMachine(config, transmit=self._transmit, warn=self.warnings.append, incoming=incoming)

    def _transmit(self, data: bytes) -> None:
        self.output += data

    def run(self, steps: int = 100_000) -> Stop:
        """Run to a stop, which a guest in the tests reaches."""
        stop = self.machine.run(steps)
        assert not isinstance(stop, BudgetSpent)
        return stop

    def x(self, index: int, hart: int = 0) -> int:
        """An integer register."""
        return self.machine.debug.read_x(hart, index)
