"""Sdtrig for the guest's own use (RISC-V Debug Specification, "Trigger Registers" and "Native Triggers")."""

from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.hart.fields import MSTATUS_GVA, MSTATUS_MPRV, MSTATUS_MPV, Cause
from emulator.isa.extensions import parse_cpu
from tests.helpers.rig import Rig

CODE = RAM_BASE
DATA = RAM_BASE + 0x4000
HANDLER = RAM_BASE + 0x8000
U, S, M = 0, 1, 3
GUEST = 4
"""Beside U and S: VU- and VS-mode."""
MIE, SIE = 1 << 3, 1 << 1

LOAD, STORE, EXECUTE = 1, 2, 4
FOR = {U: 1 << 3, S: 1 << 4, M: 1 << 6, GUEST | U: 1 << 23, GUEST | S: 1 << 24}
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
    rig: Rig, text: str, address: int, *, mode: int = M, status: int = MIE, pc: int = CODE
) -> tuple[int, int, int]:
    """Execute one instruction on `x7` = address, in a mode; mcause, mtval and mepc, all zero if it does not trap."""
    rig.open_memory()
    rig.load_text(text, pc)
    state = {"mtvec": HANDLER, "pc": pc, "priv": mode & 3, "virt": mode >> 2, "mstatus": status, "attention": 1}
    for name, value in state.items():
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


@pytest.mark.parametrize("text", ["lw x9, 0(x7)", "sw x9, 0(x7)", "addi x9, x9, 1"])
@pytest.mark.parametrize("armed", FOR)
@pytest.mark.parametrize("mode", FOR)
def test_modes(rig: Rig, mode: int, armed: int, text: str) -> None:
    """A trigger fires in the modes that it names, VS and VU among them."""
    arm(rig, MCONTROL6 | FOR[armed] | LOAD | STORE, DATA)
    if text.startswith("addi"):
        arm(rig, MCONTROL6 | FOR[armed] | EXECUTE, CODE)

    fires = attempt(rig, text, DATA, mode=mode)[0] == Cause.BREAKPOINT

    assert fires == (mode == armed)


@pytest.mark.parametrize("text", ["hlv.d x9, (x7)", "hlvx.wu x9, (x7)", "hsv.d x9, (x7)"])
@pytest.mark.parametrize("armed", [S, M, GUEST | U, GUEST | S])
def test_accesses_to_a_guests_memory(rig: Rig, armed: int, text: str) -> None:
    """HLV, HLVX and HSV ask triggers too; the hart is in HS-mode, however the address is translated.

    "For any trap that writes a guest virtual address to stval, GVA is set to 1" (volume II, "hstatus"; so in mstatus).
    """
    arm(rig, MCONTROL6 | FOR[armed] | LOAD | STORE, DATA)

    found = attempt(rig, text, DATA, mode=S)

    assert found == ((Cause.BREAKPOINT, DATA, CODE) if armed == S else (0, 0, 0))
    assert bool(rig.hart.get("mstatus") & MSTATUS_GVA) == (armed == S)


@pytest.mark.parametrize(("previous", "gva"), [(0, False), (MSTATUS_MPV, True)])
def test_borrowed_accesses(rig: Rig, previous: int, *, gva: bool) -> None:
    """Under MPRV with MPV, the address that a trigger reports is a guest's; the trigger is for M-mode all the same."""
    arm(rig, MCONTROL6 | FOR[M] | LOAD, DATA)

    status = MIE | MSTATUS_MPRV | 1 << 11 | previous

    assert attempt(rig, "lw x9, 0(x7)", DATA, status=status) == (Cause.BREAKPOINT, DATA, CODE)
    assert bool(rig.hart.get("mstatus") & MSTATUS_GVA) == gva


TAG = 0x7A << 56
MASKED = [
    ("ld x9, 0(x7)", M, {"mseccfg": 3 << 32}),
    ("sd x9, 0(x7)", S, {"menvcfg": 3 << 32}),
    ("ld x9, 0(x7)", U, {"senvcfg": 3 << 32}),
    ("sd x9, 0(x7)", GUEST | S, {"henvcfg": 3 << 32}),
    ("ld x9, 0(x7)", GUEST | U, {"senvcfg": 3 << 32}),
    ("hsv.d x9, (x7)", S, {"hstatus": 1 << 8, "henvcfg": 3 << 32}),
    ("cbo.zero (x7)", M, {"mseccfg": 3 << 32}),
]


@pytest.mark.parametrize(("text", "mode", "fields"), MASKED)
def test_masking_comes_before_triggers(rig: Rig, text: str, mode: int, fields: dict[str, int]) -> None:
    """The memory access address is masked first, and then compared (Debug Specification, "Address Matches")."""
    for name, value in fields.items():
        rig.hart.put(name, value)
    for value, fires in ((DATA, True), (TAG | DATA, False)):
        arm(rig, MCONTROL6 | FOR[mode] | LOAD | STORE, value)
        assert attempt(rig, text, TAG | DATA, mode=mode) == ((Cause.BREAKPOINT, DATA, CODE) if fires else (0, 0, 0))
        for name, at in (("priv", M), ("virt", 0), ("pc", CODE)):
            rig.hart.put(name, at)


