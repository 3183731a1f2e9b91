"""Random instructions of a row, executed by both engines from the same random state."""

from __future__ import annotations

import random
from array import array
from typing import TYPE_CHECKING, Final

from emulator.engine.layout import RAM_BASE
from emulator.engine.reference import ReferenceEngine, ReferenceExecution
from emulator.hart import csrs
from emulator.hart.fields import PMP_R, PMP_W, PMP_X, Privilege
from emulator.hart.floatformats import FORMATS, FloatFormat
from emulator.hart.pmp import MATCH_ALL, pmp_permissions
from emulator.hart.state import ARCHITECTURAL, HART_OFFSETS, WORD, StopCode
from emulator.isa.extensions import EXTENSIONS, CpuConfig
from emulator.isa.table import BY_NAME, encode
from tests.helpers.paging import ADUE, MODES, MPRV, PBMTE, A, D, N, R, Tables, U, V, W, X
from tests.helpers.rig import DEVICE, RAM_SIZE, Rig

if TYPE_CHECKING:
    from emulator.isa.domain import Routine
    from emulator.isa.rows import Operand, Row

CODE: Final = RAM_BASE
CODE_SIZE: Final = 2 * 4096
DATA: Final = RAM_BASE + 4 * 4096
DATA_SIZE: Final = 4 * 4096
TABLES: Final = RAM_BASE + 8 * 4096
"""Page tables: as many pages as Sv57 has levels, which no address of a program leads to."""
HANDLER: Final = RAM_BASE + 14 * 4096

BASES: Final = (2, 3, 8, 9)
"""Registers that hold addresses; destinations are other registers, so that addresses stay."""

DESTINATIONS: Final = tuple(number for number in range(32) if number not in BASES)
PAIR_DESTINATIONS: Final = tuple(number for number in DESTINATIONS if number % 2 == 0)
SHORT_DESTINATIONS: Final = tuple(number for number in DESTINATIONS if 8 <= number < 16)
SHORT_BASES: Final = tuple(number for number in BASES if 8 <= number < 16)

EDGES: Final = (
    *(0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF),
    *(1 << 63, (1 << 63) - 1, (1 << 64) - 1),
)

EVERYTHING: Final = CpuConfig(extensions=frozenset(extension.name for extension in EXTENSIONS))
TRANSLATED: Final = 0.15
"""How many of the chunks begin with translation."""

CHUNK: Final = 32
"""Steps from one random state; then everything is compared."""

ENVCFG: Final = (0, 0x01, 0x10, 0x30, 0x40, 0x80, 0xF1, 0xF0)
"""What `menvcfg` and `senvcfg` may hold."""

REFILL: Final = 8192
"""Instructions after which the code and the data are new."""

UNPROTECTING: Final = (
    *(row for row in csrs.ROWS if not row.name.startswith(("pmp", "mseccfg"))),
    *(csrs.Csr(number, "absent", lambda _d: 0) for number in (0x240, 0x241, 0x5A8, 0x7B0, 0xC20, 0xDA0, 0xFFF)),
)
"""CSRs that leave the PMP alone, and a few that are not there."""

