"""Physical memory protection against an oracle that looks at one byte at a time (volume II, 3.7)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emulator.engine import ENGINES
from emulator.engine.layout import RAM_BASE
from emulator.hart.fields import Cause
from tests.helpers.rig import Rig

R, W, X, LOCKED = 1, 2, 4, 0x80
OFF, TOR, NA4, NAPOT = 0, 1, 2, 3
U, S, M = 0, 1, 3
HANDLER = RAM_BASE + 0xE000
CODE = RAM_BASE
DATA = RAM_BASE + 0x4000
MPRV = 1 << 17
RIGS = {engine: Rig(engine) for engine in ENGINES}


@dataclass(frozen=True, slots=True)
class Entry:
    """A PMP entry as the manual writes it: mode, rights, lock, and the address register's value."""

    mode: int
    rights: int
    word: int
    locked: bool = False

    @property
    def config(self) -> int:
        """The configuration byte."""
        return self.mode << 3 | self.rights | (LOCKED if self.locked else 0)


def napot(base: int, size: int) -> int:
    """The address register of a naturally aligned region of at least 8 bytes."""
    return base >> 2 | (size >> 3) - 1


def matches(entries: list[Entry], index: int, byte: int) -> bool:
    """Whether entry `index` covers a byte, by definition of the address modes."""
    entry = entries[index]
    if entry.mode == TOR:
        below = entries[index - 1].word if index else 0
        return below * 4 <= byte < entry.word * 4
    if entry.mode == NA4:
        return byte >> 2 == entry.word
    if entry.mode == NAPOT:
        size = 8
        word = entry.word
        while word & 1:
            size, word = size * 2, word >> 1
        return byte // size == entry.word * 4 // size
    return False


def allowed(entries: list[Entry], priv: int, first: int, size: int, right: int) -> bool:
    """The manual's rule: the lowest entry that matches any byte must match all, and then it decides."""
    span = range(first, first + size)
    for index, entry in enumerate(entries):
        covered = [matches(entries, index, byte) for byte in span]
        if any(covered):
            free = priv == M and not entry.locked
            return all(covered) and (free or bool(entry.rights & right))
    return priv == M


def install(rig: Rig, entries: list[Entry]) -> None:
    """Set the entries from number 0 on, all others off."""
    for index in range(16):
        entry = entries[index] if index < len(entries) else Entry(OFF, 0, 0)
        rig.hart.put("pmpcfg", entry.config, index)
        rig.hart.put("pmpaddr", entry.word, index)
    rig.engine.flush()


def everything(rights: int = R | W | X) -> Entry:
    """An entry that covers all memory."""
    return Entry(NAPOT, rights, (1 << 54) - 1)


LOADS = {1: "lb", 2: "lh", 4: "lw", 8: "ld"}
STORES = {1: "sb", 2: "sh", 4: "sw", 8: "sd"}


def attempt(rig: Rig, text: str, address: int, **fields: int) -> tuple[int, int]:
    """Execute one instruction on `x7` = address twice (the second time through the TLB); its cause and value."""
    results = []
    for _ in range(2):
        rig.load_text(text)
        rig.hart.put("mtvec", HANDLER)
        rig.hart.put("pc", CODE)
        for name, value in ({"priv": M, "mstatus": 0, "mcause": 0, "mtval": 0} | fields).items():
            rig.hart.put(name, value)
        rig.hart.put("attention", 1)
        rig.hart.put("x", address, 7)
        rig.run(1)
        trapped = rig.hart.get("pc") == HANDLER
        results.append((rig.hart.get("mcause"), rig.hart.get("mtval")) if trapped else (0, 0))
    assert results[0] == results[1]
    return results[0]


def mode_fields(priv: int) -> dict[str, int]:
    """M-mode whose loads and stores are made with a privilege."""
    return {"mstatus": MPRV | priv << 11}


