from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache
from typing import Final

import pytest

from emulator.hart import csrs
from emulator.isa.rows import RESERVED_MODES, RM_SHIFT, Row
from emulator.isa.table import ROWS, Instruction, decode, encode, instruction_length
from emulator.isa.text import assemble, disassemble
from tests.isa.objdump import LONGER, disassembled

EACH: Final = 60
"""Random encodings of every 32-bit row that are looked at; the 16-bit ones are looked at whole."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """Encodings about which binutils 2.40 and the manual differ.

    Attributes:
        mask: Bits that tell them.
        match: Their values.
        reason: What the manual says, and where.
        legal: Whether they are instructions by the manual.
    """

    mask: int
    match: int
    reason: str
    legal: bool = False


NEWER: Final = ("zicond", "zimop", "zabha", "zacas", "zcb", "zcmop", "zfa")
"""Extensions that binutils 2.40 does not know yet; their text is the manual's."""

EXCEPTIONS: Final = (
    Divergence(
        0x707F,
        0x000F,
        "FENCE with reserved fm, rd or rs1: the fields are ignored, the fence is a normal one (volume I, 2.7)",
        legal=True,
    ),
    Divergence(0x707F, 0x100F, "FENCE.I with reserved rd, rs1 or imm: they are ignored (volume I, 5)", legal=True),
    Divergence(0xFFFF, 0x0000, "binutils names it c.unimp; an all-zero word is illegal (volume I, 1.5, 26.5)"),
    Divergence(0xFFFF, 0x6101, "C.ADDI16SP with a zero immediate is reserved (volume I, 26.5)"),
    Divergence(0xFFFFFFFF, 0x00200073, "URET: the N extension was withdrawn (volume II, 3.3.2 has MRET and SRET only)"),
    Divergence(0xFFFFFFFF, 0x20200073, "HRET: hypervisor mode of privileged 1.9; now reserved (volume II, 3.3.2)"),
    Divergence(0xFFF07FFF, 0x10400073, "SFENCE.VM of privileged 1.9, replaced by SFENCE.VMA (volume II, 12.2.1)"),
    *(
        Divergence(
            row.mask | 7 << RM_SHIFT,
            row.match | mode << RM_SHIFT,
            f"{row.name} with rm = {mode}: reserved (volume I, 20.2); binutils calls it unknown",
        )
        for row in ROWS
        for mode in RESERVED_MODES
        if "{rm}" in row.format.syntax and row.extension.split("&")[0] not in NEWER
    ),
    *(
        Divergence(
            0xFFF0707F,
            row | mode << 12,
            f"{name} with rm = {mode}: a mode like any other (volume I, 20.7, 21.5); binutils takes 0 only",
            legal=True,
        )
        for name, row in (
            ("FCVT.D.W", 0xD2000053),
            ("FCVT.D.WU", 0xD2100053),
            ("FCVT.D.S", 0x42000053),
            ("FCVT.S.H", 0x40200053),
            ("FCVT.D.H", 0x42200053),
        )
        for mode in (1, 2, 3, 4, 7)
    ),
    Divergence(0xFFFFFFFF, 0x7B200073, "DRET: debug mode, which this hart does not have (volume II, 2)"),
)
"""Everything about which the two do not agree."""


def _exception(word: int) -> Divergence | None:
    return next((known for known in EXCEPTIONS if word & known.mask == known.match), None)


def _identify(row: Row) -> str:
    return row.name


def _samples(row: Row) -> list[int]:
    """Encodings of a 32-bit row: all operand bits clear, all set, and random ones."""
    pick = random.Random(row.name)
    free = ~row.mask & 0xFFFF_FFFF
    words = [row.match, row.match | free, *(row.match | pick.getrandbits(32) & free for _ in range(EACH))]
    return [word for word in words if (found := decode(word)) is not None and found.row is row]


def _newer(word: int) -> bool:
    found = decode(word)
    return found is not None and found.row.extension.startswith(NEWER)


