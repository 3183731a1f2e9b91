"""A hart with RAM and nothing around it, on either engine; and the comparison of two of them."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from emulator.engine import Engine, make_engine
from emulator.engine.layout import RAM_BASE
from emulator.errors import BusFault
from emulator.hart.block import Blocks, HartBlock
from emulator.isa.extensions import CpuConfig
from emulator.judgements import HIDDEN
from emulator.memory.ram import Backing
from tests.helpers.program import Program, build

if TYPE_CHECKING:
    from collections.abc import Iterable

RAM_SIZE = 16 * 4096
DEVICE = 0x1000_0000
"""Physical address where the rig answers as a device does: it keeps what is stored and gives it back."""

_memcmp = ctypes.CDLL(None).memcmp
_memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class Rig:
    """One hart, its RAM and a register file of a device, on one engine."""

    def __init__(self, kind: str, cpu: CpuConfig | None = None, ram_size: int = RAM_SIZE) -> None:
        self.cpu = cpu or CpuConfig()
        self.blocks = Blocks(1, self.cpu)
        self.backing = Backing(ram_size, 0x1000, 0x1000)
        self.device: dict[int, int] = {}
        self.lines_written: list[tuple[int, int]] = []
        self.csrs_seen: list[tuple[int, int]] = []
        self.printed: list[tuple[int, int, int]] = []
        self.engine: Engine = make_engine(kind, self.blocks, self.backing, self, self.cpu.mask)
        self.blocks.shared.put("ticks_mul", 1)
        self.blocks.shared.put("ticks_div", 100)
        self.reset()

    @property
    def hart(self) -> HartBlock:
        """The hart's state."""
        return self.blocks.harts[0]

    def reset(self, *, warm: bool = False) -> None:
        """M-mode at the beginning of RAM, everything else zero; `warm` keeps what the engine has cached."""
        self.blocks.reset((RAM_BASE,))
        self.hart.put("mask_interrupts", 0)
        if not warm:
            self.engine.flush()

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into RAM."""
        at = address - RAM_BASE
        self.backing.ram[at : at + len(data)] = data
        self.engine.ram_changed(at, len(data))

    def read(self, address: int, length: int) -> bytes:
        """Bytes of RAM."""
        return bytes(self.backing.ram[address - RAM_BASE :][:length])

    def program(self, words: Iterable[int], address: int = RAM_BASE) -> None:
        """Put instructions into RAM, each with its own length."""
        code = b"".join(word.to_bytes(4 if word & 3 == 3 else 2, "little") for word in words)
        self.write(address, code)

    def load_text(self, text: str, address: int = RAM_BASE) -> Program:
        """Put a program into RAM."""
        program = build(text, address)
        self.write(address, program.code)
        return program

    def execute(self, text: str, **registers: int) -> Program:
        """Load a program and run it from its first instruction for as many steps as it has instructions.

        Args:
            text: The program; all its instructions are 4 bytes long.
            registers: Values of integer registers before it, `x5=1`.
        """
        program = self.load_text(text)
        for name, value in registers.items():
            self.hart.put("x", value, int(name[1:]))
        self.hart.put("pc", program.base)
        self.run(len(program.code) // 4)
        return program

    def x(self, index: int) -> int:
        """An integer register."""
        return self.hart.get("x", index)

    def open_memory(self) -> None:
        """Give every privilege every right to all memory (PMP entry 15)."""
        self.hart.put("pmpcfg", 0x1F, 15)
        self.hart.put("pmpaddr", (1 << 54) - 1, 15)
        self.engine.flush()

    def run(self, steps: int) -> int:
        """Run for at most `steps` steps; returns how many were made."""
        self.engine.run(self.hart, steps)
        made = steps - self.hart.get("budget")
        self.hart.put("steps", self.hart.get("steps") + made)
        self.hart.put("time_base", self.hart.get("time_base") + made)
        self.hart.put("budget0", 0)
        self.hart.put("budget", 0)
        return made

    def same_ram(self, other: Rig) -> bool:
        """Whether two rigs' RAM is the same."""
        return bool(_memcmp(self.backing.address, other.backing.address, len(self.backing.ram)) == 0)

    # `emulator.engine.hooks.Hooks`.

    def load(self, hart: int, physical: int, size: int) -> int:
        """A load from the device."""
        del hart
        if physical & ~0xFFF != DEVICE:
            raise BusFault(physical, size)
        return self.device.get(physical, physical * 0x9E3779B97F4A7C15) & (1 << 8 * size) - 1

    def store(self, hart: int, physical: int, size: int, value: int) -> None:
        """A store to the device."""
        del hart
        if physical & ~0xFFF != DEVICE:
            raise BusFault(physical, size)
        self.device[physical] = value & (1 << 8 * size) - 1

    def trap_taken(self, hart: int, pc: int, cause: int, tval: int) -> None:
        """A trap, when it is observed."""

    def code_decoded(self, hart: int, address: int) -> None:
        """A first execution, when it is observed."""

    def line_written(self, hart: int, physical: int, size: int) -> None:
        """A store to the special line."""
        del hart
        self.lines_written.append((physical, size))

    def csr_accessed(self, hart: int, named: int, phase: int) -> None:
        """A watched CSR."""
        self.csrs_seen.append((named, phase))

    def judge_csr(self, hart: int, number: int) -> int:
        """A CSR, for a condition."""
        return number

    def judge_print(self, hart: int, index: int, depth: int) -> None:
        """A print of a command."""
        self.printed.append((index, depth, self.blocks.harts[hart].get("judge_stack")))

    def judge_printed(self, words: memoryview) -> None:
        """Prints of commands with one argument."""
        depth = 1 + HIDDEN
        self.printed += [
            (word & 0xFFFF_FFFF, depth, value) for word, value in zip(words[::2], words[1::2], strict=True)
        ]
