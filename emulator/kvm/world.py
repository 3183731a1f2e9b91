"""The machine under a virtual machine: a hart for each vcpu, host memory, G-stage tables, and the hypervisor's CSRs.

Harts never execute code of the hypervisor's: a trap that leaves the guest leaves the run slice (`Machine.hypervisor`),
and what the hypervisor would do in HS-mode is done in Python.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from emulator.config import IcountConfig, MachineConfig
from emulator.errors import CsrRefused
from emulator.hart import csrs
from emulator.hart.fields import Privilege
from emulator.isa.extensions import BY_NAME, TRANSLATIONS, CpuConfig
from emulator.kvm.context import CSRS
from emulator.kvm.gstage import GStage
from emulator.kvm.memory import HostMemory
from emulator.machine import Machine
from emulator.virt_map import RAM_BASE

if TYPE_CHECKING:
    from emulator.hart.block import HartBlock
    from emulator.kvm.configuration import VcpuConfig
    from emulator.kvm.host import Host

TABLES_SIZE: Final = 8 << 20
"""Host memory for page tables and the hypervisor itself, besides what slots need."""
HANDLER: Final = RAM_BASE
"""Where the hypervisor's trap handler would be: `stvec` in HS-mode."""
PAGE: Final = 0x1000
CLEARED: Final = 1 << 20
"""Bytes that are cleared at once."""

HSTATUS: Final = 1 << 21 | 1 << 8 | 1 << 7
"""VTW: the guest's WFI traps; SPVP and SPV: into VS-mode."""
ALL: Final = (1 << 64) - 1
FS_DIRTY: Final = 3 << 13

FIRMWARE: Final = (
    ("medeleg", ALL),
    ("mideleg", ALL),
    ("mcounteren", ALL),
    ("menvcfg", 1 << 63 | 1 << 62 | 0b1111 << 4),  # STCE, PBMTE, CBZE, CBCFE, CBIE
    ("mstateen0", ALL),
    ("pmpaddr0", ALL),
    ("pmpcfg0", 0x1F),  # NAPOT over everything: read, write, execute
    ("scounteren", ALL),
    ("stvec", HANDLER),
    ("mseccfg", 0b11 << 8),  # SSEED, USEED: whether a guest gets entropy is the hypervisor's to say
)
"""What the host's firmware and kernel have set before there is a guest."""
MENVCFG_ADUE: Final = 1 << 61


def host_cpu(host: Host) -> CpuConfig:
    """The harts of a host: what its ISA names and this machine has."""
    names = frozenset(name for name in host.isa if name in BY_NAME) | {"i", "zicsr"}
    return CpuConfig("host", names, frozenset(TRANSLATIONS[: host.satp_mode - 7]))


@dataclass(frozen=True, slots=True)
class WorldOptions:
    """How the machine under a guest is run; no guest can tell but by its time.

    Attributes:
        engine: As of `Machine`.
        icount: How time passes.
        entropy: Seed of the harts' entropy sources.
        progress: As of `Machine`.
    """

    engine: str = "compiled"
    icount: IcountConfig = field(default_factory=IcountConfig)
    entropy: int = 0
    progress: Callable[[str], None] | None = None


