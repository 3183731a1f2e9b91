"""Sdtrig for the guest's own use (RISC-V Debug Specification, "Trigger Registers" and "Native Triggers")."""

from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.hart.fields import Cause
from emulator.isa.extensions import parse_cpu
from tests.helpers.rig import Rig

CODE = RAM_BASE
DATA = RAM_BASE + 0x4000
HANDLER = RAM_BASE + 0x8000
U, S, M = 0, 1, 3
MIE, SIE = 1 << 3, 1 << 1

LOAD, STORE, EXECUTE = 1, 2, 4
FOR = {U: 1 << 3, S: 1 << 4, M: 1 << 6}
EQUAL, NAPOT, AT_LEAST, BELOW = 0, 1 << 7, 2 << 7, 3 << 7
MCONTROL, MCONTROL6, DISABLED = 2 << 60, 6 << 60, 15 << 60
HIT = {MCONTROL: 1 << 20, MCONTROL6: 1 << 22}


def arm(rig: Rig, control: int, address: int, number: int = 0) -> int:
    """Write a trigger as a guest does; `tdata1` as it is then read."""
    rig.execute(
        "csrrw x0, tselect, x5\ncsrrw x0, tdata1, x0\ncsrrw x0, tdata2, x7\ncsrrw x0, tdata1, x6\ncsrrs x8, tdata1, x0",
        x5=number,
        x6=control,
        x7=address,
    )
    return rig.x(8)


def attempt(
    rig: Rig, text: str, address: int, *, priv: int = M, status: int = MIE, pc: int = CODE
) -> tuple[int, int, int]:
    """Execute one instruction on `x7` = address, in a mode; mcause, mtval and mepc, all zero if it does not trap."""
    rig.open_memory()
    rig.load_text(text, pc)
    for name, value in {"mtvec": HANDLER, "pc": pc, "priv": priv, "mstatus": status, "attention": 1}.items():
        rig.hart.put(name, value)
    rig.hart.put("x", address, 7)
    rig.run(1)
    found = tuple(rig.hart.get(name) for name in ("mcause", "mtval", "mepc"))
    return (found[0], found[1], found[2]) if rig.hart.get("pc") == HANDLER else (0, 0, 0)


@pytest.mark.parametrize("kind", [MCONTROL, MCONTROL6])
@pytest.mark.parametrize(
    ("text", "access"),
    [("lw x9, 0(x7)", LOAD), ("sw x9, 0(x7)", STORE), ("amoadd.w x9, x9, (x7)", LOAD | STORE), ("ld x9, -8(x7)", 0)],
)
@pytest.mark.parametrize("armed", [LOAD, STORE, LOAD | STORE])
def test_data(rig: Rig, kind: int, text: str, access: int, armed: int) -> None:
    """A matching access raises a breakpoint exception with its address, before it is made, and sets `hit`."""
    assert attempt(rig, text, DATA) == (0, 0, 0)  # cached
    control = arm(rig, kind | FOR[M] | armed, DATA)
    before = rig.read(DATA, 8)

    fires = bool(access & armed)
    assert attempt(rig, text, DATA) == ((Cause.BREAKPOINT, DATA, CODE) if fires else (0, 0, 0))

    assert rig.hart.get("tdata1") == control | (HIT[kind] if fires else 0)
    assert rig.read(DATA, 8) == before
    assert attempt(rig, "lw x9, 0(x7)", DATA + 0x1000) == (0, 0, 0)


@pytest.mark.parametrize("kind", [MCONTROL, MCONTROL6])
def test_execution(rig: Rig, kind: int) -> None:
    """The instruction at the address is not executed, those around it are, and nor is one in another page."""
    text = "addi x9, x9, 1\n" * 4
    arm(rig, kind | FOR[M] | EXECUTE, DATA + 8)
    for offset, fires in ((0, False), (4, False), (8, True), (12, False)):
        rig.hart.put("x", 0, 9)
        found = attempt(rig, text, 0, pc=DATA + offset)

        assert found == ((Cause.BREAKPOINT, DATA + 8, DATA + 8) if fires and offset == 8 else (0, 0, 0))
        assert rig.x(9) == (0 if fires else 1)
    rig.load_text(text, DATA)
    rig.hart.put("pc", DATA)
    rig.run(3)
    assert (rig.hart.get("pc"), rig.hart.get("mepc")) == (HANDLER, DATA + 8)


@pytest.mark.parametrize(
    ("match", "value", "inside", "outside"),
    [
        (EQUAL, DATA + 8, [DATA + 8], [DATA, DATA + 4, DATA + 12]),
        (NAPOT, DATA | 0x1F, [DATA, DATA + 56, DATA + 60], [DATA - 4, DATA + 64]),
        (NAPOT, (1 << 64) - 1, [DATA, RAM_BASE + 0x5000], []),
        (AT_LEAST, DATA + 8, [DATA + 8, DATA + 12, DATA + 0x2000], [DATA + 4, DATA - 0x1000]),
        (BELOW, DATA + 8, [DATA + 4, DATA, DATA - 0x1000], [DATA + 8, DATA + 0x2000]),
        (BELOW, 0, [], [DATA]),
    ],
)
def test_matches(rig: Rig, match: int, value: int, inside: list[int], outside: list[int]) -> None:
    """Equal, a naturally aligned range, at least, below: the lowest address of the access is compared."""
    arm(rig, MCONTROL6 | FOR[M] | LOAD | match, value)

    for address in (*inside, *outside):
        fires = attempt(rig, "lw x9, 0(x7)", address)[0] == Cause.BREAKPOINT
        assert fires == (address in inside), hex(address)


