"""Explanations of masking and translation: what they say is what the hart does."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.engine.layout import RAM_BASE
from emulator.explain import Access, access, data_mode_of, masking
from emulator.hart.modes import data_mode
from emulator.hart.translation import FIRST, IMPLICIT, LOAD, SECOND, STORE
from emulator.hart.traplog import last_traps
from emulator.isa.text import assemble
from emulator.memory.bus import Bus
from emulator.witness import Witness
from tests.helpers.paging import ADUE, MXR, PAGE, PBMTE, SUM, A, D, R, U, V, W, X
from tests.helpers.rig import Rig

M, S, VU, VS = 3, 1, 4, 5
PMLEN7, PMLEN16 = 2 << 32, 3 << 32
SV39, SV48 = 8 << 60, 9 << 60
HANDLER = RAM_BASE + PAGE
FIRST_TABLE, SECOND_TABLE = RAM_BASE + 16 * PAGE, RAM_BASE + 32 * PAGE
DATA = RAM_BASE + 8 * PAGE
PAGES = 64


@cache
def _rig() -> Rig:
    return Rig("reference", None, PAGES * PAGE)


def prepared(**fields: int) -> Rig:
    """A hart with open memory and fields as given."""
    rig = _rig()
    rig.write(RAM_BASE, bytes(PAGES * PAGE))
    rig.reset()
    rig.open_memory()
    for name, value in {"mtvec": HANDLER, **fields}.items():
        rig.hart.put(name, value)
    return rig


def witness(rig: Rig) -> Witness:
    """A witness of the rig's hart."""
    return Witness(rig.blocks, rig.hart, rig.backing, Bus())


def put(rig: Rig, place: int, pte: int) -> None:
    """Write an entry."""
    rig.write(place, (pte & (1 << 64) - 1).to_bytes(8, "little"))


def leaf(physical: int, flags: int) -> int:
    """An entry that maps a page."""
    return physical >> 12 << 10 | flags


def map_one(rig: Rig, table: int, address: int, last: int, *, root: int, flags: int = V) -> None:
    """Three levels of tables at `table` that lead to the entry `last`; `root` is the first table's size in pages."""
    tables = (table, table + root * PAGE, table + (root + 1) * PAGE)
    put(rig, tables[0] + 8 * (address >> 30 & 512 * root - 1), leaf(tables[1], flags))
    put(rig, tables[1] + 8 * (address >> 21 & 511), leaf(tables[2], V))
    put(rig, tables[2] + 8 * (address >> 12 & 511), last)


GOVERNED = [
    # Mode, whether HLV in U-mode, and the field that `spec/pointer-masking.md` 1 gives it.
    (M, False, "mseccfg.PMM"),
    (S, False, "menvcfg.PMM"),
    (0, False, "senvcfg.PMM"),
    (VS, False, "henvcfg.PMM"),
    (VU, False, "senvcfg.PMM"),
    (VU, True, "hstatus.HUPMM"),
]


@pytest.mark.parametrize(("mode", "user", "field"), GOVERNED)
def test_the_governing_field_is_found(mode: int, field: str, *, user: bool) -> None:
    """By experiment with the hart's rule, which is the manual's table."""
    rule = masking(witness(prepared()), mode, hlv_from_user=user)
    assert rule.governor is not None
    assert f"{rule.governor.csr}.{rule.governor.field}" == field
    assert (rule.pmlen, rule.signed, rule.lifted) == (0, False, ())


def test_what_lifts_masking_is_named() -> None:
    """MXR of either status for a guest, of `mstatus` for S-mode, of none for M-mode."""
    every = {"mseccfg": PMLEN7, "menvcfg": PMLEN7, "henvcfg": PMLEN16}
    seen = witness(prepared(**every, mstatus=MXR, vsstatus=MXR))
    lifted = {mode: [one.text for one in masking(seen, mode).lifted] for mode in (M, S, VS)}
    assert lifted == {M: [], S: ["mstatus.MXR=1"], VS: ["mstatus.MXR=1", "vsstatus.MXR=1"]}
    assert {mode: masking(seen, mode).pmlen for mode in (M, S, VS)} == {M: 7, S: 0, VS: 0}