words = st.integers(-8, 12).map(lambda at: (DATA >> 2) + at)
regions = st.tuples(st.integers(0, 12), st.integers(3, 6)).map(
    lambda pair: napot(DATA - 16 + (8 * pair[0] & -(1 << pair[1])), 1 << pair[1])
)
entry_lists = st.lists(
    st.builds(
        Entry,
        mode=st.sampled_from([OFF, TOR, NA4, NAPOT]),
        rights=st.sampled_from([0, R, R | W, X, R | X, R | W | X]),
        word=st.one_of(words, regions),
        locked=st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize("engine", ENGINES)
@given(
    entries=entry_lists,
    open_rest=st.booleans(),
    priv=st.sampled_from([U, S, M]),
    size=st.sampled_from([1, 2, 4, 8]),
    at=st.integers(-4, 6),
    store=st.booleans(),
)
@example(entries=[Entry(NA4, R, DATA >> 2)], open_rest=True, priv=S, size=8, at=0, store=False)
@settings(max_examples=250, deadline=None)
def test_data_against_the_oracle(
    engine: str, *, entries: list[Entry], open_rest: bool, priv: int, size: int, at: int, store: bool
) -> None:
    """Aligned loads and stores under random entries do what a brute-force reading of the manual says."""
    rig = RIGS[engine]
    rig.reset()
    code = Entry(NAPOT, X, napot(CODE, 4096))  # so that the instruction itself can be fetched
    rules = [code, *entries, *([everything()] if open_rest else [])]
    install(rig, rules)
    address = DATA + at * size
    text = f"{STORES[size]} x6, 0(x7)" if store else f"{LOADS[size]} x6, 0(x7)"

    cause, tval = attempt(rig, text, address, **mode_fields(priv))

    if allowed(rules, priv, address, size, W if store else R):
        assert cause == 0
    else:
        assert (cause, tval) == (Cause.STORE_ACCESS if store else Cause.LOAD_ACCESS, address)


@pytest.mark.parametrize("engine", ENGINES)
@given(entries=entry_lists, priv=st.sampled_from([U, S, M]), at=st.integers(-8, 24), long=st.booleans())
@settings(max_examples=250, deadline=None)
def test_fetches_against_the_oracle(engine: str, *, entries: list[Entry], priv: int, at: int, long: bool) -> None:
    """Each parcel of an instruction needs X; the trap value is the address of the parcel that lacks it."""
    rig = RIGS[engine]
    rig.reset()
    rules = [*entries, everything()]
    install(rig, rules)
    address = DATA + 2 * at
    word = 0x0000_0013 if long else 0x0001
    rig.write(DATA - 64, bytes(256))
    rig.write(address, word.to_bytes(4 if long else 2, "little"))
    for _ in range(2):
        for name, value in {"pc": address, "priv": priv, "mtvec": HANDLER, "mcause": 0, "mtval": 0}.items():
            rig.hart.put(name, value)

        rig.run(1)

        missing = [
            part for part in ((address, address + 2) if long else (address,)) if not allowed(rules, priv, part, 2, X)
        ]
        if missing:
            assert (rig.hart.get("mcause"), rig.hart.get("mtval")) == (Cause.FETCH_ACCESS, missing[0])
            assert rig.hart.get("mepc") == address
        else:
            assert rig.hart.get("pc") == address + (4 if long else 2)


@pytest.mark.parametrize("mode", [TOR, NA4, NAPOT])
@pytest.mark.parametrize("rights", [0, R, R | W, X, R | X, R | W | X])
@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("priv", [U, S, M])
def test_rights_table(rig: Rig, mode: int, rights: int, priv: int, *, locked: bool) -> None:
    """Each address mode, with each legal set of rights, for each privilege, locked and not."""
    word = {TOR: DATA + 64 >> 2, NA4: DATA >> 2, NAPOT: napot(DATA, 64)}[mode]
    floor = Entry(OFF, 0, DATA >> 2)
    install(rig, [floor, Entry(mode, rights, word, locked), everything()])
    bound = priv != M or locked

    assert attempt(rig, "lw x6, 0(x7)", DATA, **mode_fields(priv))[0] == (
        Cause.LOAD_ACCESS if bound and not rights & R else 0
    )
    assert attempt(rig, "sw x6, 0(x7)", DATA, **mode_fields(priv))[0] == (
        Cause.STORE_ACCESS if bound and not rights & W else 0
    )
    assert attempt(rig, "amoadd.w x6, x0, (x7)", DATA, **mode_fields(priv))[0] == (
        Cause.STORE_ACCESS if bound and not rights & W else 0
    )
    assert attempt(rig, "lr.w x6, (x7)", DATA, **mode_fields(priv))[0] == (
        Cause.LOAD_ACCESS if bound and not rights & R else 0
    )


@pytest.mark.parametrize(("priv", "outcome"), [(U, Cause.LOAD_ACCESS), (S, Cause.LOAD_ACCESS), (M, 0)])
def test_no_entry_matches(rig: Rig, priv: int, outcome: int) -> None:
    """Where no entry matches M-mode may do everything, the others nothing."""
    install(rig, [])

    assert attempt(rig, "lw x6, 0(x7)", DATA, **mode_fields(priv))[0] == outcome


def test_mprv_does_not_touch_fetches(rig: Rig) -> None:
    """MPRV lends a privilege to loads and stores only: M-mode goes on executing what others may not."""
    install(rig, [Entry(NAPOT, R | W, (1 << 54) - 1)])

    assert attempt(rig, "lw x6, 0(x7)", DATA, **mode_fields(U)) == (0, 0)


@pytest.mark.parametrize("executing", [U, S])
def test_mprv_counts_in_m_mode_only(rig: Rig, executing: int) -> None:
    """Below M-mode MPRV has no effect."""
    install(rig, [Entry(NAPOT, R | W | X, napot(RAM_BASE, 0x1000))])
    fields = {"priv": executing, "mstatus": MPRV | M << 11}

    assert attempt(rig, "lw x6, 0(x7)", DATA, **fields)[0] == Cause.LOAD_ACCESS


def test_a_region_of_all_memory(rig: Rig) -> None:
    """An address register of all ones covers everything."""
    install(rig, [everything(R)])

    assert attempt(rig, "lw x6, 0(x7)", DATA, **mode_fields(U))[0] == 0
    assert attempt(rig, "sw x6, 0(x7)", DATA, **mode_fields(U))[0] == Cause.STORE_ACCESS


def test_empty_and_inverted_ranges_match_nothing(rig: Rig) -> None:
    """A TOR entry whose top is not above its bottom matches no byte."""
    for top in (DATA >> 2, (DATA >> 2) - 4):
        install(rig, [Entry(OFF, 0, DATA >> 2), Entry(TOR, 0, top), everything()])
        assert attempt(rig, "lw x6, 0(x7)", DATA - 8, **mode_fields(U))[0] == 0
        assert attempt(rig, "lw x6, 0(x7)", DATA, **mode_fields(U))[0] == 0


@pytest.mark.parametrize("border", [DATA + 4, DATA + 60, DATA + 64, DATA + 0x800, DATA + 0xFFC])
@pytest.mark.parametrize("access", ["lw x6, 0(x7)", "sw x6, 0(x7)"])
def test_a_border_inside_a_page(rig: Rig, border: int, access: str) -> None:
    """On a page with a border each access is judged by its own bytes, before and after others were allowed."""
    install(rig, [Entry(TOR, R | W, border >> 2), everything(X)])
    fault = Cause.LOAD_ACCESS if access[0] == "l" else Cause.STORE_ACCESS

    for _ in range(2):
        assert attempt(rig, access, border - 4, **mode_fields(U)) == (0, 0)
        assert attempt(rig, access, border, **mode_fields(U)) == (fault, border)
        assert attempt(rig, access, border - 2, **mode_fields(U))[0] == fault


def test_code_before_a_border_inside_its_page(rig: Rig) -> None:
    """Straight-line code runs up to the border and faults at the first instruction behind it."""
    install(rig, [Entry(TOR, X, CODE + 16 >> 2), everything(R | W)])
    rig.load_text("addi x5, x5, 1\n" * 8)
    rig.hart.put("mtvec", HANDLER)
    rig.hart.put("pc", CODE)
    rig.hart.put("priv", U)

    rig.run(5)

    assert rig.x(5) == 4
    assert (rig.hart.get("mcause"), rig.hart.get("mepc"), rig.hart.get("mtval")) == (1, CODE + 16, CODE + 16)


def test_rights_taken_away_are_gone(rig: Rig) -> None:
    """A write to a PMP register counts from the next instruction on, whatever was cached."""
    install(rig, [Entry(NAPOT, R | W | X, napot(DATA, 4096))])
    rig.hart.put("mtvec", HANDLER)
    rig.hart.put("mstatus", MPRV)
    rig.execute("lw x6, 0(x7)\ncsrrw x0, pmpcfg0, x0\nlw x6, 0(x7)", x7=DATA)

    assert (rig.hart.get("mcause"), rig.hart.get("mepc")) == (Cause.LOAD_ACCESS, CODE + 8)


def test_rights_given_count_at_once(rig: Rig) -> None:
    """An access that was refused is allowed when an entry has been added."""
    rig.hart.put("mtvec", HANDLER)
    rig.hart.put("mstatus", MPRV)
    rig.execute("csrrw x0, pmpaddr0, x5\ncsrrw x0, pmpcfg0, x6\nlw x8, 0(x7)", x5=(1 << 54) - 1, x6=0x19, x7=DATA)

    assert rig.hart.get("pc") == CODE + 12


def test_a_locked_entry_keeps_its_registers(rig: Rig) -> None:
    """Writes to a locked entry's configuration and address are ignored; its neighbours are free."""
    install(rig, [Entry(NAPOT, R, napot(DATA, 64), locked=True)])
    before = rig.hart.get("pmpaddr", 0)

    rig.execute("csrrw x0, pmpcfg0, x5\ncsrrw x0, pmpaddr0, x6\ncsrrw x0, pmpaddr1, x6", x5=0x1F1F, x6=5)

    assert (rig.hart.get("pmpcfg", 0), rig.hart.get("pmpcfg", 1)) == (0x99, 0x1F)
    assert (rig.hart.get("pmpaddr", 0), rig.hart.get("pmpaddr", 1)) == (before, 5)


@pytest.mark.parametrize(("mode", "kept"), [(TOR, True), (NA4, False), (NAPOT, False), (OFF, False)])
def test_a_locked_tor_locks_the_address_below(rig: Rig, mode: int, *, kept: bool) -> None:
    """A locked TOR entry's lower bound cannot be moved either; in other modes the address below is free."""
    install(rig, [Entry(OFF, 0, 100), Entry(mode, R, 200, locked=True)])

    rig.execute("csrrw x0, pmpaddr0, x5\ncsrrw x0, pmpaddr1, x5", x5=7)

    assert (rig.hart.get("pmpaddr", 0), rig.hart.get("pmpaddr", 1)) == (100 if kept else 7, 200)


def test_a_lock_set_by_the_same_write(rig: Rig) -> None:
    """A locked byte of pmpcfg stays, the seven others of the same write are taken."""
    rig.execute(
        "csrrw x0, pmpcfg0, x5\ncsrrw x0, pmpcfg0, x6\ncsrrs x7, pmpcfg0, x0", x5=0x8F, x6=0x0B0A_0908_0706_0504
    )

    assert rig.x(7) & 0xFF == 0x8F
    assert rig.x(7) >> 8 & 0xFF == 0x05


def test_pmp_registers_of_rv64(rig: Rig) -> None:
    """On RV64 the odd pmpcfg registers do not exist."""
    rig.hart.put("mtvec", HANDLER)
    for number in (0x3A1, 0x3A3):
        rig.execute(f"csrrs x6, {number:#x}, x0")
        assert rig.hart.get("mcause") == Cause.ILLEGAL
        rig.hart.put("mcause", 0)


def test_misaligned_store_into_a_forbidden_page(rig: Rig) -> None:
    """A store across pages whose second half is forbidden faults at its second half, first half unwritten."""
    install(rig, [Entry(NAPOT, R | W, napot(DATA, 4096)), Entry(NAPOT, R | X, (1 << 54) - 1)])
    rig.write(DATA + 4088, bytes(16))
    rig.hart.put("x", (1 << 64) - 1, 6)

    cause, tval = attempt(rig, "sd x6, 0(x7)", DATA + 4092, **mode_fields(U))

    assert (cause, tval) == (Cause.STORE_ACCESS, DATA + 4096)
    assert rig.read(DATA + 4088, 16) == bytes(16)


@pytest.mark.parametrize(
    ("access", "cause"), [("ld x6, 0(x7)", Cause.LOAD_ACCESS), ("sd x6, 0(x7)", Cause.STORE_ACCESS)]
)
def test_a_part_in_the_next_page_must_match_whole(rig: Rig, access: str, cause: Cause) -> None:
    """Five bytes behind a page border, of which an unlocked entry matches four, are denied to M-mode too."""
    install(rig, [Entry(NA4, X, DATA + 4096 >> 2)])

    assert attempt(rig, access, DATA + 4093, **mode_fields(M)) == (cause, DATA + 4096)
    assert attempt(rig, access, DATA + 4092, **mode_fields(M)) == (0, 0)
