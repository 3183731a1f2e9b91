"""The platform-level interrupt controller."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.devices.interrupts import MEIP, SEIP
from emulator.devices.plic import (
    CLAIM,
    CONTEXT,
    CONTEXT_STRIDE,
    ENABLE,
    ENABLE_STRIDE,
    PENDING,
    PRIORITY_MASK,
    SOURCES,
    Plic,
)
from emulator.errors import BusFault
from tests.devices.wires import Harts


def make_plic(*sources: int, context: int = 0, harts: int = 1) -> tuple[Plic, Harts]:
    """A controller with some sources enabled for a context, each with priority 1."""
    lines = Harts()
    plic = Plic(harts, lines)
    for source in sources:
        plic.store(4 * source, 4, 1)
        enable = ENABLE + ENABLE_STRIDE * context + source // 32 * 4
        plic.store(enable, 4, plic.load(enable, 4) | 1 << source % 32)
    return plic, lines


def claim(plic: Plic, context: int = 0) -> int:
    """Claim, as an interrupt handler does."""
    return plic.load(CONTEXT + CONTEXT_STRIDE * context + CLAIM, 4)


def complete(plic: Plic, source: int, context: int = 0) -> None:
    """Complete what was claimed."""
    plic.store(CONTEXT + CONTEXT_STRIDE * context + CLAIM, 4, source)


@pytest.mark.parametrize(("context", "line"), [(0, (0, MEIP)), (1, (0, SEIP)), (2, (1, MEIP)), (3, (1, SEIP))])
def test_contexts_are_m_then_s_of_each_hart(context: int, line: tuple[int, int]) -> None:
    """An enabled source drives the one line that belongs to the context."""
    plic, lines = make_plic(10, context=context, harts=2)
    plic.line(10)(True)
    assert lines.high == {line}
    assert claim(plic, context) == 10
    assert lines.high == set()


def test_life_of_a_request() -> None:
    """Pending until claimed; served until completed; pending again if the wire is still high."""
    plic, lines = make_plic(10)
    plic.line(10)(True)
    assert plic.load(PENDING, 4) == 1 << 10
    assert claim(plic) == 10
    assert plic.load(PENDING, 4) == 0
    assert claim(plic) == 0
    complete(plic, 10)
    assert lines.high == {(0, MEIP)}
    plic.line(10)(False)
    assert lines.high == set()
    assert claim(plic) == 0


def test_a_wire_that_rises_while_served_waits_for_completion() -> None:
    """The gateway forwards one request at a time."""
    plic, lines = make_plic(10)
    plic.line(10)(True)
    claim(plic)
    plic.line(10)(False)
    plic.line(10)(True)
    assert lines.high == set()
    complete(plic, 10)
    assert claim(plic) == 10


def test_highest_priority_then_lowest_number_first() -> None:
    """Claims come by priority; equals come by number."""
    plic, _ = make_plic(3, 40, 70, 95)
    plic.store(4 * 70, 4, 5)
    for source in (3, 40, 70, 95):
        plic.line(source)(True)
    assert [claim(plic) for _ in range(5)] == [70, 3, 40, 95, 0]


def test_priority_zero_never_interrupts() -> None:
    """A source of priority zero is pending but never claimed."""
    plic, lines = make_plic(10)
    plic.store(40, 4, 0)
    plic.line(10)(True)
    assert plic.load(PENDING, 4) == 1 << 10
    assert lines.high == set()
    assert claim(plic) == 0


def test_threshold_must_be_exceeded() -> None:
    """A context takes only priorities above its threshold."""
    plic, lines = make_plic(10)
    plic.line(10)(True)
    plic.store(CONTEXT, 4, 1)
    assert lines.high == set()
    plic.store(40, 4, 2)
    assert lines.high == {(0, MEIP)}


def test_priorities_and_thresholds_have_three_bits() -> None:
    """Higher bits are dropped; source 0 has no priority."""
    plic, _ = make_plic()
    plic.store(4, 4, 0xFFFF_FFFF)
    plic.store(0, 4, 7)
    plic.store(CONTEXT, 4, 0xF)
    assert [plic.load(4, 4), plic.load(0, 4), plic.load(CONTEXT, 4)] == [7, 0, 7]


def test_enables_exist_for_existing_sources_only() -> None:
    """Source 0 and sources above the last have no enable bit."""
    plic, _ = make_plic()
    for word in range(4):
        plic.store(ENABLE + 4 * word, 4, 0xFFFF_FFFF)
    assert [plic.load(ENABLE + 4 * word, 4) for word in range(4)] == [0xFFFF_FFFE, 0xFFFF_FFFF, 0xFFFF_FFFF, 0]


def test_both_modes_see_a_source_and_one_claims_it() -> None:
    """A source enabled in two contexts goes to whichever claims first."""
    plic, lines = make_plic(10)
    plic.store(ENABLE + ENABLE_STRIDE, 4, 1 << 10)
    plic.line(10)(True)
    assert lines.high == {(0, MEIP), (0, SEIP)}
    assert [claim(plic, 1), claim(plic, 0)] == [10, 0]
    assert lines.high == set()


def test_registers_that_do_not_exist() -> None:
    """Unassigned offsets, absent contexts and pending bits ignore stores; the first two read zero."""
    plic, _ = make_plic(10)
    plic.line(10)(True)
    places = (PENDING, 4 * SOURCES, CONTEXT + 8, CONTEXT + 2 * CONTEXT_STRIDE, ENABLE + 2 * ENABLE_STRIDE, 0x5F_FFFC)
    for offset in places:
        plic.store(offset, 4, 0xFFFF_FFFF)
    assert [plic.load(offset, 4) for offset in places] == [1 << 10, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("source", [0, 11, SOURCES, 0xFFFF_FFFF])
def test_completing_something_else_changes_nothing(source: int) -> None:
    """Only the number that was claimed ends its service."""
    plic, _ = make_plic(10)
    plic.line(10)(True)
    claim(plic)
    complete(plic, source)
    assert claim(plic) == 0


def test_peek_does_not_claim() -> None:
    """A debugger reads the claim register without taking the interrupt."""
    plic, lines = make_plic(10)
    plic.line(10)(True)
    assert plic.peek(CONTEXT + CLAIM, 4) == (10).to_bytes(4, "little")
    assert plic.peek(CONTEXT + 2, 3) == b"\0\0\x0a"
    assert lines.high == {(0, MEIP)}
    assert claim(plic) == 10


def test_reset_keeps_the_wires() -> None:
    """Configuration is gone, what devices drive is not."""
    plic, lines = make_plic(10)
    plic.line(10)(True)
    claim(plic)
    plic.reset()
    assert lines.high == set()
    assert plic.load(ENABLE, 4) == 0
    assert plic.load(PENDING, 4) == 1 << 10


@pytest.mark.parametrize("width", [1, 2, 8])
def test_registers_are_words(width: int) -> None:
    """Other widths are not answered."""
    plic, _ = make_plic()
    with pytest.raises(BusFault):
        plic.load(0, width)
    with pytest.raises(BusFault):
        plic.store(0, width, 0)


OFFSETS = st.one_of(
    st.integers(0, SOURCES).map(lambda source: 4 * source),
    st.integers(0, 4 * ENABLE_STRIDE // 4).map(lambda word: ENABLE + 4 * word),
    st.tuples(st.integers(0, 4), st.sampled_from([0, CLAIM])).map(lambda at: CONTEXT + CONTEXT_STRIDE * at[0] + at[1]),
)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("store"), OFFSETS, st.integers(0, 0xFFFF_FFFF)),
        st.tuples(st.just("load"), OFFSETS, st.just(0)),
        st.tuples(st.just("wire"), st.integers(1, SOURCES - 1), st.integers(0, 1)),
    ),
    max_size=60,
)


@given(actions=ACTIONS)
def test_lines_agree_with_claims(actions: list[tuple[str, int, int]]) -> None:
    """After anything at all, a line is high exactly if a claim would give a source, and priorities stay legal."""
    lines = Harts()
    plic = Plic(2, lines)
    for kind, at, value in actions:
        if kind == "store":
            plic.store(at, 4, value)
        elif kind == "load":
            plic.load(at, 4)
        else:
            plic.line(at)(bool(value))
    for context in range(4):
        peeked = int.from_bytes(plic.peek(CONTEXT + CONTEXT_STRIDE * context + CLAIM, 4), "little")
        cause = SEIP if context & 1 else MEIP
        assert ((context >> 1, cause) in lines.high) == bool(peeked)
        assert claim(plic, context) == peeked
    assert all(plic.load(4 * source, 4) <= PRIORITY_MASK for source in range(SOURCES))