_INDEX: Final = {name: offset // WORD for name, offset in HART_OFFSETS.items()}
_ALL_MEMORY: Final = (1 << 54) - 1


class Difference(AssertionError):
    """Raised when the engines disagree."""


class OpenExecution(ReferenceExecution):
    """The reference with a short way through the PMP, for chunks in which its first entry allows everything.

    Asking the PMP for each parcel and each access is most of what a step of the reference costs.
    """

    open = False

    def call(self, target: Routine, *args: int) -> int:
        """Run a routine, or know its result."""
        if target is pmp_permissions and self.open and args[1] < 8 * (_ALL_MEMORY + 1):
            return MATCH_ALL | PMP_R | PMP_W | PMP_X
        return super().call(target, *args)

    def _parcel(self, address: int) -> int:
        physical = self.get("priv") == Privilege.M or not self.get("satp")
        if self.open and physical and CODE <= address < RAM_BASE + RAM_SIZE - 1:
            return self.load_physical(address, 2)
        return super()._parcel(address)


class Comparison:
    """A pair of rigs and a source of randomness.

    Args:
        seed: Of the random numbers.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.reference = Rig("reference", EVERYTHING)
        self.compiled = Rig("compiled", EVERYTHING)
        rig = self.reference
        self._protects = False
        self._oracle = OpenExecution(rig.blocks, rig.hart, rig.backing, rig)
        assert isinstance(rig.engine, ReferenceEngine)
        rig.engine._domains[0] = self._oracle
        back = BY_NAME["jal"]
        for rig in self.rigs:  # a trap leads back to some instruction of the code at once
            place = random.Random(seed)
            jumps = (
                encode(back, {"rd": 0, "imm": CODE + 2 * place.randrange(CODE_SIZE // 2) - at})
                for at in range(HANDLER, HANDLER + 4096, 4)
            )
            rig.program(jumps, HANDLER)

    @property
    def rigs(self) -> tuple[Rig, Rig]:
        """Both rigs, the reference first."""
        return self.reference, self.compiled

    def run(self, row: Row, count: int) -> int:
        """Execute at least `count` instructions of code made of `row`; a step that leaves a trap handler is none.

        Returns:
            The steps that were made.

        Raises:
            Difference: The engines disagree; the text has the fields that differ.
        """
        done = steps = 0
        fresh = REFILL
        while done < count:
            if fresh >= REFILL:
                self._fill(row)
                fresh = 0
            made, trapped = self._chunk(row)
            steps += made
            fresh += made
            done += max(made - trapped, 1)
        return steps

    def _fill(self, row: Row) -> None:
        self._protects = "{csr}" in row.format.syntax and self.random.random() < 0.1
        code = b"".join(
            self.random_encoding(row).to_bytes(row.length, "little") for _ in range(CODE_SIZE // row.length)
        )
        data = b"".join(self._word() for _ in range(DATA_SIZE // 8))
        for rig in self.rigs:
            rig.write(CODE, code)
            rig.write(DATA, data)

    def _word(self) -> bytes:
        """Eight bytes of memory, sometimes what a register is likely to hold."""
        pick = self.random
        return pick.choice(EDGES).to_bytes(8, "little") if pick.random() < 0.3 else pick.randbytes(8)

    def _map(self) -> int:
        """New tables, and the `satp` that leads to them: RAM's pages near to where they are, random permissions."""
        pick = self.random
        mode = pick.choice(list(MODES))
        size = pick.choice((0, 0, 0, 0, 1, 2))  # one superpage, or a page each
        user = pick.random() < 0.5
        leaves = [(CODE, CODE, self._flags(user=user))]
        if size == 0:
            frames = [*range(4), *pick.choices((0, 1, 4, 5, 6, 7), k=10), 14, 15]
            frames[4:8] = pick.sample(range(4, 8), 4) if pick.random() < 0.8 else frames[4:8]
            leaves = [
                (RAM_BASE + 4096 * at, RAM_BASE + 4096 * frame, self._flags(user=user))
                for at, frame in enumerate(frames)
            ]
        for rig in self.rigs:
            tables = Tables(rig, mode, TABLES)
            tables.map(0, 0, V | R | W | A | D | (U if user else 0), 2)  # the device and the boot ROM
            for address, physical, flags in leaves:
                tables.map(address, physical, flags, size)
        return tables.satp

    def _flags(self, *, user: bool) -> int:
        """A leaf's flags: mostly such that its page is of use."""
        pick = self.random
        likely = {V: 0.98, R: 0.95, W: 0.8, X: 0.8, U: 0.9 if user else 0.1, A: 0.7, D: 0.5}
        flags = sum(flag for flag, chance in likely.items() if pick.random() < chance)
        return flags | pick.choice((N, 1 << 61, 3 << 61)) if pick.random() < 0.02 else flags

    def random_encoding(self, row: Row) -> int:
        """A legal encoding of `row` with random operands."""
        pick = self.random
        free = ~row.mask & (1 << 8 * row.length) - 1
        while True:
            word = row.match | pick.getrandbits(32) & free
            for part in row.format.operands:
                value = self._operand(row, part)
                if value is not None:
                    word = word & ~part.insert(part.extract(-1)) | part.insert(value)
            if row.matches(word):
                return word

    def _operand(self, row: Row, part: Operand) -> int | None:
        """A value for an operand that should not be just any; None where all are equal."""
        pick = self.random
        if part.role == "imm" and "{csr}" in row.format.syntax:
            return pick.choice(csrs.ROWS if self._protects else UNPROTECTING).number
        if part.role == "imm" and row.relative:
            reach = min(1 << part.bits - 1, CODE_SIZE)
            return pick.randrange(-reach, reach, 2)
        if part.role == "rd":
            paired = part.slices[0].target == 1
            choices = SHORT_DESTINATIONS if part.bias else PAIR_DESTINATIONS if paired else DESTINATIONS
            return pick.choice(choices[part.nonzero :])
        if part.role == "rm":  # mostly the modes that programs use, for which there are short ways
            return pick.choice((7, 7, 7, 7, 7, 7, 7, 1, 1, 0, 2, 3, 4))
        if part.role == "rs1" and "({rs1})" in row.format.syntax and pick.random() < 0.9:
            return pick.choice(SHORT_BASES if part.bias else BASES)
        return None

    def _value(self) -> int:
        pick = self.random
        kind = pick.random()
        if kind < 0.4:
            return pick.choice(EDGES)
        if kind < 0.7:
            return pick.getrandbits(64)
        return pick.getrandbits(pick.randrange(1, 64))

    def _float(self, form: FloatFormat) -> int:
        """An f register that holds a number of a format, rarely without being boxed."""
        pick = self.random
        kind = pick.random()
        if kind < 0.3:
            edges = (0, 1, 1 << form.fraction, form.infinity - 1, form.infinity, form.nan, form.infinity + 1)
            bits = pick.choice((*edges, (1 << form.fraction) - 1, form.bias << form.fraction))
            bits |= pick.getrandbits(1) * form.sign
        elif kind < 0.8:  # near one, so that sums and differences round in all ways
            exponent = max(0, min(2 * form.bias, form.bias + pick.randrange(-70, 71)))
            bits = pick.getrandbits(1) * form.sign | exponent << form.fraction | pick.getrandbits(form.fraction)
        else:
            bits = pick.getrandbits(form.width)
        return bits if pick.random() < 0.03 else form.box(bits)

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

    def _fields(self) -> dict[str, int]:
        """Random values of the fields that are one word each."""
        pick = self.random
        status = pick.getrandbits(64) & 0x7E19AA if pick.random() < 0.5 else 0
        status |= pick.choice((0, 1, 2, 3, 3, 3, 3, 3)) << 13  # FS
        if status >> 11 & 3 == 2:  # a value that MPP never holds
            status ^= 1 << 11
        return {
            "priv": pick.choice((3, 3, 3, 1, 0)),
            "mstatus": status,
            "fflags": pick.getrandbits(5) if pick.random() < 0.5 else 0,
            "frm": pick.choice((0, 0, 0, 0, 1, 2, 3, 3, 4, 5)),
            "mie": pick.getrandbits(12) & 0xAAA if pick.random() < 0.2 else 0,
            "mip": pick.getrandbits(12) & 0xAAA,
            "mideleg": pick.getrandbits(12) & 0x222,
            "medeleg": pick.getrandbits(16) & csrs.trapping.MEDELEG,
            "mtvec": HANDLER | pick.getrandbits(1),
            "stvec": HANDLER + 64,
            "mepc": CODE + 2 * pick.randrange(CODE_SIZE // 2),
            "sepc": CODE + 2 * pick.randrange(CODE_SIZE // 2),
            "menvcfg": pick.choice(ENVCFG) | pick.choice((0, ADUE, ADUE, ADUE | PBMTE)),
            "senvcfg": pick.choice(ENVCFG),
            "mcounteren": pick.getrandbits(32),
            "scounteren": pick.getrandbits(32),
            "mscratch": pick.getrandbits(64),
            "pc": CODE + 2 * pick.randrange(CODE_SIZE // 2),
        } | (self._translation(status) if pick.random() < TRANSLATED else {})

    def _translation(self, status: int) -> dict[str, int]:
        """Fields that make accesses go through the tables."""
        priv = self.random.choice((Privilege.S, Privilege.S, Privilege.U, Privilege.U, Privilege.M))
        if priv == Privilege.M:
            status |= MPRV
        return {"satp": self._map(), "priv": priv, "mstatus": status}

    def _scatter(self) -> None:
        """The same random state for both harts."""
        pick = self.random
        for rig in self.rigs:
            rig.reset()
            rig.device.clear()
        state = array("Q", self.reference.hart.architectural())
        for name, value in self._fields().items():
            state[_INDEX[name]] = value
        for number in range(1, 32):
            state[_INDEX["x"] + number] = self._address() if number in BASES else self._value()
        usual = pick.choice(FORMATS)
        for number in range(32):
            state[_INDEX["f"] + number] = self._float(usual if pick.random() < 0.9 else pick.choice(FORMATS))
        if pick.random() < 0.5:  # jumps through registers that lead somewhere
            state[_INDEX["x"] + pick.randrange(1, 32)] = CODE + 2 * pick.randrange(CODE_SIZE // 2)
        chance = pick.random()
        self._oracle.open = chance < 0.93 and not self._protects
        if chance < 0.99:  # all memory to every mode; the first entry is the quickest to ask
            entry = 0 if chance < 0.98 else pick.randrange(16)
            state[_INDEX["pmpcfg"] + entry] = 0x1F
            state[_INDEX["pmpaddr"] + entry] = _ALL_MEMORY
        for rig in self.rigs:
            rig.hart.words[: len(state)] = memoryview(state)

    def _chunk(self, row: Row) -> tuple[int, int]:
        """Run from a new random state; returns how many steps were made, and how many of them trapped."""
        self._scatter()
        before = self.reference.hart.architectural()
        made = 0
        while made < CHUNK:
            both = [rig.run(CHUNK - made) for rig in self.rigs]
            stops = [rig.hart.get("stop") for rig in self.rigs]
            if both[0] != both[1] or stops[0] != stops[1]:
                raise Difference(f"steps {both}, stops {stops}; {self._explain(row, before)}")
            made += both[0]
            if stops[0] != StopCode.WAITING:
                break
        states = [rig.hart.architectural() for rig in self.rigs]
        if states[0] != states[1]:
            raise Difference(self._explain(row, before))
        if not self.reference.same_ram(self.compiled) or self.reference.device != self.compiled.device:
            raise Difference(f"memory differs; {self._explain(row, before)}")
        return made, self.reference.hart.get("trapped")

    def _explain(self, row: Row, before: bytes) -> str:
        lines = [f"{row.name}: the engines disagree within {CHUNK} steps"]
        at = 0
        for field in ARCHITECTURAL:
            for index in range(field.count):
                one, other = (rig.hart.get(field.name, index) for rig in self.rigs)
                start = int.from_bytes(before[at : at + WORD], "little")
                at += WORD
                if one != other:
                    lines.append(f"{field.name}[{index}]: was {start:#x}, reference {one:#x}, compiled {other:#x}")
        return "\n".join(lines)