@pytest.mark.parametrize("armed", [U, S, M])
@pytest.mark.parametrize("priv", [U, S, M])
def test_modes(rig: Rig, priv: int, armed: int) -> None:
    """A trigger fires in the modes that it names."""
    arm(rig, MCONTROL6 | FOR[armed] | LOAD, DATA)

    fires = attempt(rig, "lw x9, 0(x7)", DATA, priv=priv)[0] == Cause.BREAKPOINT

    assert fires == (priv == armed)


@pytest.mark.parametrize(
    ("priv", "status", "delegated", "fires"),
    [
        (M, MIE, False, True),
        (M, 0, False, False),
        (S, 0, False, True),
        (S, 0, True, False),
        (S, SIE, True, True),
        (U, 0, True, True),
        (U, 0, False, True),
    ],
)
def test_handlers_are_left_alone(rig: Rig, priv: int, status: int, *, delegated: bool, fires: bool) -> None:
    """A trigger does not fire in the mode that would handle it while that mode's interrupts are off."""
    arm(rig, MCONTROL6 | FOR[priv] | LOAD, DATA)
    rig.hart.put("medeleg", 1 << Cause.BREAKPOINT if delegated else 0)
    rig.hart.put("stvec", HANDLER)

    attempt(rig, "lw x9, 0(x7)", DATA, priv=priv, status=status)

    assert (rig.hart.get("pc") == HANDLER) == fires
    assert (rig.hart.get("scause" if delegated else "mcause") == Cause.BREAKPOINT) == fires


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (0, DISABLED),
        (DISABLED | 0x7F, DISABLED),
        (5 << 60 | 0x7F, DISABLED),
        (MCONTROL6 | FOR[M] | EXECUTE, MCONTROL6 | FOR[M] | EXECUTE),
        (MCONTROL6 | 1 << 59 | 1 << 12 | 1 << 11 | 1 << 16 | LOAD, MCONTROL6 | LOAD),  # dmode, action, chain, size
        (MCONTROL6 | 4 << 7 | LOAD, MCONTROL6 | LOAD),  # a mask of the low half: not there
        (MCONTROL | FOR[U] | STORE, MCONTROL | 63 << 53 | FOR[U] | STORE),
    ],
)
def test_tdata1_keeps_what_is_supported(rig: Rig, value: int, kept: int) -> None:
    """WARL: a type that there is not disables the trigger, and fields of one value read that value."""
    assert arm(rig, value, DATA) == kept


def test_triggers_are_enumerated(rig: Rig) -> None:
    """`tselect` takes the numbers of the triggers that exist, each has its registers, and `tinfo` tells the types."""
    for number in range(4):
        arm(rig, MCONTROL6 | FOR[M] | LOAD, DATA + 8 * number, number)
    rig.execute("csrrwi x0, tselect, 4\ncsrrs x6, tselect, x0\ncsrrs x7, tdata2, x0\ncsrrs x8, tinfo, x0")

    assert (rig.x(6), rig.x(7)) == (3, DATA + 24)
    assert rig.x(8) & 0xFFFF == 1 << 2 | 1 << 6 | 1 << 15
    for number in range(5):
        fires = attempt(rig, "ld x9, 0(x7)", DATA + 8 * number)[0] == Cause.BREAKPOINT
        assert fires == (number < 4)


def test_a_disarmed_trigger_is_gone(rig: Rig) -> None:
    """After a write of zero, and after reset, nothing fires, and the type read is 15."""
    arm(rig, MCONTROL6 | FOR[M] | LOAD | STORE | EXECUTE | NAPOT, (1 << 64) - 1)
    rig.reset()
    assert attempt(rig, "lw x9, 0(x7)", DATA) == (0, 0, 0)
    rig.hart.put("pc", CODE)
    rig.hart.put("priv", M)
    assert arm(rig, 0, DATA) == DISABLED
    assert attempt(rig, "lw x9, 0(x7)", DATA) == (0, 0, 0)


@pytest.mark.parametrize("name", ["tselect", "tdata1", "tdata2", "tdata3", "tinfo"])
def test_without_sdtrig(engine: str, name: str) -> None:
    """Where the extension is off (QEMU's `debug=off`) the registers do not exist."""
    rig = Rig(engine, parse_cpu("rv64,debug=off"))

    assert attempt(rig, f"csrrs x6, {name}, x0", 0)[0] == Cause.ILLEGAL