@pytest.mark.parametrize("text", ["cbo.zero (x7)", "cbo.clean (x7)", "cbo.flush (x7)", "cbo.inval (x7)"])
@pytest.mark.parametrize(("match", "value", "hit"), [(EQUAL, DATA + 21, DATA + 21), (AT_LEAST, DATA - 5, DATA)])
def test_cache_blocks(rig: Rig, text: str, match: int, value: int, hit: int) -> None:
    """An instruction on a cache block is a store, and every address of the block is compared ("Cache Operations")."""
    rig.write(DATA, bytes(range(64)))
    arm(rig, MCONTROL6 | FOR[M] | LOAD | match, value)
    assert attempt(rig, "cbo.clean (x7)", DATA + 8) == (0, 0, 0)

    arm(rig, MCONTROL6 | FOR[M] | STORE | match, value)
    assert attempt(rig, text, DATA + 8) == (Cause.BREAKPOINT, hit, CODE)
    assert rig.read(DATA, 64) == bytes(range(64))

    assert attempt(rig, "prefetch.w 0(x7)", DATA) == (0, 0, 0)
    if match == EQUAL:
        assert attempt(rig, text, DATA + 64) == (0, 0, 0)


@pytest.mark.parametrize(
    ("mode", "status", "delegated", "fires"),
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
def test_handlers_are_left_alone(rig: Rig, mode: int, status: int, *, delegated: bool, fires: bool) -> None:
    """A trigger does not fire in the mode that would handle it while that mode's interrupts are off."""
    arm(rig, MCONTROL6 | FOR[mode] | LOAD, DATA)
    rig.hart.put("medeleg", 1 << Cause.BREAKPOINT if delegated else 0)
    rig.hart.put("stvec", HANDLER)

    attempt(rig, "lw x9, 0(x7)", DATA, mode=mode, status=status)

    assert (rig.hart.get("pc") == HANDLER) == fires
    assert (rig.hart.get("scause" if delegated else "mcause") == Cause.BREAKPOINT) == fires


@pytest.mark.parametrize(
    ("medeleg", "hedeleg", "vsstatus", "register"),
    [
        (0, 0, 0, "mcause"),
        (1, 0, 0, "scause"),
        (1, 1, SIE, "vscause"),
        (1, 1, 0, None),
        (0, 1, 0, "mcause"),
    ],
)
def test_guests_handlers_are_left_alone(
    rig: Rig, medeleg: int, hedeleg: int, vsstatus: int, register: str | None
) -> None:
    """In VS-mode, where VS-mode would handle it ("Native Triggers": both delegations), its interrupts decide."""
    arm(rig, MCONTROL6 | FOR[GUEST | S] | LOAD, DATA)
    delegated = {"medeleg": medeleg << Cause.BREAKPOINT, "hedeleg": hedeleg << Cause.BREAKPOINT}
    for name, value in {**delegated, "vsstatus": vsstatus, "stvec": HANDLER, "vstvec": HANDLER}.items():
        rig.hart.put(name, value)

    attempt(rig, "lw x9, 0(x7)", DATA, mode=GUEST | S, status=0)

    assert (rig.hart.get("pc") == HANDLER) == (register is not None)
    for name in ("mcause", "scause", "vscause"):
        assert (rig.hart.get(name) == Cause.BREAKPOINT) == (name == register)


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
        (MCONTROL6 | FOR[GUEST | S] | FOR[GUEST | U] | LOAD, MCONTROL6 | FOR[GUEST | S] | FOR[GUEST | U] | LOAD),
        (MCONTROL | 1 << 24 | 1 << 23 | LOAD, MCONTROL | 63 << 53 | LOAD),  # mcontrol has neither vs nor vu
    ],
)
def test_tdata1_keeps_what_is_supported(rig: Rig, value: int, kept: int) -> None:
    """WARL: a type that there is not disables the trigger, and fields of one value read that value."""
    assert arm(rig, value, DATA) == kept


def test_a_hart_without_h_has_no_guests_to_watch(engine: str) -> None:
    """`vs` and `vu` are "hard-wired to 0 if the hart does not support virtualization mode"."""
    assert arm(Rig(engine, parse_cpu("rv64,h=off")), MCONTROL6 | 1 << 24 | 1 << 23 | LOAD, DATA) == MCONTROL6 | LOAD


def test_the_largest_range_is_found_as_the_manual_says(rig: Rig) -> None:
    """With `match` = NAPOT all ones are written to `tdata2`; the highest 0 read back, plus 1, is the range's log2."""
    rig.execute(
        "csrrw x0, tdata1, x6\ncsrrw x0, tdata2, x7\ncsrrs x8, tdata2, x0",
        x6=MCONTROL6 | FOR[M] | LOAD | NAPOT,
        x7=(1 << 64) - 1,
    )

    assert rig.x(8) == (1 << 64) - 1 ^ 1 << 62
    for address, fires in ((DATA, False), (DATA | 1 << 63, True)):  # the upper half
        assert (attempt(rig, "lb x9, 0(x7)", address)[0] == Cause.BREAKPOINT) == fires


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
