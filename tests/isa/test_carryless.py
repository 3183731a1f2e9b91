from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from emulator.engine.integers import IntOps
from emulator.isa.carryless import carryless_product

ONES = (1 << 64) - 1

words = st.integers(0, ONES)


def by_definition(a: int, b: int) -> int:
    """The exclusive or of a copy of `a` for each bit of `b`, as the manual defines it; 127 bits."""
    product = 0
    for bit in range(64):
        if b >> bit & 1:
            product ^= a << bit
    return product


@given(words, words)
@example(ONES, ONES)
@example(0x1111_1111_1111_1111, 0x1111_1111_1111_1111)
@example(0x8888_8888_8888_8888, 0x8888_8888_8888_8888)
def test_gaps_hold_the_carries(a: int, b: int) -> None:
    """Multiplication with gaps is multiplication without carries."""
    assert carryless_product(IntOps(), a, b) == by_definition(a, b) & ONES
