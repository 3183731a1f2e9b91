"""The compiled decoder against `emulator.isa.table.decode`: the record that it makes of each word."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Final

import pytest

from emulator.engine.compiled import CompiledEngine
from emulator.engine.decoding import ILLEGAL, TARGET_INDEX, row_links
from emulator.engine.layout import LONG, NEAR, PAGE, RAM_BASE, RECORD, UNLINKED, VARIANTS
from emulator.isa.extensions import EXTENSIONS, parse_cpu, satisfied
from emulator.isa.rows import SINK
from emulator.isa.table import ROWS, decode, instruction_length
from tests.helpers.rig import Rig

SPACE: Final = 4
"""Bytes from one word to the next in the page that is decoded."""

NOP = b"\x13\x00\x00\x00"


class Decoder:
    """Has a compiled engine decode words, by having it fetch each of them once."""

    def __init__(self, cpu: str = "rv64") -> None:
        self._rig = Rig("compiled", parse_cpu(cpu))
        assert isinstance(self._rig.engine, CompiledEngine)
        self._engine = self._rig.engine
        self._rig.write(RAM_BASE, NOP)
        self._rig.run(1)  # the page is now in the fetch TLB, so that a step is not needed to reach its records

    def decode(self, words: list[int]) -> list[tuple[int, int]]:
        """The handler's address and the payload of each word's record."""
        assert len(words) <= PAGE // SPACE
        self._rig.write(RAM_BASE, b"".join(word.to_bytes(SPACE, "little") for word in words))
        records: list[tuple[int, int]] = []
        view = self._engine._records.view.cast("Q")
        for index in range(len(words)):
            self._rig.reset(warm=True)
            self._rig.hart.put("pc", RAM_BASE + SPACE * index)
            at = index * (SPACE // 2) * RECORD // 8
            self._rig.run(0)  # decoded, but not executed
            records.append((view[at], view[at + 1]))
        return records

    def handler(self, word: int, index: int, *, extensions: frozenset[str]) -> int:
        """The address of the handler that the word at an index should have."""
        found = decode(word)
        handlers = self._engine._code.handlers
        if found is None or not satisfied(found.row.extension, extensions):
            return handlers[ILLEGAL * VARIANTS]
        variant = LONG if found.row.length == 4 else 0
        aligned = not found.imm & self._rig.hart.get("ialign")
        if found.row.relative and aligned and 0 <= SPACE * index + found.imm < PAGE:
            variant |= NEAR
        if row_links(found.row) and found.rd == 0:
            variant |= UNLINKED
        return handlers[TARGET_INDEX[found.row.target.name] * VARIANTS + variant]


def _payload_differs(word: int, payload: int) -> bool:
    """Whether a record's operands are not the instruction's; what the row does not have may be anything."""
    found = decode(word)
    if found is None:
        return False
    roles = {part.role for part in found.row.target.format.operands}
    wanted = {
        "rd": (payload & 0xFF, found.rd or SINK),
        "rs1": (payload >> 8 & 0xFF, found.rs1),
        "rs2": (payload >> 16 & 0xFF, found.rs2),
        "rs3": (payload >> 24 & 31, found.rs3),
        "rm": (payload >> 29 & 7, found.rm),
        "imm": (payload >> 32, found.imm & 0xFFFF_FFFF),
    }
    return any(one != other for role, (one, other) in wanted.items() if role in roles)


def _disagreements(words: Iterable[int], cpu: str = "rv64") -> list[str]:
    decoder = Decoder(cpu)
    extensions = parse_cpu(cpu).extensions
    todo = list(words)
    found: list[str] = []
    for start in range(0, len(todo), PAGE // SPACE):
        part = todo[start : start + PAGE // SPACE]
        for index, (word, (handler, payload)) in enumerate(zip(part, decoder.decode(part), strict=True)):
            if handler != decoder.handler(word, index, extensions=extensions):
                found.append(f"{word:#x}: another handler")
            elif _payload_differs(word, payload):
                found.append(f"{word:#x}: other operands, {payload:#x}")
    return found


def _near_rows(seed: int, count: int) -> list[int]:
    """32-bit words that are a row's, or one bit away from it."""
    pick = random.Random(seed)
    rows = [row for row in ROWS if row.length == 4]
    words: list[int] = []
    for _ in range(count):
        row = pick.choice(rows)
        word = row.match | pick.getrandbits(32) & ~row.mask
        words.append(word ^ (1 << pick.randrange(2, 32)) if pick.random() < 0.5 else word)
    return words


@pytest.mark.parametrize("quarter", range(4))
def test_every_halfword(quarter: int) -> None:
    """All 65,536 halfwords: the short ones whole, the others with a random half behind them."""
    pick = random.Random(quarter)
    words = [
        half | (pick.getrandbits(16) << 16 if instruction_length(half) == 4 else 0)
        for half in range(quarter << 14, (quarter + 1) << 14)
    ]

    assert _disagreements(words) == []


@pytest.mark.parametrize("seed", range(5))
def test_random_words(seed: int) -> None:
    """100,000 random 32-bit words in five parts: half of each any words at all, half near the rows."""
    pick = random.Random(seed)

    assert _disagreements([pick.getrandbits(32) | 3 for _ in range(10_000)] + _near_rows(seed, 10_000)) == []


EVERYTHING: Final = "rv64," + ",".join(f"{extension.name}=on" for extension in EXTENSIONS)


@pytest.mark.parametrize(
    "cpu",
    [
        *("rv64,m=off", "rv64,a=off,zawrs=off", "rv64,c=off", "rv64,zifencei=off", "rv64,m=off,a=off,zawrs=off"),
        *("rv64,zba=off,zbc=off", "rv64,zbb=off", "rv64,zbb=off,zbkb=on", "rv64,zbs=off,zbb=off,zicboz=off"),
        *("rv64,zicbom=off,zicbop=off,zihintpause=off", "rv64,m=off,zmmul=on,a=off,zaamo=on,zawrs=off"),
        *("rv64,zcb=on,zba=off,zbb=off,m=off", "rv64,zacas=on", "rv64,zabha=on", EVERYTHING),
        *("rv64,d=off", "rv64,f=off,d=off,zfa=off", "rv64,zfhmin=on", "rv64,zfh=on,d=off", "rv64,zfh=on,zfa=off"),
    ],
)
def test_missing_extensions_are_illegal(cpu: str) -> None:
    """An instruction of an extension that the hart does not have is illegal."""
    pick = random.Random(1)

    assert _disagreements([pick.getrandbits(16) for _ in range(2000)] + _near_rows(1, 2000), cpu) == []
