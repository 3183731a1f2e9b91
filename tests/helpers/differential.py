"""Random instructions of a row, executed by both engines from the same random state."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from emulator.engine.layout import RAM_BASE
from emulator.hart import csrs
from emulator.hart.state import ARCHITECTURAL, WORD
from emulator.isa.table import encode
from tests.helpers.rig import DEVICE, Rig

if TYPE_CHECKING:
    from emulator.isa.rows import Row

CODE = RAM_BASE
CODE_SIZE = 2 * 4096
DATA = RAM_BASE + 4 * 4096
HANDLER = RAM_BASE + 12 * 4096
NOP = 0x13

BASES = (2, 3, 8, 9)
"""Registers that hold addresses; destinations are other registers, so that addresses stay."""

EDGES = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 63, (1 << 63) - 1, (1 << 64) - 1)
ALIGNED = (0, 8, 64, 4088)

CHUNK = 16
"""Steps between two comparisons."""


class Difference(AssertionError):
    """Raised when the engines disagree."""


class Comparison:
    """A pair of rigs and a source of randomness.

    Args:
        seed: Of the random numbers.
        enough: Instructions after which the code is filled anew.
    """

    def __init__(self, seed: int, refill: int = 4096) -> None:
        self.random = random.Random(seed)
        self.reference = Rig("reference")
        self.compiled = Rig("compiled")
        self._refill = refill
        for rig in self.rigs:
            rig.program([NOP] * 1024, HANDLER)

    @property
    def rigs(self) -> tuple[Rig, Rig]:
        """Both rigs, the reference first."""
        return self.reference, self.compiled

    def run(self, row: Row, count: int) -> None:
        """Execute at least `count` steps of code made of `row`.

        Raises:
            Difference: The engines disagree; the text has the instruction and the state before.
        """
        done = 0
        while done < count:
            self._fill(row)
            fresh = 0
            while fresh < self._refill and done < count:
                made = self._chunk(row)
                fresh += made
                done += max(made, 1)

    def _fill(self, row: Row) -> None:
        code = bytearray()
        while len(code) < CODE_SIZE:
            code += self.random_encoding(row).to_bytes(row.length, "little")
        data = self.random.randbytes(4 * 4096)
        for rig in self.rigs:
            rig.write(CODE, bytes(code[:CODE_SIZE]))
            rig.write(DATA, data)

    def random_encoding(self, row: Row) -> int:
        """A legal encoding of `row` with random operands."""
        pick = self.random
        while True:
            values = {}
            for part in row.format.operands:
                if part.role == "imm" and "{csr}" in row.format.syntax:
                    values["imm"] = pick.choice(csrs.ROWS).number if pick.random() < 0.95 else pick.getrandbits(12)
                elif part.role == "imm" and row.relative:
                    values["imm"] = self._distance(part.bits)
                elif part.role == "rd":
                    values["rd"] = pick.choice([n for n in range(32) if n not in BASES])
                elif part.role == "rs1" and "({rs1})" in row.format.syntax and pick.random() < 0.9:
                    values["rs1"] = pick.choice(BASES)
                else:
                    values[part.role] = part.extract(pick.getrandbits(32))
            try:
                return encode(row, values)
            except ValueError:  # an operand that this format cannot hold, or a pair that must be one register
                continue

    def _distance(self, bits: int) -> int:
        reach = min(1 << bits - 1, CODE_SIZE)
        return self.random.randrange(-reach, reach, 2)

    def _value(self) -> int:
        pick = self.random
        kind = pick.random()
        if kind < 0.4:
            return pick.choice(EDGES)
        if kind < 0.7:
            return pick.getrandbits(64)
        return pick.getrandbits(pick.randrange(1, 64))

    def _address(self) -> int:
        pick = self.random
        kind = pick.random()
        if kind < 0.6:
            return DATA + 8 * pick.randrange(64, 1024)
        if kind < 0.9:
            return DATA + pick.randrange(4096, 3 * 4096)
        if kind < 0.95:
            return DEVICE + 8 * pick.randrange(256, 384)
        return pick.choice((0, 0x1000, DATA - 8, RAM_BASE - 8, RAM_BASE + len(self.reference.backing.ram) - 2))

    def _scatter(self) -> None:
        """The same random state for both harts."""
        pick = self.random
        fields: dict[str, int] = {
            "priv": pick.choice((3, 3, 3, 1, 0)),
            "mstatus": pick.getrandbits(64) & 0x7E19AA if pick.random() < 0.5 else 0,
            "mie": pick.getrandbits(12) & 0xAAA if pick.random() < 0.2 else 0,
            "mip": pick.getrandbits(12) & 0xAAA,
            "mideleg": pick.getrandbits(12) & 0x222,
            "medeleg": pick.getrandbits(16) & csrs.MEDELEG,
            "mtvec": HANDLER | pick.getrandbits(1),
            "stvec": HANDLER + 64,
            "mepc": CODE + 2 * pick.randrange(CODE_SIZE // 2),
            "sepc": CODE + 2 * pick.randrange(CODE_SIZE // 2),
            "mcounteren": pick.getrandbits(32),
            "scounteren": pick.getrandbits(32),
            "mscratch": pick.getrandbits(64),
            "pc": CODE + 4 * pick.randrange(CODE_SIZE // 4),
        }
        if fields["mstatus"] >> 11 & 3 == 2:
            fields["mstatus"] ^= 1 << 11
        registers = [self._address() if number in BASES else self._value() for number in range(32)]
        if pick.random() < 0.5:  # jumps through registers that lead somewhere
            registers[pick.randrange(1, 32)] = CODE + 2 * pick.randrange(CODE_SIZE // 2)
        opened = pick.random() < 0.9
        for rig in self.rigs:
            rig.reset()
            rig.device.clear()
            for name, value in fields.items():
                rig.hart.put(name, value)
            for number, value in enumerate(registers[1:], 1):
                rig.hart.put("x", value, number)
            if opened:  # all memory to every mode
                rig.hart.put("pmpcfg", 0x1F, 15)
                rig.hart.put("pmpaddr", (1 << 54) - 1, 15)

    def _chunk(self, row: Row) -> int:
        self._scatter()
        before = self.reference.hart.architectural()
        made = [rig.run(CHUNK) for rig in self.rigs]
        stops = [rig.hart.get("stop") for rig in self.rigs]
        states = [rig.hart.architectural() for rig in self.rigs]
        if made[0] != made[1] or stops[0] != stops[1] or states[0] != states[1]:
            raise Difference(self._explain(row, before))
        if not self.reference.same_ram(self.compiled) or self.reference.device != self.compiled.device:
            raise Difference(f"{row.name}: memory differs; {self._explain(row, before)}")
        return made[0]

    def _explain(self, row: Row, before: bytes) -> str:
        lines = [f"{row.name}: the engines disagree after {CHUNK} steps"]
        at = 0
        for field in ARCHITECTURAL:
            for index in range(field.count):
                one, other = (rig.hart.get(field.name, index) for rig in self.rigs)
                start = int.from_bytes(before[at : at + WORD], "little")
                at += WORD
                if one != other:
                    lines.append(f"{field.name}[{index}]: was {start:#x}, reference {one:#x}, compiled {other:#x}")
        return "\n".join(lines)
