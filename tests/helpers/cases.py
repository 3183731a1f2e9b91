"""Instruction cases as lines of text: what they mean, and how one is run.

A line is `INSTRUCTION | BEFORE => AFTER`, for example `addw x3, x1, x2 | x1=0x7fffffff x2=1 => x3=0xffffffff80000000`.
Several instructions are separated by `;` and run one after the other. Blank lines and lines that begin with `#` are
skipped. An instruction is in the assembler's syntax with jump distances as targets, or `.word 0x...`, `.half 0x...`.

Before and after: `x5=`, `a0=` (registers), `mem[ADDRESS]:SIZE=` (RAM or device), `csr.NAME=`, `priv=`, `waiting=`.
An f register is `f5=` or `fa0=`; its value may be a number exact in its format, `1.5s` or `1.5h` (boxed) or `-0.0d`.
Before only: `cpu=` (as `-cpu`), `pc=` (where the code is put).
After only: `pc=` (an address, or `+8` from the first instruction), `trap=CAUSE` (taken to M-mode) or `strap=CAUSE` (to
S-mode) with `tval=` (0 unless given). An exception's pc is the last instruction's, an
interrupt's is what follows it.

A line with a floating-point instruction begins with FS dirty, any other with FS off.

What a line does not name must not have changed: registers, memory, CSRs, privilege; the pc goes on behind the last
instruction. Of a trap the line need not name what every trap does.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emulator.engine.layout import RAM_BASE
from emulator.engine.reference import ReferenceExecution
from emulator.hart import csrs
from emulator.hart.fields import MSTATUS_FS
from emulator.hart.state import MASK64
from emulator.isa import additional, floating
from emulator.isa.extensions import parse_cpu
from emulator.isa.table import decode, instruction_length
from emulator.isa.text import FLOAT_REGISTERS, REGISTERS, assemble
from tests.helpers.rig import RAM_SIZE, Rig

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = Path(__file__).parents[1] / "cases"

CODE: Final = 0x8000_1000
M_HANDLER: Final = 0x8000_8000
S_HANDLER: Final = 0x8000_9000

COUNTERS: Final = frozenset({"cycle", "time", "instret", "mcycle", "minstret"})
"""CSRs that advance by themselves."""

VIEWS: Final = (
    ("fflags", "fcsr"),
    ("frm", "fcsr"),
    ("mstatus", "sstatus"),
    ("mie", "sie"),
    ("mip", "sip"),
    ("mideleg", "sie"),
    ("mideleg", "sip"),
)
"""A CSR, and another one that shows a part of it or depends on it: naming either is enough."""

OUTCOMES: Final = frozenset({"trap", "strap", "tval"})

_PLACE = re.compile(r"mem\[(?P<address>\w+)\]:(?P<size>[1248])")
_NUMBERS: Final = {name: number for number, name in enumerate(REGISTERS)} | {f"x{n}": n for n in range(32)}
_FLOAT_NUMBERS: Final = {name: number for number, name in enumerate(FLOAT_REGISTERS)} | {f"f{n}": n for n in range(32)}
_FLOAT = re.compile(r"(?P<number>-?\d+\.\d+(e[-+]?\d+)?)(?P<format>[hsd])")


class CaseError(ValueError):
    """Raised when a line is not a case."""


@dataclass(frozen=True, slots=True)
class Case:
    """One line.

    Attributes:
        where: File and line number.
        code: The instructions' encodings.
        before: Names and values of the state before.
        after: Names and values of the state after; what is not named is as before.
        text: The instructions as written.
    """

    where: str
    code: tuple[int, ...]
    before: dict[str, str]
    after: dict[str, str]
    text: str


def _assignments(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for token in text.split():
        name, equals, value = token.partition("=")
        if not equals or not value or name in values:
            raise CaseError(f"'{token}' is not a new assignment")
        values[name] = value
    return values


def _value(text: str) -> int:
    """A number of a line, as 64 bits."""
    if match := _FLOAT.fullmatch(text):
        packed = struct.pack({"h": "<e", "s": "<f", "d": "<d"}[match["format"]], float(match["number"]))
        return int.from_bytes(packed.ljust(8, b"\xff"), "little")
    return int(text, 0) & MASK64


def _encoding(text: str) -> int:
    directive, _, number = text.partition(" ")
    return int(number, 0) if directive in (".word", ".half") else assemble(text)


def parse_case(line: str, where: str) -> Case:
    """Read a line.

    Raises:
        CaseError: It is not a case.
    """
    left, arrow, after = line.partition("=>")
    if not arrow:
        raise CaseError(f"{where}: no '=>' in '{line}'")
    text, _, before = left.partition("|")
    try:
        code = tuple(_encoding(part.strip()) for part in text.split(";"))
        return Case(where, code, _assignments(before), _assignments(after), text.strip())
    except ValueError as error:
        raise CaseError(f"{where}: {error}") from error


def parse_cases(path: Path) -> Iterator[Case]:
    """The cases of a file."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield parse_case(line, f"{path.name}:{number}")