class World:
    """The host of one virtual machine.

    Args:
        host: What hardware it is.
        vcpus: How many harts.
        memory: Bytes of host memory for slots.
        options: How the machine is run.
    """

    def __init__(self, host: Host, vcpus: int, memory: int, options: WorldOptions) -> None:
        cpu = host_cpu(host)
        size = memory + TABLES_SIZE
        config = MachineConfig(harts=vcpus, ram_size=size, cpu=cpu, icount=options.icount, entropy=options.entropy)
        self.machine = Machine(config, transmit=lambda data: None, engine=options.engine, progress=options.progress)
        self.ram = self.machine.ram
        self.memory = HostMemory(RAM_BASE + PAGE, size - PAGE)
        for piece in self.machine.board.plan.pieces:  # a device tree that nobody reads
            self.write(piece.address, bytes(piece.size))
        self._words = self.ram.cast("Q")
        self.gstage = GStage(host.satp_mode, self.memory, self._read_word, self._write_word)
        for hart in self.machine.harts:
            self._boot(hart)

    def _read_word(self, address: int) -> int:
        return self._words[(address - RAM_BASE) // 8]

    def _write_word(self, address: int, value: int) -> None:
        self._words[(address - RAM_BASE) // 8] = value

    def _boot(self, hart: HartBlock) -> None:
        """Bring a hart from power-on to where the hypervisor can enter a guest; until then it waits."""
        for name, value in FIRMWARE:
            self.write_csr(hart, name, value)
        if self.machine.config.cpu.has("svadu"):
            self.write_csr(hart, "menvcfg", hart.get("menvcfg") | MENVCFG_ADUE)
        hart.put("leave_guest", 1)
        hart.put("priv", Privilege.S)
        hart.put("pc", HANDLER)
        hart.put("waiting", 1)

    def configure(self, hart: HartBlock, config: VcpuConfig, delta: int, floating: bool) -> None:
        """Program the hypervisor's CSRs for a vcpu."""
        values = {
            "hstatus": HSTATUS,
            "hedeleg": config.hedeleg,
            "hideleg": config.hideleg,
            "hcounteren": config.hcounteren,
            "henvcfg": config.henvcfg,
            "hstateen0": config.hstateen0,
            "htimedelta": delta & ALL,
            "hgatp": self.gstage.hgatp(1),
            "sstatus": FS_DIRTY if floating else 0,
        }
        for name, value in values.items():
            if name in csrs.BY_NAME:
                write = partial(self.write_csr, hart, name, value)
                self.machine.catches.csr_programmed(hart.index, csrs.BY_NAME[name].number, write)

    def has_csr(self, name: str) -> bool:
        """Whether the harts have a CSR."""
        try:
            self.machine.debug.read_csr(0, csrs.BY_NAME[name].number)
        except (CsrRefused, KeyError):
            return False
        return True

    def read_csr(self, hart: HartBlock, name: str) -> int:
        """A CSR by its name."""
        return self.machine.debug.read_csr(hart.index, csrs.BY_NAME[name].number)

    def write_csr(self, hart: HartBlock, name: str, value: int) -> None:
        """Let a CSR take what it can of a value; one that is not there takes nothing."""
        if name in csrs.BY_NAME:
            with suppress(CsrRefused):
                self.machine.debug.write_csr(hart.index, csrs.BY_NAME[name].number, value)

    def read(self, address: int, length: int) -> bytes:
        """Host memory."""
        at = address - RAM_BASE
        return bytes(self.ram[at : at + length])

    def write(self, address: int, data: bytes) -> None:
        """Set host memory."""
        at = address - RAM_BASE
        self.ram[at : at + len(data)] = data
        self.machine.debug.forget_pages()
        self.machine.engine.ram_changed(at, len(data))

    def clear(self, address: int, size: int) -> None:
        """Make host memory zero; what is zero already is only read."""
        for at in range(address, address + size, CLEARED):
            length = min(CLEARED, address + size - at)
            zeros = bytes(length)
            if self.read(at, length) != zeros:
                self.write(at, zeros)


class GuestRegisters:
    """A hart's registers as its guest names them.

    Args:
        world: The hart's machine.
        hart: The hart.
    """

    def __init__(self, world: World, hart: HartBlock) -> None:
        self._world = world
        self._hart = hart
        self._csrs = {name: csr for name, csr in CSRS.items() if world.has_csr(csr)}

    def has(self, name: str) -> bool:
        """Whether the hart has a register."""
        return name in self._csrs or name in ("pc", "mode", "fcsr") or (name[0] in "xf" and name[1:].isdigit())

    def read(self, name: str) -> int:
        """Its value."""
        if name in self._csrs:
            return self._world.read_csr(self._hart, self._csrs[name])
        match name:
            case "pc":
                return self._hart.get("pc")
            case "mode":
                return self._hart.get("priv") & 1
            case "fcsr":
                return self._hart.get("frm") << 5 | self._hart.get("fflags")
        return self._hart.get(name[0], int(name[1:]))

    def write(self, name: str, value: int) -> None:
        """Give it the legal value that is nearest."""
        if name in self._csrs:
            self._world.write_csr(self._hart, self._csrs[name], value)
            return
        match name:
            case "pc":
                self._world.machine.debug.write_pc(self._hart.index, value)
            case "mode":
                self._hart.put("priv", value & 1)
            case "fcsr":
                self._hart.put("frm", value >> 5 & 7)
                self._hart.put("fflags", value & 31)
            case _:
                self._hart.put(name[0], value, int(name[1:]))
