"""What binutils makes of encodings: one assembler and one objdump run for many of them."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from emulator.isa.table import instruction_length

PREFIX: Final = "riscv64-unknown-elf-"
KNOWN: Final = (
    "rv64imafdch_zicbom_zicbop_zicboz_zicsr_zifencei_zihintpause_zmmul_zawrs_zfh_zba_zbb_zbc_zbkb_zbs_svinval"
)
"""What this machine can have of what binutils 2.40 knows. The object file says so in its attributes, and objdump then
knows no other instructions."""

LONGER: Final = 0x1F
"""Low bits of encodings of 6 bytes and more, which neither the assembler takes as 4 bytes nor any row has."""

_LINE = re.compile(r"\s*[0-9a-f]+:\t[0-9a-f ]+\t(.*)")


def disassembled(words: Sequence[int]) -> list[str]:
    """The text of each word as objdump prints it, the first at address 0 and the others behind it.

    No word may be the beginning of a longer encoding (`LONGER`).
    Mnemonic and operands are one space apart, what stands behind the operands (symbols, comments) is cut off, a jump
    target has `0x` as ours has, and an illegal encoding is `illegal`.
    """
    source = "".join(f".insn {instruction_length(word)}, {word:#x}\n" for word in words)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "words.o"
        command = [f"{PREFIX}as", f"-march={KNOWN}", "-o", str(place), "-"]
        subprocess.run(command, input=source, text=True, check=True, capture_output=True)
        command = [f"{PREFIX}objdump", "--disassemble", "--disassemble-zeroes", "-M", "no-aliases", str(place)]
        listing = subprocess.run(command, text=True, check=True, capture_output=True).stdout
    found = [_normalise(match[1]) for line in listing.splitlines() if (match := _LINE.fullmatch(line))]
    assert len(found) == len(words)
    return found


def _normalise(text: str) -> str:
    words = " ".join(re.sub(r"\s*(<[^>]*>|#.*)\s*$", "", text).split())
    if words.startswith((".2byte", ".4byte", ".insn")):
        return "illegal"
    return words
