"""The names of the bits of CSRs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.hart import fields as masks
from emulator.hart.layouts import LAYOUTS, MASKING, VALUES, cause_name, decoded, field, fields

MASK64 = (1 << 64) - 1

KNOWN = [
    # `spec/pointer-masking.md` 2.1 and the manual's figures: CSR, field, mask of its bits.
    ("mseccfg", "PMM", 0x3_0000_0000),
    ("menvcfg", "PMM", 0x3_0000_0000),
    ("senvcfg", "PMM", 0x3_0000_0000),
    ("henvcfg", "PMM", 0x3_0000_0000),
    ("hstatus", "HUPMM", 0x3_0000_0000_0000),
    ("hstatus", "SPVP", 0x100),
    ("hstatus", "VGEIN", 0x3F000),
    ("hstatus", "VTSR", 0x40_0000),
    ("hgatp", "VMID", 0x03FF_F000_0000_0000),
    ("vsatp", "ASID", 0x0FFF_F000_0000_0000),
    ("vsstatus", "SUM", 0x4_0000),
    ("mstatus", "MPV", 0x80_0000_0000),
    ("mstatus", "GVA", 0x40_0000_0000),
    ("mstateen0", "ENVCFG", 0x4000_0000_0000_0000),
    ("hvip", "VSTIP", 0x40),
    ("hie", "SGEIE", 0x1000),
    ("hedeleg", "LOAD_PAGE", 0x2000),
    ("hideleg", "VSSI", 0x4),
    ("hcounteren", "HPM31", 0x8000_0000),
    ("fcsr", "FRM", 0xE0),
    ("tdata1", "match", 0x780),
]


@pytest.mark.parametrize(("csr", "name", "mask"), KNOWN, ids=str)
def test_fields_lie_where_the_manual_has_them(csr: str, name: str, mask: int) -> None:
    """A field of each kind, by the manual's figure of its CSR."""
    found = field(csr, name)
    assert found is not None
    assert found.mask == mask


def test_the_layout_agrees_with_the_rules() -> None:
    """Masks of `mstatus` and `menvcfg` that the hart's rules use are fields of the same name."""
    for prefix, csr in (("MSTATUS_", "mstatus"), ("ENVCFG_", "menvcfg")):
        for name, mask in vars(masks).items():
            found = field(csr, name.removeprefix(prefix)) if name.startswith(prefix) else None
            assert found is None or found.mask == mask, name


@pytest.mark.parametrize("csr", LAYOUTS)
def test_fields_do_not_overlap(csr: str) -> None:
    """Whatever a CSR holds, each of its bits belongs to one field at most, and every set of values exists."""
    for value in (0, MASK64):
        taken = 0
        for one, _ in decoded(csr, value):
            assert 0 <= one.low <= one.high < 64
            assert taken & one.mask == 0, one
            assert not one.values or max(VALUES[one.values]) <= one.mask >> one.low
            taken |= one.mask


@given(st.sampled_from(sorted(LAYOUTS)), st.integers(0, MASK64), st.data())
def test_a_field_is_written_alone(csr: str, value: int, data: st.DataObject) -> None:
    """What is placed in a field is what it then holds, and no other bit changes."""
    one = data.draw(st.sampled_from(fields(csr)))
    part = data.draw(st.integers(0, one.mask >> one.low))
    placed = one.placed(value, part)
    assert one.of(placed) == part
    assert placed & ~one.mask == value & ~one.mask


def test_masking_names_fields() -> None:
    """Everything that decides about masking is a field of a CSR."""
    assert [f"{csr}.{name}" for csr, name in MASKING if field(csr, name) is None] == []


def test_a_cause_means_what_its_top_bit_says() -> None:
    """Code 5 is an access fault as an exception, the supervisor's timer as an interrupt."""
    assert cause_name(5) == "load-access-fault"
    assert cause_name(1 << 63 | 5) == "supervisor-timer interrupt"
    assert cause_name(21) == "guest-load-page-fault"
    assert cause_name(62) == "exception 62"
    texts = [[one.text(part) for one, part in decoded("mcause", value)] for value in (13, 1 << 63 | 13)]
    assert texts == [["0", "load-page-fault"], ["1", "counter-overflow"]]