def test_the_kind_of_extension_is_named() -> None:
    """Signs where the governing register translates, zeros where it does not or in M-mode."""
    seen = witness(prepared(mseccfg=PMLEN7, menvcfg=PMLEN7, henvcfg=PMLEN16, satp=SV39))
    rules = {mode: masking(seen, mode) for mode in (M, S, VS)}
    texts = {mode: rule.extension.text if rule.extension else None for mode, rule in rules.items()}
    assert texts == {M: None, S: "satp.MODE=Sv39", VS: "vsatp.MODE=Bare"}
    assert {mode: rule.signed for mode, rule in rules.items()} == {M: False, S: True, VS: False}


def two_stages(rig: Rig, address: int, *, first: int, second: int) -> None:
    """Map a guest's address to DATA through both stages; the guest's tables lie where the G-stage maps them."""
    map_one(rig, FIRST_TABLE, address, first, root=1)
    map_one(rig, SECOND_TABLE, RAM_BASE, leaf(RAM_BASE, V | R | W | U | A | D), root=4)
    last = SECOND_TABLE + 5 * PAGE
    for page in range(PAGES):
        put(rig, last + 8 * page, leaf(RAM_BASE + page * PAGE, V | R | W | X | U | A | D))
    put(rig, last + 8 * (DATA - RAM_BASE >> 12), second)
    rig.hart.put("vsatp", SV39 | FIRST_TABLE >> 12)
    rig.hart.put("hgatp", SV39 | SECOND_TABLE >> 12)


GUEST_PAGE = leaf(DATA, V | R | W | A | D)
HOST_PAGE = leaf(DATA, V | R | W | U | A | D)


def test_both_stages_are_recorded() -> None:
    """Each entry of the VS-stage with the walk that found it, then the walk of the guest-physical address."""
    rig = prepared(priv=S, virt=1, henvcfg=PMLEN16)
    two_stages(rig, 0x4000_1000, first=GUEST_PAGE, second=HOST_PAGE)
    seen = access(witness(rig), "load", 0xABCD_0000_4000_1238)
    assert (seen.address, seen.mode, seen.physical, seen.fault) == (0x4000_1238, VS, DATA + 0x238, None)
    first, second = seen.walks
    assert (first.stage, second.stage, first.result) == (FIRST, SECOND, DATA + 0x238)
    assert [entry.level for entry in first.entries] == [2, 1, 0]
    assert [entry.nested.stage for entry in first.entries if entry.nested] == [IMPLICIT] * 3
    assert [entry.pte for entry in first.entries][-1] == GUEST_PAGE
    assert [entry.pte for entry in second.entries][-1] == HOST_PAGE
    assert first.allowed == second.allowed == LOAD | STORE


def test_nothing_reaches_the_hart() -> None:
    """An explanation of a store sets no D bit, writes no byte, and leaves the hart's state as it was."""
    rig = prepared(priv=S, virt=1, menvcfg=ADUE, henvcfg=ADUE)
    two_stages(rig, 0x4000_1000, first=leaf(DATA, V | R | W), second=leaf(DATA, V | R | W | U))
    memory, words = rig.read(RAM_BASE, PAGES * PAGE), bytes(rig.hart.words)
    seen = access(witness(rig), "store", 0x4000_1000)
    assert seen.fault is None
    assert [walk.updated for walk in seen.walks] == [leaf(DATA, V | R | W | A | D), leaf(DATA, V | R | W | U | A | D)]
    assert rig.read(RAM_BASE, PAGES * PAGE) == memory
    assert bytes(rig.hart.words) == words


FAULTS = [
    ("load", 0x4000_1000, leaf(DATA, R | W), HOST_PAGE, 13, "walk walk_fault", 0),
    ("store", 0x4000_1000, leaf(DATA, V | R | A | D), HOST_PAGE, 15, "walk use_leaf walk_fault", 0),
    ("load", 0x4000_1000, leaf(DATA, V | R | D), HOST_PAGE, 13, "walk use_leaf touch_leaf walk_fault", 0),
    ("load", 1 << 45, GUEST_PAGE, HOST_PAGE, 13, "walk walk_fault", 0),
    ("load", 0x4000_1000, GUEST_PAGE, leaf(DATA, V | R | W | A | D), 21, "walk use_leaf walk_fault", 1),
    ("fetch", 0x4000_1000, leaf(DATA, V | R | X | A | D), HOST_PAGE, 20, "walk use_leaf walk_fault", 1),
]


