"""Runs end after exactly as many steps as they may make, and where they end changes nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.engine.layout import RAM_BASE
from emulator.isa.table import ROWS
from tests.helpers.differential import CODE, CODE_SIZE, DATA, HANDLER, Comparison
from tests.helpers.rig import Rig

STEPS = 160

LOOP = """
    li x5, 0
loop:
    addi x5, x5, 1
    sd x5, 0(x7)
    ld x6, 0(x7)
    csrrw x0, mscratch, x6
    amoadd.d x6, x5, (x8)
    c.addi x5, 1
    blt x5, x9, loop
    ecall
"""


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 7, 50, 999])
def test_a_run_makes_exactly_its_steps(rig: Rig, steps: int) -> None:
    """run(n) makes n steps, for straight lines, loops, calls of routines and traps."""
    program = rig.load_text(LOOP)
    rig.hart.put("mtvec", program["loop"])
    for register, value in ((7, DATA), (8, DATA + 8), (9, 40)):
        rig.hart.put("x", value, register)

    assert rig.run(steps) == steps


@pytest.mark.parametrize("text", ["jal x0, 0", "beq x0, x0, 0", "c.j 0", "jalr x0, 0(x7)"])
def test_a_jump_to_itself_is_counted(rig: Rig, text: str) -> None:
    """The shortest loop takes a step each time around."""
    rig.load_text(text)
    rig.hart.put("x", RAM_BASE, 7)

    assert rig.run(1000) == 1000
    assert rig.hart.get("pc") == RAM_BASE


def test_a_step_that_traps_is_a_step(rig: Rig) -> None:
    """Budgets count attempted instructions, so a trap costs one."""
    rig.hart.put("mtvec", HANDLER)
    rig.load_text("ecall", HANDLER)
    rig.load_text("addi x0, x0, 0", HANDLER + 4)
    rig.load_text("ecall")

    assert rig.run(1) == 1
    assert rig.hart.get("pc") == HANDLER


def settle(rig: Rig, steps: int, pieces: list[int]) -> None:
    """Make `steps` steps in the given pieces, over and over, whatever stops the hart in between."""
    left, at = steps, 0
    while left:
        left -= rig.run(min(left, pieces[at % len(pieces)]))
        at += 1


def scattered(seed: int) -> tuple[Rig, Rig, Rig]:
    """Three rigs in the same random state, with code of random instructions: reference, compiled, compiled."""
    pair = Comparison(seed)
    code = bytearray()
    choose = random.Random(seed)
    while len(code) < CODE_SIZE:
        row = choose.choice(ROWS)
        code += pair.random_encoding(row).to_bytes(row.length, "little")
    for rig in pair.rigs:
        rig.write(CODE, bytes(code[:CODE_SIZE]))
        rig.write(DATA, choose.randbytes(64) * 256 if rig is pair.reference else pair.reference.read(DATA, 64 * 256))
    pair._scatter()
    third = Rig("compiled")
    third.write(RAM_BASE, bytes(pair.compiled.backing.ram))
    third.reset()
    third.hart.words[: len(pair.compiled.hart.architectural()) // 8] = memoryview(
        pair.compiled.hart.architectural()
    ).cast("Q")
    return pair.reference, pair.compiled, third


@given(seed=st.integers(0, 1 << 32), pieces=st.lists(st.integers(1, 40), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_pieces_and_engines_agree(seed: int, pieces: list[int]) -> None:
    """A random program gives the same state in one go, in random pieces, and on the reference engine."""
    reference, whole, cut = scattered(seed)
    settle(reference, STEPS, [STEPS])
    settle(whole, STEPS, [STEPS])
    settle(cut, STEPS, pieces)

    assert whole.hart.architectural() == reference.hart.architectural()
    assert cut.hart.architectural() == reference.hart.architectural()
    assert whole.same_ram(reference)
    assert cut.same_ram(reference)


def test_every_split_of_a_short_program(rig: Rig) -> None:
    """For each n, n steps and then the rest is the same as all at once."""
    results = set()
    for first in range(61):
        rig.reset()
        rig.write(DATA, bytes(64))
        program = rig.load_text(LOOP)
        rig.hart.put("mtvec", program["loop"])
        for register, value in ((7, DATA), (8, DATA + 8), (9, 12)):
            rig.hart.put("x", value, register)
        assert rig.run(first) == first
        assert rig.run(60 - first) == 60 - first
        results.add((rig.hart.architectural(), rig.read(DATA, 64)))

    assert len(results) == 1
