"""The transformed instruction, by the manual's figures ("Transformed noncompressed load instruction", and so on)."""

from __future__ import annotations

import random

import pytest

from emulator.engine.reference import ReferenceDomain
from emulator.isa.rows import Row
from emulator.isa.table import BY_NAME, ROWS, decode, encode
from emulator.isa.transformed import transformed
from tests.helpers.rig import Rig

KEPT = {0x03: 0x0000_7FFF, 0x07: 0x0000_7FFF, 0x23: 0x01F0_707F, 0x27: 0x01F0_707F, 0x2F: 0xFFF0_7FFF}
"""By opcode: the bits that stay; of HLV, HLVX and HSV, which share theirs, all but rs1."""
GUEST = 0xFFF0_7FFF

LOADS = "lb lh lw ld lbu lhu lwu flh flw fld".split()
STORES = "sb sh sw sd fsh fsw fsd".split()


@pytest.fixture(scope="module")
def domain() -> ReferenceDomain:
    """A hart to ask."""
    rig = Rig("reference")
    return ReferenceDomain(rig.blocks, rig.hart, rig.backing, rig)


def manual(word: int, offset: int) -> int:
    """What the manual makes of a 4-byte load, store, atomic or guest access; 0 of anything else."""
    found = decode(word)
    assert found is not None
    name = found.row.name
    guest = name.startswith(("hlv", "hsv"))
    defined = name in LOADS or name in STORES or word & 0x7F == 0x2F or guest
    return (word & (GUEST if guest else KEPT[word & 0x7F])) | offset << 15 if defined else 0


@pytest.mark.parametrize("row", [row for row in ROWS if row.length == 4], ids=lambda row: row.name)
def test_noncompressed(domain: ReferenceDomain, row: Row) -> None:
    """Random encodings of every row keep what the manual keeps, or have no transformation."""
    pick = random.Random(row.name)
    for _ in range(20):
        word = row.match | pick.getrandbits(32) & ~row.mask
        if decode(word) is not None:
            offset = pick.randrange(8)
            assert domain.call(transformed, word, offset) == manual(word, offset)


@pytest.mark.parametrize("name", [row.name for row in ROWS if row.length == 2 and row.target.name in (*LOADS, *STORES)])
def test_compressed(domain: ReferenceDomain, name: str) -> None:
    """A compressed load or store is transformed as its expansion is, with bit 1 clear."""
    row, pick = BY_NAME[name], random.Random(name)
    for _ in range(50):
        word = row.match | pick.getrandbits(16) & ~row.mask
        found = decode(word)
        if found is None or found.row is not row:
            continue
        values = {role: getattr(found, role) for role in ("rd", "rs1", "rs2", "imm")}
        expansion = encode(row.target, values)
        assert domain.call(transformed, word, 3) == manual(expansion, 3) & ~2


def test_what_cannot_be_transformed(domain: ReferenceDomain) -> None:
    """Compressed instructions that access no memory have none."""
    others = [row for row in ROWS if row.length == 2 and row.target.name not in (*LOADS, *STORES)]
    assert {domain.call(transformed, row.match, 0) for row in others} == {0}