@cache
def _illegal_words() -> tuple[int, ...]:
    """32-bit words that no row has: random ones, and ones that are a bit away from a row."""
    pick = random.Random(0)
    words = {pick.getrandbits(32) | 3 for _ in range(20_000)}
    for row in ROWS:
        if row.length == 4:
            words |= {(row.match | pick.getrandbits(32) & ~row.mask) ^ 1 << pick.randrange(2, 32) for _ in range(200)}
            words |= {row.match ^ 1 << bit for bit in range(2, 32)}
    return tuple(sorted(word for word in words if word & LONGER != LONGER and decode(word) is None))


def _short_words() -> range:
    return range(1 << 16)


def _expected(word: int, address: int, theirs: str) -> str:
    """The text of objdump in our words.

    A jump target is bare hexadecimal there and has `0x` here; a CSR that this machine does not have is a number here,
    whatever binutils calls it; shifts by zero, hints on RV64,
    have the name of the RV128 instruction there (volume I, 26.5).
    """
    found = decode(word)
    assert found is not None
    if found.row.relative:
        return re.sub(r"([0-9a-f]+)$", r"0x\1", theirs)
    if (shift := re.fullmatch(r"(c\.s\w+)64 (\w+)", theirs)) is not None and found.imm == 0:
        return f"{shift[1]} {shift[2]},0x0"
    if _absent_csr(found):
        return re.sub(r",\w+,", f",{found.imm:#x},", theirs)
    return theirs


def _absent_csr(found: Instruction) -> bool:
    return "{csr}" in found.row.format.syntax and found.imm not in csrs.BY_NUMBER


def _disagreements(words: list[int]) -> list[str]:
    """Compare texts of legal words; those that are listed as exceptions are left out."""
    address, lines = 0, []
    for word, theirs in zip(words, disassembled(words), strict=True):
        if theirs != "illegal" or _exception(word) is None:
            ours, wanted = disassemble(word, address), _expected(word, address, theirs)
            if ours != wanted:
                lines.append(f"{word:#x} at {address:#x}: {ours}, not {wanted}")
        address += instruction_length(word)
    return lines


def test_long_rows_read_as_in_binutils() -> None:
    """Random encodings of every 32-bit row have the text that objdump gives them."""
    assert _disagreements([word for row in ROWS if row.length == 4 for word in _samples(row) if not _newer(word)]) == []


def test_short_words_read_as_in_binutils() -> None:
    """Every 16-bit instruction has the text that objdump gives it."""
    words = [word for word in _short_words() if instruction_length(word) == 2 and decode(word) is not None]

    assert _disagreements([word for word in words if not _newer(word)]) == []


def test_illegal_words_are_illegal_in_binutils() -> None:
    """What no row has, binutils does not know either for this ISA, but for the listed exceptions."""
    words = [word for word in _short_words() if instruction_length(word) == 2 and decode(word) is None]
    words += _illegal_words()

    found = {
        f"{word:#x}: {theirs}"
        for word, theirs in zip(words, disassembled(words), strict=True)
        if theirs != "illegal" and _exception(word) is None
    }

    assert len(words) > 10_000
    assert found == set()


@pytest.mark.parametrize("known", EXCEPTIONS, ids=lambda known: known.reason.split(":")[0])
def test_exceptions_are_exceptions(known: Divergence) -> None:
    """A listed exception is legal or illegal here as the list says, and binutils says the opposite."""
    pick = random.Random(0)
    length = instruction_length(known.match)
    free = ~known.mask & (1 << 8 * length) - 1
    words = [known.match | pick.getrandbits(32) & free for _ in range(20)]

    assert {decode(word) is not None for word in words} == {known.legal}
    assert {text == "illegal" for text in disassembled(words)} >= {known.legal}


@pytest.mark.parametrize("row", [row for row in ROWS if row.length == 4], ids=_identify)
def test_text_gives_the_encoding_back(row: Row) -> None:
    """Assembling what was disassembled gives the word, but for fields that have no text because they are ignored."""
    for word in _samples(row):
        assert assemble(_distances(word)) == _canonical(word)


def test_short_text_gives_the_encoding_back() -> None:
    """The same for every 16-bit instruction."""
    words = [word for word in _short_words() if instruction_length(word) == 2 and decode(word) is not None]

    assert [hex(word) for word in words if assemble(_distances(word)) != word] == []