@pytest.mark.parametrize(("kind", "address", "first", "second", "cause", "chain", "at"), FAULTS)
def test_a_fault_is_placed(kind: str, address: int, first: int, second: int, cause: int, chain: str, at: int) -> None:
    """The walk that raised it, and the rule in it."""
    rig = prepared(priv=S, virt=1)
    two_stages(rig, 0x4000_1000, first=first, second=second)
    seen = access(witness(rig), kind, address)
    assert seen.fault is not None
    assert seen.fault.cause == cause
    assert [walk.fault for walk in seen.walks] == [None] * at + [chain]


def test_a_fault_of_a_table_belongs_to_the_walk_of_the_table() -> None:
    """The VS-stage's own walk does not fault when the G-stage cannot find its entry."""
    rig = prepared(priv=S, virt=1)
    two_stages(rig, 0x4000_1000, first=GUEST_PAGE, second=HOST_PAGE)
    put(rig, SECOND_TABLE + 5 * PAGE + 8 * (FIRST_TABLE + PAGE - RAM_BASE >> 12), 0)
    seen = access(witness(rig), "load", 0x4000_1000)
    (walk,) = seen.walks
    assert seen.fault is not None
    assert (seen.fault.cause, seen.tval2, seen.tinst) == (21, FIRST_TABLE + PAGE >> 2, 0x3000)
    assert walk.fault is None
    assert [entry.pte is None for entry in walk.entries] == [False, True]
    assert walk.entries[1].nested is not None
    assert walk.entries[1].nested.fault == "walk walk_fault"


@pytest.mark.parametrize(
    ("kind", "address", "cause"), [("load", 0x40, 5), ("store", 0x40, 7), ("store", 0x1000, 7), ("fetch", 0x40, 1)]
)
def test_where_nothing_is_an_access_faults(kind: str, address: int, cause: int) -> None:
    """No memory and no device; and the ROM takes no store."""
    seen = access(witness(prepared()), kind, address)
    assert seen.fault is not None
    assert (seen.fault.cause, seen.fault.tval, seen.physical) == (cause, address, address)
    assert access(witness(prepared()), "load", 0x1000).fault is None


def executed(rig: Rig, kind: str, address: int) -> tuple[int, int, int] | None:
    """Cause, tval and tval2 of what one instruction at DATA + PAGE raises when it is executed, or None."""
    text = {"load": "lb x5, 0(x6)", "store": "sb x0, 0(x6)", "hlv": "hlv.b x5, (x6)", "hsv": "hsv.b x0, (x6)"}[kind]
    rig.program([assemble(text)], RAM_BASE)
    rig.hart.put("x", address, 6)
    rig.hart.put("pc", RAM_BASE)
    rig.run(1)
    if rig.hart.get("pc") != HANDLER:
        return None
    record = last_traps(rig.hart)[-1]
    return record.cause, record.tval, record.tval2


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["load", "store"]),
    flags=st.tuples(st.integers(0, 255), st.integers(0, 255)),
    upper=st.sampled_from([0, 0xAB << 56, 1 << 40, 0xFFFF << 48]),
    status=st.sampled_from([0, MXR, SUM, MXR | SUM]),
    envcfg=st.sampled_from([0, PMLEN7, PMLEN16 | ADUE, ADUE | PBMTE]),
    mode=st.sampled_from([S, VU, VS]),
)
def test_an_explanation_says_what_execution_does(
    kind: str, flags: tuple[int, int], upper: int, status: int, envcfg: int, mode: int
) -> None:
    """Whatever the tables hold: the same exception with the same values, or none, as M-mode's access under MPRV."""
    rig = prepared(priv=M, menvcfg=envcfg, henvcfg=envcfg, senvcfg=envcfg, vsstatus=status)
    two_stages(rig, 0x4000_1000, first=leaf(DATA, flags[0]), second=leaf(DATA, flags[1]))
    rig.hart.put("satp", rig.hart.get("vsatp"))
    borrowed = 1 << 17 | (mode & 3) << 11 | (mode >> 2) << 39
    rig.hart.put("mstatus", status | borrowed)
    seen = witness(rig)
    assert data_mode_of(seen) == mode == seen.call(data_mode)
    told: Access = access(seen, kind, upper | 0x4000_1008)
    raised = (told.fault.cause, told.fault.tval, told.tval2) if told.fault else None
    assert executed(rig, kind, upper | 0x4000_1008) == raised
    assert (told.physical is None) == (raised is not None and raised[0] not in (5, 7))
