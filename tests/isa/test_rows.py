from __future__ import annotations

import re
from collections import Counter

from emulator.engine.build import module_text
from emulator.engine.decoding import TARGETS
from emulator.isa.extensions import EXTENSION_BITS
from emulator.isa.rows import Lift
from emulator.isa.table import ROWS


def test_rows_say_how_they_are_compiled() -> None:
    """How many rows are inlined, called or end a block: a change shows here."""
    assert Counter(row.lift for row in TARGETS) == {Lift.INLINE: 136, Lift.ENDS_BLOCK: 13, Lift.CALL: 14}


def test_rows_belong_to_extensions() -> None:
    """How many rows each extension brings; the counters bring CSRs only."""
    single = {"i": 56, "m": 13, "a": 22, "f": 30, "d": 32, "c": 32, "zicsr": 6, "zifencei": 1, "svinval": 3}
    assert Counter(row.extension for row in ROWS) == single | {"c&d": 4}
    others = {"zicntr", "zihpm", "svade", "svadu", "svnapot", "svpbmt"}
    assert EXTENSION_BITS.keys() - {row.extension for row in ROWS} == others


def test_compressed_rows_borrow_their_meaning() -> None:
    """A 16-bit row has no meaning of its own."""
    short = [row for row in ROWS if row.length == 2]

    assert all(row.base is not None and row.meaning is row.base.meaning and row.lift is row.base.lift for row in short)
    assert all(row.base is None for row in ROWS if row.length == 4)


def test_no_operation_can_be_poison() -> None:
    """The code that rows become promises LLVM nothing about overflow, exactness or bounds."""
    assert re.findall(r"\b(?:nsw|nuw|exact|inbounds|inttoptr|disjoint|nneg)\b", module_text()) == []
