"""Smepmp: the truth table, and what cannot be changed back (volume II, "Smepmp")."""

from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.isa.extensions import parse_cpu
from tests.hart.test_pmp import CODE, DATA, HANDLER, LOCKED, NAPOT, Entry, M, R, S, U, W, X, attempt, install, napot
from tests.helpers.rig import Rig

MML, MMWP, RLB = 1, 2, 4

TABLE = """
L R W X  M    SU
0 0 0 0  -    -
0 0 0 1  -    X
0 0 1 0  RW   R
0 0 1 1  RW   RW
0 1 0 0  -    R
0 1 0 1  -    RX
0 1 1 0  -    RW
0 1 1 1  -    RWX
1 0 0 0  -    -
1 0 0 1  X    -
1 0 1 0  X    X
1 0 1 1  RX   X
1 1 0 0  R    -
1 1 0 1  RX   -
1 1 1 0  RW   -
1 1 1 1  R    R
"""
"""The manual's truth table for MML = 1, its words as letters."""

ROWS = [line.split() for line in TABLE.split("\n")[2:-1]]
EXECUTABLE = {(1, 0, 0, 1), (1, 0, 1, 0), (1, 0, 1, 1), (1, 1, 0, 1)}
"""L, R, W, X of the rules that let M-mode execute."""


@pytest.fixture
def rig(engine: str) -> Rig:
    """A hart with Smepmp."""
    return Rig(engine, parse_cpu("max"))


def config(bits: list[str]) -> int:
    """The configuration byte of a row's L, R, W and X."""
    locked, read, write, execute = map(int, bits)
    return locked * LOCKED | NAPOT << 3 | read * R | write * W | execute * X


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "".join(row[:4]))
@pytest.mark.parametrize("priv", [U, S, M])
def test_truth_table(rig: Rig, row: list[str], priv: int) -> None:
    """Under MML each of the sixteen rules allows exactly what the table says, in each mode."""
    allowed = row[4] if priv == M else row[5]
    rig.hart.put("mseccfg", MML)
    rig.load_text("jalr x0, 0(x1)", DATA)
    install(rig, [Entry(NAPOT, 0, napot(DATA, 4096)), Entry(NAPOT, X, napot(CODE, 4096), locked=priv == M)])
    rig.hart.put("pmpcfg", config(row[:4]), 0)
    rig.engine.flush()

    found = {
        letter
        for letter, text, fault in (("R", "lw x8, 0(x7)", 5), ("W", "sw x8, 0(x7)", 7))
        if attempt(rig, text, DATA, mseccfg=MML, priv=priv) != (fault, DATA)
    }
    attempt(rig, "jalr x0, 0(x7)", DATA, mseccfg=MML, priv=priv)
    rig.hart.put("pc", DATA)
    rig.hart.put("mcause", 0)
    rig.run(1)
    if rig.hart.get("mcause") != 1:
        found.add("X")

    assert found == set(allowed) - {"-"}


@pytest.mark.parametrize(("security", "outcome"), [(0, "RWX"), (MML, "RW"), (MMWP, ""), (MML | MMWP, "")])
def test_memory_without_a_rule(rig: Rig, security: int, outcome: str) -> None:
    """M-mode has everything where no entry matches; under MML it cannot execute there, under MMWP do nothing."""
    install(rig, [Entry(NAPOT, X, napot(CODE, 4096), locked=True)])
    rig.load_text("addi x0, x0, 0", DATA)

    reads = attempt(rig, "lw x8, 0(x7)", DATA, mseccfg=security) == (0, 0)
    writes = attempt(rig, "sw x8, 0(x7)", DATA, mseccfg=security) == (0, 0)
    rig.load_text("addi x0, x0, 0", DATA)
    rig.hart.put("pc", DATA)
    rig.hart.put("mcause", 0)
    rig.run(1)
    executes = rig.hart.get("mcause") == 0

    assert "".join(letter for letter, can in zip("RWX", (reads, writes, executes), strict=True) if can) == outcome


def write_csr(rig: Rig, name: str, value: int) -> int:
    """Write a CSR in M-mode, and read it back."""
    rig.execute(f"csrrw x0, {name}, x5\ncsrrs x6, {name}, x0", x5=value)
    return rig.x(6)


def test_mml_and_mmwp_stay_set(rig: Rig) -> None:
    """Both are sticky until reset; RLB is not."""
    rig.open_memory()
    assert write_csr(rig, "mseccfg", RLB | MMWP) == RLB | MMWP
    assert write_csr(rig, "mseccfg", 0) == MMWP

    rig.reset()
    assert rig.hart.get("mseccfg") == 0


@pytest.mark.parametrize("mode", [0, NAPOT])
def test_rlb_stays_clear_while_a_rule_is_locked(rig: Rig, mode: int) -> None:
    """Any entry with L set, also one that is off, keeps RLB from being set; one that is set may stay or be cleared."""
    rig.hart.put("pmpcfg", LOCKED | mode << 3 | R | W | X, 3)
    rig.hart.put("pmpaddr", (1 << 54) - 1, 3)
    assert write_csr(rig, "mseccfg", RLB) == 0

    rig.hart.put("mseccfg", RLB)
    assert write_csr(rig, "mseccfg", RLB) == RLB
    assert write_csr(rig, "mseccfg", 0) == 0
    assert write_csr(rig, "mseccfg", RLB) == 0


@pytest.mark.parametrize("bypass", [False, True])
def test_rlb_lifts_the_lock(rig: Rig, *, bypass: bool) -> None:
    """A locked entry, its address, and the address below a locked TOR can be written under RLB and not otherwise."""
    rig.hart.put("mseccfg", RLB if bypass else 0)
    rig.hart.put("pmpcfg", LOCKED | R | W | X | 1 << 3, 1)
    rig.hart.put("pmpaddr", (1 << 54) - 1, 1)
    rig.engine.flush()

    assert write_csr(rig, "pmpaddr0", 0) == 0
    assert (write_csr(rig, "pmpaddr0", 4) == 4) == bypass
    assert (write_csr(rig, "pmpaddr1", (1 << 54) - 2) == (1 << 54) - 2) == bypass
    assert (write_csr(rig, "pmpcfg0", 0x0F00) == 0x0F00) == bypass


@pytest.mark.parametrize("security", [0, MML, RLB, MML | RLB])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: "".join(row[:4]))
def test_which_rules_can_be_written(rig: Rig, row: list[str], security: int) -> None:
    """W without R is reserved but under MML; there no rule may be added that lets M-mode execute, but under RLB."""
    old = NAPOT << 3 | R
    rig.hart.put("pmpcfg", old, 2)
    rig.hart.put("pmpaddr", RAM_BASE + 0xF000 >> 2, 2)
    rig.hart.put("pmpcfg", LOCKED | NAPOT << 3 | X, 0)
    rig.hart.put("pmpaddr", napot(CODE, 4096), 0)
    rig.hart.put("mseccfg", security)
    rig.hart.put("mtvec", HANDLER)
    rig.engine.flush()
    new = config(row[:4])

    found = write_csr(rig, "pmpcfg0", new << 16 | LOCKED | NAPOT << 3 | X) >> 16 & 0xFF

    bits = tuple(map(int, row[:4]))
    if security & MML:
        expected = old if bits in EXECUTABLE and not security & RLB else new
    else:
        expected = new & ~W if bits[1:3] == (0, 1) else new
    assert found == expected
