"""A random program: what a block may use to write itself, and the image that becomes an ELF."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Final, TypeAlias

from emulator.isa.extensions import BY_NAME as EXTENSIONS
from emulator.isa.extensions import satisfied
from emulator.isa.table import BY_NAME, ROWS, encode
from tests.board.elf_files import Elf, Load
from tests.lockstep.code import Code
from tests.lockstep.handlers import MPP, MPV, csr, guest_handler, machine_handler, supervisor_handler
from tests.lockstep.layout import (
    BASES,
    CODE,
    CODE_SIZE,
    COUNTER,
    DATA,
    DATA_SIZE,
    GUEST_HANDLER,
    MACHINE_HANDLER,
    POOL,
    PRELUDE,
    RAISE,
    RAM_BASE,
    RAM_END,
    RAM_SIZE,
    RESUME,
    SPIKE_MTIMECMP,
    SUPERVISOR_HANDLER,
    TOHOST,
)
from tests.lockstep.operands import random_value, random_word

if TYPE_CHECKING:
    from emulator.isa.extensions import CpuConfig
    from emulator.isa.rows import Row
    from tests.lockstep.guest_spaces import World
    from tests.lockstep.spaces import Space

MACHINE: Final = 3
ILLEGAL: Final = 0x0000_0000
"""Illegal for every hart, whatever its instructions' length (manual volume I, 'Base Instruction-Length Encoding')."""
RX_ON_CODE: Final = (RAM_BASE >> 2) | (0x8000 >> 3) - 1
"""`pmpaddr0`: handlers and code, 32 KiB."""
ALL_MEMORY: Final = (1 << 54) - 1
ROOM: Final = 1024
"""Bytes of code that the end of a program and its longest block need."""


@dataclass(frozen=True, slots=True)
class Image:
    """A program ready to run.

    Attributes:
        ram: All of RAM.
        end: The first instruction behind the program: there both machines are compared for the last time.
        shown: Whether Spike is asked for the memory that it leaves, because addresses of stores do not tell it.
    """

    ram: bytes
    end: int
    shown: bool = False

    def elf(self) -> bytes:
        """The ELF that Spike runs."""
        symbols = {"tohost": TOHOST, "fromhost": TOHOST + 64}
        if self.shown:
            symbols |= {"begin_signature": RAM_BASE, "end_signature": RAM_END}
        return Elf(entry=PRELUDE, loads=(Load(address=RAM_BASE, data=self.ram),), symbols=symbols).build()


@cache
def _prelude() -> bytes:
    """Withdraw the timer interrupt that Spike's CLINT asserts from reset on, and go to the program."""
    code = Code(PRELUDE)
    code.constant(5, SPIKE_MTIMECMP)
    code.op("addi", rd=6, rs1=0, imm=-1)
    code.op("sd", rs1=5, rs2=6, imm=0)
    code.constant(5, CODE)
    code.op("jalr", rd=0, rs1=5, imm=0)
    return code.finish()


MPRV: Final = 1 << 17


@cache
def _rows_of(cpu: CpuConfig, extensions: tuple[str, ...]) -> tuple[Row, ...]:
    """The rows of some extensions, or of all, that a hart has."""
    rows = [row for row in ROWS if satisfied(row.extension, cpu.extensions)]
    wanted = {part for name in extensions for part in (name, *EXTENSIONS[name].brings)}
    return tuple(row for row in rows if not extensions or wanted & set(re.split("[&|]", row.extension)))


MASKING: Final = ("smmpm", "smnpm", "ssnpm")
ATOMICS: Final = ("zaamo", "zalrsc", "zabha", "zacas", "zabha&zacas")
"""What a row that needs an aligned address requires."""


