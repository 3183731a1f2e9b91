"""Small programs for tests: lines of assembly language with labels, `li` and `la`."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.engine.layout import RAM_BASE
from emulator.isa.text import assemble


@dataclass(frozen=True, slots=True)
class Program:
    """Machine code and where its labels are.

    Attributes:
        base: Address of the first byte.
        code: The bytes.
        labels: Address of each label.
    """

    base: int
    code: bytes
    labels: dict[str, int]

    def __getitem__(self, label: str) -> int:
        return self.labels[label]


def load_immediate(register: str, value: int) -> list[str]:
    """Instructions that set a register to any 64-bit value."""
    value = (value + (1 << 63)) % (1 << 64) - (1 << 63)
    if -2048 <= value < 2048:
        return [f"addi {register}, zero, {value}"]
    low = (value + 2048) % 4096 - 2048
    if -(1 << 31) <= value < (1 << 31):
        upper = (value - low) >> 12 & 0xFFFFF
        return [f"lui {register}, {upper:#x}", *([f"addiw {register}, {register}, {low}"] if low else [])]
    rest = load_immediate(register, (value - low) >> 12)
    return [*rest, f"slli {register}, {register}, 12", *([f"addi {register}, {register}, {low}"] if low else [])]


def _expand(line: str) -> list[str]:
    name, _, rest = line.partition(" ")
    operands = [part.strip() for part in rest.split(",")]
    if name == "li":
        return load_immediate(operands[0], int(operands[1], 0))
    if name == "la":
        return [f"auipc {operands[0]}, %high {operands[1]}", f"addi {operands[0]}, {operands[0]}, %low {operands[1]}"]
    return [line]


def _encode(line: str, at: int, labels: dict[str, int]) -> bytes:
    if line.startswith(".byte"):
        return bytes.fromhex(line.removeprefix(".byte"))
    head, mark, label = line.partition("%high ")
    if mark:
        line = f"{head}{(labels[label] - at + 2048 >> 12) & 0xFFFFF:#x}"
    head, mark, label = line.partition("%low ")
    if mark:
        line = f"{head}{(labels[label] - (at - 4) + 2048) % 4096 - 2048}"
    head, comma, last = line.rpartition(",")
    if not comma:
        head, comma, last = line.partition(" ")
    if last.strip() in labels:
        line = f"{head}{comma} {labels[last.strip()] - at}"
    word = assemble(line)
    return word.to_bytes(4 if word & 3 == 3 else 2, "little")


def build(text: str, base: int = RAM_BASE) -> Program:
    """Assemble a program: one instruction, `label:`, `.align N` or `.byte HEX` a line; `#` begins a comment.

    A jump names a label or a distance. `.align N` fills with zeros up to a multiple of N bytes.
    """
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    labels: dict[str, int] = {}
    placed: list[tuple[int, str]] = []
    at = base
    for line in lines:
        if line.endswith(":"):
            labels[line[:-1]] = at
        elif line.startswith(".align"):
            fill = -at % int(line.split()[1], 0)
            placed.append((at, f".byte {'00' * fill}"))
            at += fill
        elif line:
            for single in _expand(line):
                placed.append((at, single))
                at += _size(single)
    return Program(base, b"".join(_encode(line, where, labels) for where, line in placed), labels)


def _size(line: str) -> int:
    if line.startswith(".byte"):
        return len(bytes.fromhex(line.removeprefix(".byte")))
    return 2 if line.startswith("c.") else 4
