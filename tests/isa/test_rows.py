from __future__ import annotations

import re
from collections import Counter
from typing import Final

from emulator.engine.build import module_text
from emulator.engine.decoding import TARGETS
from emulator.isa.extensions import EXTENSION_BITS, EXTENSIONS, FEATURES, WITHOUT, satisfied
from emulator.isa.rows import Lift
from emulator.isa.table import ROWS


def test_rows_say_how_they_are_compiled() -> None:
    """How many rows are inlined, called or end a block: a change shows here."""
    assert Counter(row.lift for row in TARGETS) == {Lift.INLINE: 269, Lift.ENDS_BLOCK: 13, Lift.CALL: 37}


ROWS_BY_REQUIREMENT: Final = {
    "i": 60,
    "zicsr": 6,
    "svinval": 3,
    "zifencei": 1,
    "m": 8,
    "zmmul": 5,
    "zaamo": 18,
    "zalrsc": 4,
    "zca": 32,
    "zabha": 18,
    "zacas": 3,
    "zabha&zacas": 2,
    "zawrs": 2,
    "zicond": 2,
    "zicbom": 3,
    "zicboz": 1,
    "zba": 8,
    "zbb": 13,
    "zbb|zbkb": 11,
    "zbkb": 4,
    "zbs": 8,
    "zbc": 3,
    "zimop": 40,
    "zcmop": 8,
    "zcb": 7,
    "zcb&zba": 1,
    "zcb&zbb": 3,
    "zcb&zmmul": 1,
    "f": 30,
    "d": 32,
    "h": 15,
    "h&svinval": 2,
    "zca&d": 4,
    "zfhmin": 6,
    "zfhmin&d": 2,
    "zfh": 26,
    "zfa": 7,
    "zfa&d": 8,
    "zfa&zfh": 7,
}


def test_rows_belong_to_extensions() -> None:
    """How many rows each requirement brings; some extensions bring CSRs only, or only consist of others."""
    assert Counter(row.extension for row in ROWS) == ROWS_BY_REQUIREMENT
    assert EXTENSION_BITS.keys() - {row.extension for row in ROWS} == {
        "a",
        "c",
        "zicntr",
        "zihpm",
        "h&smstateen",
        "h&sstc",
        "smmpm",
        "smnpm",
        "smstateen",
        "ssnpm",
        "sstc",
        "svade",
        "svadu",
        "svnapot",
        "svpbmt",
        "zkr",
        "sdtrig",
        "smepmp",
        "smepmp|zkr|smmpm",
        *(WITHOUT + feature.name for feature in FEATURES),
    }


def test_a_mask_holds_every_requirement() -> None:
    """The engine keeps what a hart has in one word of 64 bits."""
    assert len(EXTENSION_BITS) <= 64


def test_requirements_name_extensions() -> None:
    """What a row requires can be met."""
    everything = {extension.name for extension in EXTENSIONS} | {WITHOUT + feature.name for feature in FEATURES}

    assert all(satisfied(required, everything) for required in EXTENSION_BITS)
    assert {name for name in EXTENSION_BITS if satisfied(name, set())} == set()


def test_compressed_rows_borrow_their_meaning() -> None:
    """A 16-bit row has no meaning of its own, and of the others only may-be-operations share one."""
    borrowing = [row for row in ROWS if row.base is not None]

    assert all(row.base is not None for row in ROWS if row.length == 2)
    assert all(row.meaning is row.target.meaning and row.lift is row.target.lift for row in borrowing)
    assert {row.extension for row in borrowing if row.length == 4} == {"zimop"}


def test_no_operation_can_be_poison() -> None:
    """The code that rows become promises LLVM nothing about overflow, exactness or bounds."""
    assert re.findall(r"\b(?:nsw|nuw|exact|inbounds|inttoptr|disjoint|nneg)\b", module_text()) == []
