"""The comparison: Spike's account of a program replayed beside the machine's own runs, stepwise and in pieces."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Final

from emulator.hart import csrs
from emulator.isa.table import decode
from emulator.isa.text import FLOAT_REGISTERS, REGISTERS, disassemble
from tests.lockstep.explained import ADOPTED_CSRS, Explained
from tests.lockstep.layout import CODE, RAM_BASE, TOHOST
from tests.lockstep.spike import Step, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.lockstep.groups import Group
    from tests.lockstep.program import Image
    from tests.lockstep.spike import Run
    from tests.lockstep.subject import Subject

LONGEST_PIECE: Final = 64
ROWS_OF: Final = 8
MACHINE: Final = 3
SYSTEM: Final = 0x73
"""The opcode of every instruction that changes CSRs by itself."""

_LEFT_BY_TRAPS: Final = (
    "mstatus mepc mcause mtval mtval2 mtinst sepc scause stval hstatus htval htinst vsstatus vsepc vscause vstval"
    " tdata1"
)
_TRAP_CSRS: Final = tuple(csrs.BY_NAME[name].number for name in _LEFT_BY_TRAPS.split())
_SAME: Final = tuple(
    frozenset(csrs.BY_NAME[name].number for name in names.split())
    for names in (
        "mstatus sstatus",
        "mie sie hie vsie mideleg hideleg",
        "mip sip hip hvip vsip mideleg hideleg menvcfg henvcfg stimecmp vstimecmp htimedelta",
        "fflags fcsr",
        "frm fcsr",
        "menvcfg henvcfg",
        "tselect tdata1 tdata2",
        *(f"mstateen{index} hstateen{index} sstateen{index}" for index in range(4)),
    )
)
"""CSRs that show the same bits: a write to one makes what is known of the others stale."""
_COUNTERS: Final = frozenset({*range(0xB00, 0xB20), *range(0xC00, 0xC20)})


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the two part.

    Attributes:
        group: The group's name.
        seed: The program's seed.
        step: How many steps of the program both made alike.
        instruction: The one after which they differ, as Spike shows it.
        lines: What differs: name, Spike's value, ours.
        note: What else is known.
    """

    group: str
    seed: int
    step: int
    instruction: str
    lines: tuple[str, ...]
    note: str = ""

    def __str__(self) -> str:
        """Everything, and how to see it again."""
        return "\n  ".join(
            (
                f"group {self.group}, seed {self.seed}: step {self.step}: {self.instruction}",
                *self.lines,
                *([self.note] if self.note else []),
                f"again: scripts/lockstep {self.group} --seed {self.seed} --programs 1",
            )
        )