class Builder:
    """What blocks write a program with.

    Attributes:
        random: The program's source of randomness.
        code: The program so far.
        cpu: The hart it is for.
        world: The guest's page tables, if it has some.
        spaces: Address spaces: where there are some, S- and U-mode are entered in one of theirs.
        pieces: Memory besides what every program has: address and bytes of each.
    """

    def __init__(self, seed: int, cpu: CpuConfig) -> None:
        self.random = Random(seed)
        self.cpu = cpu
        self.code = Code(CODE)
        self.world: World | None = None
        self.spaces: list[Space] = []
        self.pieces: list[tuple[int, bytes]] = []
        self._guards: list[str] = []

    def rows(self, *extensions: str, fits: Callable[[Row], bool]) -> list[Row]:
        """The rows of some extensions (of all that the hart has, if none is named) for which `fits` is true."""
        return [row for row in _rows_of(self.cpu, extensions) if fits(row)]

    def random_row(self, row: Row) -> None:
        """A random instruction of a row."""
        self.code.word(random_word(self.random, row), row.length)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """An exception inside goes on behind it. May be nested."""
        end = self.code.label("end")
        self.code.address(RESUME, end)
        self._guards.append(end)
        yield
        self._guards.pop()
        self.code.place(end)
        if self._guards:
            self.code.address(RESUME, self._guards[-1])

    def raise_privilege(self) -> None:
        """Get to M-mode from wherever. One of the two causes is never delegated (see `blocks_trap`)."""
        for word in (encode(BY_NAME["ecall"], {}), ILLEGAL):
            with self.guarded():
                self.code.op("addi", rd=RAISE, rs1=0, imm=1)
                self.code.word(word, 4)
        self.code.op("addi", rd=RAISE, rs1=0, imm=0)

    def enter(self, privilege: int, space: Space | None = None) -> None:
        """From M-mode to a privilege, by MRET; in an address space, or any for its code, if there are some."""
        fitting = [space] if space else [other for other in self.spaces if other.privilege == privilege]
        if fitting:
            self.write_csr("satp", self.random.choice(fitting).satp)
        elif self.world is not None and privilege < MACHINE:
            self.write_csr("satp", self.random.choice((0, self.world.host.root)) if privilege else 0)
        self._descend(privilege << 11)

    def enter_guest(self, privilege: int, vsatp: int | None = None) -> None:
        """From M-mode to VS or VU, by MRET; with a value of `vsatp`, or one that fits if the guest has page tables."""
        if vsatp is None and self.world is not None:
            vsatp = self.random.choice((0, self.world.first[privilege].root))
        if vsatp is not None:
            self.write_csr("vsatp", vsatp)
        self._descend(privilege << 11 | MPV)

    def _descend(self, mode: int) -> None:
        """MRET to the mode that these fields of `mstatus` mean."""
        after = self.code.label("entered")
        self.code.constant(31, MPP | MPV if self.cpu.has("h") else MPP)
        self.code.op("csrrc", rd=0, rs1=31, imm=csr("mstatus"))
        self.code.constant(31, mode)
        self.code.op("csrrs", rd=0, rs1=31, imm=csr("mstatus"))
        self.code.address(31, after)
        self.code.op("csrrw", rd=0, rs1=31, imm=csr("mepc"))
        self.code.op("mret")
        self.code.place(after)

    def write_csr(self, name: str, value: int) -> None:
        """Write a constant to a CSR."""
        self.code.constant(31, value)
        self.code.op("csrrw", rd=0, rs1=31, imm=csr(name))

    def data_address(self, slack: int = 2048) -> int:
        """Somewhere in the data area, `slack` bytes from its ends."""
        return DATA + slack + self.random.randrange(0, DATA_SIZE - 2 * slack)

    @property
    def masks(self) -> bool:
        """Whether the hart masks pointers."""
        return any(self.cpu.has(name) for name in MASKING)

    def tagged(self, address: int, most: int = 20) -> int:
        """On a hart that masks pointers: an address with other upper bits, at most so many, heeded or not."""
        if not self.masks or self.random.random() < 0.3:
            return address
        bits = min(most, self.random.choice((7, 7, 7, 7, 16, 16, 16, self.random.randrange(1, 20))))
        return address ^ self.random.getrandbits(bits) << 64 - bits

    @property
    def full(self) -> bool:
        """Whether there is no room for another block."""
        return self.code.here + ROOM > CODE + CODE_SIZE

    def begin(self) -> None:
        """Everything that a program starts with: handlers, protection, registers."""
        for name, value in (("mtvec", MACHINE_HANDLER), ("stvec", SUPERVISOR_HANDLER)):
            self.write_csr(name, value)
        if self.cpu.has("h"):
            self.write_csr("vstvec", GUEST_HANDLER)
        for name, value in (("pmpaddr0", RX_ON_CODE), ("pmpaddr1", TOHOST >> 2), ("pmpaddr15", ALL_MEMORY)):
            self.write_csr(name, value)
        self.write_csr("pmpcfg0", 0x1B << 8 | 0x1D)
        self.write_csr("pmpcfg2", 0x1F << 56)
        if self.cpu.has("zicntr"):
            for name in ("mcounteren", "scounteren"):
                self.write_csr(name, random_value(self.random) & 0xFFFF_FFFF)
            self.code.op("csrrw", rd=0, rs1=0, imm=csr("minstret"))
        self.code.constant(31, POOL)
        for number in range(1, 31):
            if number not in (RAISE, COUNTER):
                self.code.op("ld", rd=number, rs1=31, imm=8 * number)
        for number in (RAISE, COUNTER):
            self.code.op("addi", rd=number, rs1=0, imm=0)

    def end(self) -> Image:
        """The program's end, and the whole image."""
        self.raise_privilege()
        self.code.constant(31, MPRV)
        self.code.op("csrrc", rd=0, rs1=31, imm=csr("mstatus"))
        end = self.code.here
        self.code.constant(31, TOHOST)
        self.code.op("addi", rd=30, rs1=0, imm=1)
        self.code.op("sd", rs1=31, rs2=30, imm=0)
        self.code.op("ecall")  # a trap makes Spike look at `tohost`
        self.code.op("jal", rd=0, imm=0)
        ram = bytearray(RAM_SIZE)
        pool = b"".join(self._initial(number).to_bytes(8, "little") for number in range(32))
        hypervisor = self.cpu.has("h")
        pieces = (
            (MACHINE_HANDLER, machine_handler(hypervisor=hypervisor)),
            (SUPERVISOR_HANDLER, supervisor_handler(hypervisor=hypervisor)),
            (GUEST_HANDLER, guest_handler()),
            (CODE, self.code.finish()),
            (DATA, self.random.randbytes(DATA_SIZE)),
            (POOL, pool),
            (PRELUDE, _prelude()),
            *self.pieces,
        )
        for address, data in pieces:
            ram[address - RAM_BASE : address - RAM_BASE + len(data)] = data
        return Image(bytes(ram), end, shown=bool(self.pieces) or self.masks)

    def _initial(self, number: int) -> int:
        return self.data_address() & ~7 if number in BASES else random_value(self.random)


Block: TypeAlias = Callable[[Builder], None]
"""Writes a piece of a program; programs are sequences of them."""