def _distances(word: int) -> str:
    """The disassembly at address 0, with a jump target as the signed distance that the assembler takes."""
    text = disassemble(word)
    found = decode(word)
    assert found is not None
    return re.sub(r"0x[0-9a-f]+$", str(found.imm), text) if found.row.relative else text


def _canonical(word: int) -> int:
    """The word with the ignored fields of the fences as the assembler sets them."""
    found = decode(word)
    assert found is not None
    if _exception(word) is None or found.row.rounds:
        return word
    tso = found.imm == 0x833
    values = {"imm": found.imm if tso else found.imm & 0xFF}
    return encode(found.row, values)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (0x0E20D1B3, "czero.eqz gp,ra,sp"),
        (0x2AF6252F, "amocas.w.rl a0,a5,(a2)"),
        (0x2CE6452F, "amocas.q.aq a0,a4,(a2)"),
        (0x00F6052F, "amoadd.b a0,a5,(a2)"),
        (0xF2100553, "fli.d fa0,-0x1p+0"),
        (0xF01080D3, "fli.s ft1,min"),
        (0xF41305D3, "fli.h fa1,0x1p-4"),
        (0xF21887D3, "fli.d fa5,0x1.4p+0"),
        (0xF21F07D3, "fli.d fa5,inf"),
        (0xC2859553, "fcvtmod.w.d a0,fa1,rtz"),
        (0x4245F553, "fround.d fa0,fa1"),
        (0x44559553, "froundnx.h fa0,fa1,rtz"),
        (0xA2B54553, "fleq.d a0,fa0,fa1"),
        (0x28C5A553, "fminm.s fa0,fa1,fa2"),
        (0x81E8, "c.lbu a0,3(a1)"),
        (0x85E8, "c.lh a0,2(a1)"),
        (0x8DA8, "c.sh a0,2(a1)"),
        (0x9D4D, "c.mul a0,a1"),
        (0x9D75, "c.not a0"),
        (0x81C0C1F3, "mop.r.0 gp,ra"),
        (0xCE20C1F3, "mop.rr.7 gp,ra,sp"),
        (0x6781, "c.mop.15"),
        (0x0000, ".2byte 0x0"),
        (0xFFFFFFFF, ".4byte 0xffffffff"),
        (0xDEAD0000, ".2byte 0x0"),
        (0x12345000_00008082, "c.jr ra"),
        (0x7C0022F3, "csrrs t0,0x7c0,zero"),
        (0x0000000F, "fence unknown,unknown"),
    ],
)
def test_odd_words_have_text(word: int, text: str) -> None:
    """What is illegal is shown as data of its length; what has no name, as a number."""
    assert disassemble(word) == text


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("addi a0, a1, -1", 0xFFF58513),
        ("  addi   x10,x11,  -0x1 ", 0xFFF58513),
        ("beq x1, x2, -16", 0xFE2088E3),
        ("csrrw x1, 0x300, x2", 0x300110F3),
        ("csrrw ra, mstatus, sp", 0x300110F3),
        ("amoadd.w.aqrl x3, x2, (x1)", 0x0620A1AF),
        ("lr.d.rl x3, (x1)", 0x1200B1AF),
        ("lui x3, 0xfffff", 0xFFFFF1B7),
        ("c.addi16sp x2, 16", 0x6141),
        ("fence.tso", 0x8330000F),
        ("sfence.vma", None),
        ("add x1, x2", None),
        ("add x1, x2, x32", None),
        ("addi x1, x2, 2048", None),
        ("slli x1, x2, 64", None),
        ("slliw x1, x2, 32", None),
        ("beq x1, x2, 3", None),
        ("c.addi4spn x8, sp, 0", None),
        ("c.lw x7, 0(x8)", None),
        ("add.aq x1, x2, x3", None),
        ("frobnicate x1", None),
        ("fence wr,rw", None),
        ("csrrw x1, nothing, x2", None),
        ("lw x1, (x2)", None),
        ("", None),
    ],
)
def test_lines_are_assembled_or_refused(line: str, word: int | None) -> None:
    """The assembler takes the lines of objdump, with spaces, numbers and `x` names; anything else is an error."""
    if word is not None:
        assert assemble(line) == word
        return
    with pytest.raises(ValueError, match=r"\w"):
        assemble(line)