@dataclass(slots=True)
class Model:
    """The state that Spike's log leads to.

    Attributes:
        registers: x0 to x31.
        floats: f0 to f31.
        csrs: What is known about CSRs: the value after the last write that nothing has changed since.
        ram: All of RAM, where addresses of stores are physical; otherwise empty.
        boxes: What is above the bits of an f register that Spike shows: ones, where a hart has F without D.
    """

    registers: list[int] = field(default_factory=lambda: [0] * 32)
    floats: list[int] = field(default_factory=lambda: [0] * 32)
    csrs: dict[int, int] = field(default_factory=dict)
    ram: bytearray = field(default_factory=bytearray)
    boxes: int = 0

    def apply(self, step: Step) -> None:
        """Follow a step."""
        for number, value in step.registers:
            self.registers[number] = value
        for number, value in step.floats:
            self.floats[number] = value | self.boxes
        for address, size, value in step.stores if self.ram else ():
            at = address - RAM_BASE
            self.ram[at : at + size] = value.to_bytes(size, "little")
        if step.trap is not None or step.interrupted_pc is not None:
            self.interrupted()
        for number, value in step.csrs:
            for group in _SAME:
                if number in group:
                    self._forget(group)
            if number not in _COUNTERS and number in csrs.BY_NUMBER:
                self.csrs[number] = value

    def interrupted(self) -> None:
        """A trap changes CSRs unseen."""
        self._forget(_TRAP_CSRS)

    def _forget(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.csrs.pop(number, None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a program.

    Attributes:
        steps: Steps compared.
        difference: None if there was none.
        rows: Names of the rows that retired; told for one program in `ROWS_OF`, since finding them takes time.
        causes: How often each exception was raised, by Spike's name and the privilege it led to; interrupts too.
    """

    steps: int
    difference: Difference | None
    rows: frozenset[str] = frozenset()
    causes: Counter[str] = field(default_factory=Counter)


def _adopted(step: Step) -> Explained | None:
    """Why the step reads something that is Spike's to choose, None if it does not."""
    reads = step.word & 0x7F == SYSTEM and step.word >> 12 & 3 != 0
    return ADOPTED_CSRS.get(step.word >> 20) if reads else None


def _unlike(names: Sequence[str], theirs: list[int], ours: list[int]) -> list[str]:
    """A line for each register that differs."""
    if ours == theirs:
        return []
    pairs = enumerate(zip(theirs, ours, strict=True))
    return [f"{names[n]} ({n}): Spike {one:#x}, here {other:#x}" for n, (one, other) in pairs if one != other]


def _show(step: Step) -> str:
    if step.trap is not None:
        return f"{step.pc:#x}: {step.trap}, tval {step.tval:#x}"
    return f"{step.pc:#x}: {step.word:08x} {disassemble(step.word, step.pc)} (privilege {step.priv})"


class Comparison:
    """One program on both machines.

    Args:
        group: Its group.
        seed: Its seed.
        subject: This project's machine.
    """

    def __init__(self, group: Group, seed: int, subject: Subject) -> None:
        self.group = group
        self.seed = seed
        self.image: Image = group.program(seed)
        self._subject = subject
        self._boot: dict[int, int] = {}
        self._steps: list[Step] = []
        self._adopted: frozenset[int] = frozenset()
        self._has_floats = group.cpu.has("f")
        self._memory = b""

    def run(self, run: Run) -> Outcome:
        """Compare with what Spike made of the program."""
        self._memory = run.memory
        self._read(list(parse(run.log)))
        pick = Random(self.seed)
        # Step by step nothing goes unseen; in pieces, the engine runs as it does for a guest.
        difference = self._walk(lambda: 1) or self._walk(lambda: pick.randrange(2, LONGEST_PIECE))
        rows = self._rows() if self.seed % ROWS_OF == 0 else frozenset[str]()
        return Outcome(len(self._steps), difference, rows, self._causes())

    def _rows(self) -> frozenset[str]:
        found = (decode(word) for word in {step.word for step in self._steps})
        return frozenset(instruction.row.name for instruction in found if instruction is not None)

    def _causes(self) -> Counter[str]:
        causes: Counter[str] = Counter()
        for step, following in pairwise(self._steps):
            if step.trap is not None:
                causes[f"{step.trap.removeprefix('trap_')} to {'?S?M'[following.priv or 0]}"] += 1
            if step.interrupted_pc is not None:
                causes[f"interrupt to {'?S?M'[step.priv or 0]}"] += 1
        return causes

    def _read(self, steps: Sequence[Step]) -> None:
        """Keep the program's own steps: from its first instruction, with what the boot ROM left, to its end."""
        first = next(at for at, step in enumerate(steps) if step.pc == CODE)
        last = next((at for at, step in enumerate(steps) if step.pc == self.image.end and step.priv == MACHINE), None)
        for step in steps[:first]:
            self._boot.update(step.registers)
        self._steps = list(steps[first : len(steps) if last is None else last + 1])
        self._ended = last is not None
        self._adopted = frozenset(at for at, step in enumerate(self._steps) if _adopted(step))

    def _walk(self, length: Callable[[], int]) -> Difference | None:
        """Run in pieces of `length()` steps; returns the first difference."""
        subject, steps = self._subject, self._steps
        subject.load(self.image, self._boot)
        boxes = 0 if self.group.cpu.has("d") else 0xFFFF_FFFF << 32
        model = Model(ram=bytearray() if self.image.shown else bytearray(self.image.ram), boxes=boxes)
        for number, value in self._boot.items():
            model.registers[number] = value
        done, last = 0, len(steps) - 1
        while done < last:
            piece = self._piece(done, min(length(), last - done))
            for step in steps[done : done + piece]:
                model.apply(step)
            made = self._advance(piece)
            done += piece
            before = steps[done - 1]
            if done - 1 in self._adopted:
                self._adopt(before)
            if steps[done].interrupted_pc is not None and subject.pc == steps[done].pc:
                model.interrupted()  # the interrupt that Spike takes next has been taken here already
            thorough = piece > 1 or bool(before.csrs) or before.trap is not None or done == last
            lines = self._differences(model, steps[done], thorough=thorough)
            if made != piece:
                lines.append(f"made {made} of {piece} steps, stop {subject.stop}")
            if lines:
                return Difference(self.group.name, self.seed, done, _show(before), tuple(lines), f"piece of {piece}")
        return self._ending(model)

    def _adopt(self, step: Step) -> None:
        """Take over what a step has read, where the difference to what was read here is lawful."""
        explained = _adopted(step)
        if explained is None:
            return
        for number, value in step.registers:
            if explained.lawful(value, self._subject.registers()[number]):
                self._subject.set_register(number, value)

    def _piece(self, done: int, length: int) -> int:
        """Cut a piece behind a step whose result is adopted."""
        if length == 1 or not self._adopted:
            return length
        return next((at - done + 1 for at in range(done, done + length) if at in self._adopted), length)

    def _advance(self, steps: int) -> int:
        made = 0
        while made < steps:
            now = self._subject.run(steps - made)
            if not now:
                break
            made += now
        return made

    def _differences(self, model: Model, following: Step, *, thorough: bool) -> list[str]:
        """What differs at this point; `following` is what Spike does next, `thorough` means the CSRs too."""
        subject = self._subject
        lines = _unlike(REGISTERS, model.registers, subject.registers())
        if self._has_floats:
            lines += _unlike(FLOAT_REGISTERS, model.floats, subject.floats())
        pc = subject.pc
        if pc not in (following.pc, following.interrupted_pc):
            lines.append(f"pc: Spike {following.pc:#x} ({following.trap or 'retires'}), here {pc:#x}")
        elif following.priv not in (None, subject.priv) and pc != following.interrupted_pc:
            lines.append(f"privilege: Spike {following.priv}, here {subject.priv}")
        for number, value in model.csrs.items() if thorough else ():
            here = subject.csr(number)
            if here != value:
                shown = "none" if here is None else f"{here:#x}"
                lines.append(f"{csrs.BY_NUMBER[number].name}: Spike {value:#x}, here {shown}")
        return lines

    def _ending(self, model: Model) -> Difference | None:
        ours, theirs = self._subject.ram(), self._memory or bytes(model.ram)
        lines = []
        if self.image.shown:  # what the program stores behind its end, for Spike alone
            at = TOHOST - RAM_BASE
            theirs = theirs[:at] + ours[at : at + 8] + theirs[at + 8 :]
        if ours != theirs:
            at = next(at for at, (one, other) in enumerate(zip(theirs, ours, strict=True)) if one != other) & ~7
            lines.append(
                f"memory at {RAM_BASE + at:#x}: Spike {theirs[at : at + 8].hex()}, here {ours[at : at + 8].hex()}"
            )
        if not self._ended:
            lines.append("the program did not reach its end in Spike")
        if not lines:
            return None
        return Difference(self.group.name, self.seed, len(self._steps), _show(self._steps[-1]), tuple(lines))