@cache
def all_cases() -> tuple[Case, ...]:
    """Every case of every file."""
    return tuple(case for path in sorted(FOLDER.glob("*.txt")) for case in parse_cases(path))


@cache
def _rig(kind: str, cpu: str) -> Rig:
    return Rig(kind, parse_cpu(cpu))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a case can see of a hart, by the names that a line uses; memory apart."""

    values: dict[str, int]
    ram: bytes


class Bench:
    """Runs cases on one engine.

    Args:
        kind: Name of the engine.
        cpu: As `-cpu`.
    """

    def __init__(self, kind: str, cpu: str) -> None:
        self.rig = _rig(kind, cpu)
        self._domain = ReferenceExecution(self.rig.blocks, self.rig.hart, self.rig.backing, self.rig)

    def prepare(self, case: Case, *, warm: bool = False) -> Snapshot:
        """Set everything as the line says, and the rest to fixed values; `warm` keeps what the engine has cached."""
        rig, hart = self.rig, self.rig.hart
        rig.reset(warm=warm)
        rig.device.clear()
        rig.write(RAM_BASE, bytes(RAM_SIZE))
        self._set(case)
        rig.program(case.code, hart.get("pc"))
        for name, value in case.before.items():
            if match := _PLACE.fullmatch(name):
                self._store(int(match["address"], 0), int(match["size"]), int(value, 0) & MASK64)
        return self.snapshot()

    def _set(self, case: Case) -> None:
        hart = self.rig.hart
        for number in range(1, 32):  # not zero, so that an unwanted write shows
            hart.put("x", 0x0123_4567_89AB_CD00 + number, number)
        for number in range(32):
            hart.put("f", 0xFFFF_FFFF_4242_0000 + number, number)
        if any(_is_float(word) for word in case.code):
            hart.put("mstatus", MSTATUS_FS)
        hart.put("pc", CODE)
        hart.put("pmpcfg", 0x1F)
        hart.put("pmpaddr", (1 << 54) - 1)
        hart.put("mtvec", M_HANDLER)
        hart.put("stvec", S_HANDLER)
        for name, text in case.before.items():
            if _PLACE.fullmatch(name) or name == "cpu":
                continue
            value = _value(text)
            if name.startswith("csr."):
                write = csrs.BY_NAME[name.removeprefix("csr.")].write
                assert write is not None
                write(self._domain, value)
            elif name in _NUMBERS:
                hart.put("x", value, _NUMBERS[name])
            elif name in _FLOAT_NUMBERS:
                hart.put("f", value, _FLOAT_NUMBERS[name])
            else:
                hart.put(name, value)
        hart.put("attention", 0)

    def snapshot(self) -> Snapshot:
        """What there is now."""
        hart = self.rig.hart
        values = {f"x{number}": hart.get("x", number) for number in range(32)}
        values |= {f"f{number}": hart.get("f", number) for number in range(32)}
        values |= {name: hart.get(name) for name in ("pc", "priv", "waiting")}
        values |= {f"csr.{row.name}": row.read(self._domain) for row in csrs.ROWS if row.name not in COUNTERS}
        return Snapshot(values, self.rig.read(RAM_BASE, RAM_SIZE))

    def read(self, name: str) -> int:
        """A value that only a line that names it looks at: a counter, or a place of memory."""
        if match := _PLACE.fullmatch(name):
            address, size = int(match["address"], 0), int(match["size"])
            if address >= RAM_BASE:
                return int.from_bytes(self.rig.read(address, size), "little")
            return self.rig.load(0, address, size)
        value: int = csrs.BY_NAME[name.removeprefix("csr.")].read(self._domain)
        return value

    def _store(self, address: int, size: int, value: int) -> None:
        if address < RAM_BASE:
            self.rig.store(0, address, size, value)
            return
        self.rig.write(address, (value & (1 << 8 * size) - 1).to_bytes(size, "little"))


def _is_float(word: int) -> bool:
    found = decode(word)
    return found is not None and any(found.row.target in rows.rows for rows in (*floating.SETS, *additional.SETS))


def _canonical(name: str) -> str:
    """A register by its number."""
    if name in _NUMBERS:
        return f"x{_NUMBERS[name]}"
    return f"f{_FLOAT_NUMBERS[name]}" if name in _FLOAT_NUMBERS else name


def expected(case: Case, before: Snapshot) -> Snapshot:
    """What the line says that there is afterwards."""
    values, ram = dict(before.values), bytearray(before.ram)
    start = values["pc"]
    lengths = [instruction_length(word) for word in case.code]
    values["pc"] = start + sum(lengths)
    for kind, text in case.after.items():
        if kind in ("trap", "strap"):
            tval = int(case.after.get("tval", "0"), 0) & MASK64
            cause = int(text, 0)
            pc = start + sum(lengths if cause >> 63 else lengths[:-1])
            values |= trapped(values, cause, pc, tval, to_s=kind == "strap")
    for name, text in case.after.items():
        if name in OUTCOMES:
            continue
        if match := _PLACE.fullmatch(name):
            at, size = int(match["address"], 0) - RAM_BASE, int(match["size"])
            if at >= 0:
                ram[at : at + size] = (int(text, 0) & (1 << 8 * size) - 1).to_bytes(size, "little")
            continue
        if name.removeprefix("csr.") in COUNTERS:
            continue
        value = (start if name == "pc" and text[0] in "+-" else 0) + _value(text)
        values[_canonical(name)] = value & MASK64
    return Snapshot(values, bytes(ram))


def trapped(values: dict[str, int], cause: int, pc: int, tval: int, *, to_s: bool) -> dict[str, int]:
    """What every trap changes (manual volume II, "Privilege and Global Interrupt-Enable Stack in mstatus")."""
    level, enable, previous = ("s", 1, 5) if to_s else ("m", 3, 7)
    before = values["csr.mstatus"] & ~(1 << 8 if to_s else 3 << 11)
    mode = (values["priv"] & 1) << 8 if to_s else values["priv"] << 11
    saved = (before >> enable & 1) << previous
    return {
        "csr.mstatus": before & ~(1 << enable) & ~(1 << previous) | mode | saved,
        f"csr.{level}cause": cause,
        f"csr.{level}epc": pc,
        f"csr.{level}tval": tval,
        "pc": values[f"csr.{level}tvec"] & ~3,
        "priv": 1 if to_s else 3,
    }


def _unwatched(case: Case) -> set[str]:
    """CSRs that may change because the line names another one."""
    named = {name for name in case.after if name.startswith("csr.")}
    told: set[str] = set()
    if case.after.keys() & {"trap", "strap"}:
        named.add("csr.mstatus")
        told = {"csr.mtinst", "csr.htinst"}  # what they hold is tested row by row in tests/isa/test_transformed.py
    pairs = [(f"csr.{whole}", f"csr.{view}") for whole, view in VIEWS]
    return (
        told
        | {view for whole, view in pairs if whole in named}
        | {whole for whole, view in pairs if view in named} - named
    )


def differences(bench: Bench, case: Case, before: Snapshot) -> list[str]:
    """Run the case once on a prepared bench; everything that is not as the line says."""
    bench.rig.run(len(case.code))
    wanted, found = expected(case, before), bench.snapshot()
    skipped = _unwatched(case) - case.after.keys()
    values = {name: (found.values[name], value) for name, value in wanted.values.items() if name not in skipped}
    for name in case.after.keys() - OUTCOMES - values.keys() - _NUMBERS.keys() - _FLOAT_NUMBERS.keys():
        values[name] = bench.read(name), int(case.after[name], 0) & MASK64
    lines = [f"{name}: {one:#x}, not {other:#x}" for name, (one, other) in values.items() if one != other]
    if found.ram != wanted.ram:
        at = next(index for index, byte in enumerate(wanted.ram) if found.ram[index] != byte)
        lines.append(f"memory differs first at {RAM_BASE + at:#x}: {found.ram[at]:#x}, not {wanted.ram[at]:#x}")
    return lines


def run_case(kind: str, case: Case) -> list[str]:
    """Run a case on an engine twice: with nothing cached, and with what the first run left in the caches.

    Returns:
        Everything that is not as the line says.
    """
    bench = Bench(kind, case.before.get("cpu", "rv64"))
    lines = differences(bench, case, bench.prepare(case))
    again = differences(bench, case, bench.prepare(case, warm=True))
    return lines + [f"with warm caches, {line}" for line in again]
