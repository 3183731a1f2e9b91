"""Zkr: `seed` by the rules of volume I, "Entropy Source", and volume II, `mseccfg`."""

from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.hart.fields import Cause
from emulator.isa.extensions import parse_cpu
from tests.helpers.rig import Rig

HANDLER = RAM_BASE + 0x8000
OPST = 3 << 30
ES16 = 2 << 30
USEED, SSEED = 1 << 8, 1 << 9
U, S, M = 0, 1, 3


@pytest.fixture
def rig(engine: str) -> Rig:
    """A hart with an entropy source."""
    return Rig(engine, parse_cpu("rv64,zkr=on"))


def access(rig: Rig, text: str, *, priv: int = M, security: int = 0) -> bool:
    """Execute one instruction in a mode; whether it was legal."""
    rig.open_memory()
    rig.hart.put("mtvec", HANDLER)
    rig.hart.put("mseccfg", security)
    rig.hart.put("priv", priv)
    rig.execute(text)
    if rig.hart.get("pc") == HANDLER:
        assert rig.hart.get("mcause") == Cause.ILLEGAL
        return False
    return True


@pytest.mark.parametrize(
    "text", ["csrrw x6, seed, x0", "csrrwi x6, seed, 0", "csrrs x6, seed, x7", "csrrci x6, seed, 1"]
)
def test_an_access_that_writes_gets_entropy(rig: Rig, text: str) -> None:
    """OPST is ES16, sixteen bits of entropy lie below, and what is between reads zero."""
    assert access(rig, text)

    assert rig.x(6) & OPST == ES16
    assert rig.x(6) & ~OPST < 1 << 16


@pytest.mark.parametrize(
    "text", ["csrrs x6, seed, x0", "csrrc x6, seed, x0", "csrrsi x6, seed, 0", "csrrci x6, seed, 0"]
)
def test_an_access_that_does_not_write_is_illegal(rig: Rig, text: str) -> None:
    """Polling must be by CSRRW: a read-only access raises an illegal-instruction exception."""
    assert not access(rig, text)


def test_entropy_is_used_once_and_repeatable(rig: Rig) -> None:
    """Each access gives something else, and the same machine gives the same sequence again."""
    program = "".join(f"csrrw x{number}, seed, x0\n" for number in range(10, 26))
    runs = []
    for _ in range(2):
        rig.reset()
        assert access(rig, program)
        runs.append([rig.x(number) for number in range(10, 26)])

    assert runs[0] == runs[1]
    assert len(set(runs[0])) > 14


@pytest.mark.parametrize("security", [0, USEED, SSEED, USEED | SSEED])
@pytest.mark.parametrize("priv", [U, S, M])
def test_who_may_ask(rig: Rig, priv: int, security: int) -> None:
    """M-mode may; S-mode needs `mseccfg.SSEED`, U-mode USEED."""
    expected = priv == M or bool(security & {U: USEED, S: SSEED}[priv])

    assert access(rig, "csrrw x6, seed, x0", priv=priv, security=security) == expected


@pytest.mark.parametrize(
    ("cpu", "seed", "security"),
    [
        ("rv64,smmpm=off,zkr=on", True, USEED | SSEED),
        ("rv64,smmpm=off", False, None),
        ("rv64", False, 3 << 32),
        ("rv64,smmpm=off,smepmp=on", False, 7),
        ("max", True, 3 << 32 | 0x307),
    ],
)
def test_mseccfg_has_the_fields_of_what_is_there(engine: str, cpu: str, seed: bool, security: int | None) -> None:
    """`seed` needs Zkr; `mseccfg` exists with Zkr, Smepmp or Smmpm, and has the fields of each."""
    rig = Rig(engine, parse_cpu(cpu))
    assert access(rig, "csrrw x6, seed, x0") == seed
    rig.reset()

    there = access(rig, "addi x5, x0, -1\ncsrrw x0, mseccfg, x5")

    assert there == (security is not None)
    assert rig.hart.get("mseccfg") == (security or 0)
