"""VS- and VU-mode: which registers they reach, what they may not do, where their traps go and how they return.

Expected values are the tables of the manual's chapter "Hypervisor Extension" (volume II).
"""

from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.hart.fields import Cause
from emulator.isa.extensions import parse_cpu
from tests.helpers.rig import Rig

U, S, M = 0, 1, 3
M_HANDLER, S_HANDLER, VS_HANDLER = RAM_BASE + 0x1000, RAM_BASE + 0x2000, RAM_BASE + 0x3000
INTERRUPT = 1 << 63
ALL = (1 << 64) - 1
VIRTUAL, ILLEGAL = Cause.VIRTUAL_INSTRUCTION, Cause.ILLEGAL


def enter(rig: Rig, priv: int, virt: int, **fields: int) -> None:
    """Put the hart into a mode, with a handler of each level and nothing forbidden."""
    rig.open_memory()
    start = {"mtvec": M_HANDLER, "stvec": S_HANDLER, "vstvec": VS_HANDLER, "priv": priv, "virt": virt}
    start |= dict.fromkeys(("mcounteren", "hcounteren", "scounteren"), 0xFFFF_FFFF)
    for name, value in (start | fields).items():
        rig.hart.put(name, value)


def state(rig: Rig, *names: str) -> tuple[int, ...]:
    """Fields of the hart."""
    return tuple(rig.hart.get(name) for name in names)


@pytest.mark.parametrize("name", ["stvec", "sscratch", "sepc", "scause", "stval"])
def test_a_guest_reaches_its_own_register(rig: Rig, name: str) -> None:
    """An instruction in VS-mode that names an S-mode register changes the VS register and leaves HS-mode's alone."""
    enter(rig, S, 1)
    before = rig.hart.get(name)

    rig.execute(f"csrrw x0, {name}, x5\ncsrrs x6, {name}, x0", x5=0x8000_5550)

    assert state(rig, name, f"v{name}") == (before, 0x8000_5550)
    assert rig.x(6) == 0x8000_5550


def test_a_guest_reaches_its_own_status(rig: Rig) -> None:
    """At V=1 the name sstatus is vsstatus, of which FS counts only together with HS-mode's."""
    enter(rig, S, 1)

    rig.execute("csrrw x0, sstatus, x5\ncsrrs x6, sstatus, x0", x5=ALL)

    assert rig.x(6) == 0x8000_0002_000C_6122
    assert rig.hart.get("mstatus") == 0


def test_interrupt_views_of_a_guest(rig: Rig) -> None:
    """What hideleg delegates appears in the guest's sie and sip one place lower; only SSIP can be written there."""
    enter(rig, S, 1, hideleg=0x404)

    rig.execute("csrrw x0, sie, x5\ncsrrs x6, sie, x0\ncsrrw x0, sip, x5\ncsrrs x7, sip, x0", x5=ALL)

    assert (rig.x(6), rig.x(7)) == (0x202, 0x2)
    assert state(rig, "mie", "hvip", "mip") == (0x404, 0x4, 0x4)


def test_time_of_a_guest(rig: Rig) -> None:
    """A guest reads time plus htimedelta."""
    enter(rig, S, 1, htimedelta=1000)
    rig.blocks.shared.put("ticks_offset", 5)

    rig.execute("csrrs x6, time, x0")

    assert rig.x(6) == 1005


REFUSED = [
    ("csrrs x6, hstatus, x0", {}, VIRTUAL, VIRTUAL),
    ("csrrs x6, vsstatus, x0", {}, VIRTUAL, VIRTUAL),
    ("csrrw x0, hgeip, x5", {}, ILLEGAL, ILLEGAL),
    ("csrrs x6, mstatus, x0", {}, ILLEGAL, ILLEGAL),
    ("csrrs x6, sscratch, x0", {}, 0, VIRTUAL),
    ("csrrs x6, satp, x0", {"hstatus": 1 << 20}, VIRTUAL, VIRTUAL),
    ("csrrs x6, satp, x0", {"mstatus": 1 << 20}, 0, VIRTUAL),
    ("csrrs x6, cycle, x0", {"hcounteren": 0}, VIRTUAL, VIRTUAL),
    ("csrrs x6, cycle, x0", {"mcounteren": 0}, ILLEGAL, ILLEGAL),
    ("csrrs x6, cycle, x0", {"mcounteren": 0, "hcounteren": 0}, ILLEGAL, ILLEGAL),
    ("csrrs x6, cycle, x0", {"scounteren": 0}, 0, VIRTUAL),
    ("csrrs x6, stimecmp, x0", {}, ILLEGAL, ILLEGAL),
    ("csrrs x6, stimecmp, x0", {"menvcfg": 1 << 63}, VIRTUAL, VIRTUAL),
    ("csrrs x6, stimecmp, x0", {"menvcfg": 1 << 63, "henvcfg": 1 << 63}, 0, VIRTUAL),
    ("csrrs x6, stimecmp, x0", {"menvcfg": 1 << 63, "henvcfg": 1 << 63, "hcounteren": 0}, VIRTUAL, VIRTUAL),
    ("csrrs x6, fcsr, x0", {"mstatus": 1 << 13}, ILLEGAL, ILLEGAL),
    ("csrrs x6, fcsr, x0", {"vsstatus": 1 << 13}, ILLEGAL, ILLEGAL),
    ("csrrs x6, fcsr, x0", {"mstatus": 1 << 13, "vsstatus": 1 << 13}, 0, 0),
    ("sfence.vma x0, x0", {}, 0, VIRTUAL),
    ("sfence.vma x0, x0", {"hstatus": 1 << 20}, VIRTUAL, VIRTUAL),
    ("sinval.vma x0, x0", {"hstatus": 1 << 20}, VIRTUAL, VIRTUAL),
    ("sfence.w.inval", {"hstatus": 1 << 20}, 0, VIRTUAL),
    ("wfi", {}, 0, VIRTUAL),
    ("wfi", {"hstatus": 1 << 21}, VIRTUAL, VIRTUAL),
    ("wfi", {"hstatus": 1 << 21, "mstatus": 1 << 21}, ILLEGAL, ILLEGAL),
    ("sret", {"hstatus": 1 << 22}, VIRTUAL, VIRTUAL),
    ("sret", {"mstatus": 1 << 22}, 0, VIRTUAL),
    ("mret", {}, ILLEGAL, ILLEGAL),
    ("cbo.zero (x5)", {}, ILLEGAL, ILLEGAL),
    ("cbo.zero (x5)", {"menvcfg": 0x80}, VIRTUAL, VIRTUAL),
    ("cbo.zero (x5)", {"menvcfg": 0x80, "henvcfg": 0x80}, 0, VIRTUAL),
    ("csrrs x6, senvcfg, x0", {}, ILLEGAL, ILLEGAL),
    ("csrrs x6, senvcfg, x0", {"mstateen": 1 << 62}, VIRTUAL, VIRTUAL),
    ("csrrs x6, senvcfg, x0", {"mstateen": 1 << 62, "hstateen": 1 << 62}, 0, VIRTUAL),
    ("csrrs x6, senvcfg, x0", {"hstateen": 1 << 62}, ILLEGAL, ILLEGAL),
    ("csrrs x6, sstateen0, x0", {"mstateen": 1 << 63}, VIRTUAL, VIRTUAL),
]
"""Instruction, state, and what it raises in VS- and in VU-mode (0: nothing)."""


@pytest.mark.parametrize(("text", "fields", "supervisor", "user"), REFUSED)
def test_illegal_or_virtual(engine: str, text: str, fields: dict[str, int], supervisor: int, user: int) -> None:
    """What HS-mode could do is a virtual instruction where a guest may not; everything else is illegal."""
    for priv, cause in ((S, supervisor), (U, user)):
        rig = Rig(engine, parse_cpu("rv64,smstateen=on,svinval=on"))
        enter(rig, priv, 1, vsepc=RAM_BASE + 0x100, **fields)

        rig.execute(text, x5=RAM_BASE + 0x4000)

        assert rig.hart.get("mcause") == cause, priv


@pytest.mark.parametrize(("priv", "virt", "cause"), [(U, 0, 8), (S, 0, 9), (U, 1, 8), (S, 1, 10), (M, 0, 11)], ids=str)
def test_calls_tell_their_mode(rig: Rig, priv: int, virt: int, cause: int) -> None:
    """ECALL from VS-mode has a cause of its own; MPV and MPP tell where a trap to M-mode came from."""
    enter(rig, priv, virt)

    rig.execute("ecall")

    assert state(rig, "mcause", "priv", "virt", "pc") == (cause, M, 0, M_HANDLER)
    assert rig.hart.get("mstatus") & (1 << 39 | 3 << 11) == virt << 39 | priv << 11


@pytest.mark.parametrize("priv", [U, S])
@pytest.mark.parametrize("virt", [0, 1])
def test_a_trap_to_the_hypervisor(rig: Rig, priv: int, virt: int) -> None:
    """SPV is V, SPVP the guest's privilege and kept where there was no guest; VS registers stay."""
    enter(rig, priv, virt, medeleg=0xF0_F7FF, hstatus=1 << 8, htval=1, htinst=1)

    rig.execute(".byte 00000000")

    assert state(rig, "scause", "priv", "virt", "pc", "vscause") == (ILLEGAL, S, 0, S_HANDLER, 0)
    assert rig.hart.get("hstatus") == virt << 7 | (priv << 8 if virt else 1 << 8)
    assert rig.hart.get("mstatus") >> 8 & 1 == priv
    assert state(rig, "htval", "htinst") == (0, 0)


def test_a_trap_to_the_guest(rig: Rig) -> None:
    """What both medeleg and hedeleg have goes to VS-mode, and HS-mode's registers stay as they are."""
    enter(rig, U, 1, medeleg=ALL, hedeleg=1 << 8, vsstatus=1 << 1, hstatus=1 << 9, scause=5)
    rig.load_text("sret", VS_HANDLER)

    rig.load_text("ecall")
    rig.run(1)

    assert state(rig, "vscause", "vsepc", "priv", "virt", "pc") == (8, RAM_BASE, S, 1, VS_HANDLER)
    assert state(rig, "vsstatus", "hstatus", "scause") == (1 << 5, 1 << 9, 5)
    rig.run(1)
    assert state(rig, "priv", "virt", "pc", "vsstatus") == (U, 1, RAM_BASE, 1 << 5 | 1 << 1)


@pytest.mark.parametrize("virt", [0, 1])
def test_a_breakpoint_writes_an_address(rig: Rig, virt: int) -> None:
    """GVA is set where the trap value is an address of the guest."""
    enter(rig, S, virt)

    rig.execute("ebreak")

    assert rig.hart.get("mstatus") >> 38 & 1 == virt


@pytest.mark.parametrize(("mpp", "mpv", "virt"), [(U, 1, 1), (S, 1, 1), (M, 1, 0), (S, 0, 0)])
def test_mret(rig: Rig, mpp: int, mpv: int, virt: int) -> None:
    """MRET enters the mode of MPV and MPP, of which M has no virtual form, and clears MPV."""
    enter(rig, M, 0, mstatus=mpp << 11 | mpv << 39, mepc=RAM_BASE + 0x40)

    rig.execute("mret")

    assert state(rig, "priv", "virt", "pc", "mstatus") == (mpp, virt, RAM_BASE + 0x40, 1 << 7)


@pytest.mark.parametrize("spp", [U, S])
def test_sret_into_a_guest(rig: Rig, spp: int) -> None:
    """SRET in HS-mode enters the mode of SPV and SPP, clears SPV and keeps SPVP."""
    enter(rig, S, 0, mstatus=spp << 8, hstatus=3 << 7, sepc=RAM_BASE + 0x40)

    rig.execute("sret")

    assert state(rig, "priv", "virt", "pc", "hstatus") == (spp, 1, RAM_BASE + 0x40, 1 << 8)


@pytest.mark.parametrize(("bit", "code"), [(2, 1), (6, 5), (10, 9)])
@pytest.mark.parametrize("priv", [U, S])
@pytest.mark.parametrize("enabled", [False, True])
def test_interrupts_of_a_guest(rig: Rig, bit: int, code: int, priv: int, *, enabled: bool) -> None:
    """A delegated VS interrupt is taken by VS-mode with the code of S-mode's, in VU-mode whatever vsstatus.SIE says."""
    enter(rig, priv, 1, hideleg=0x444, mip=1 << bit, mie=1 << bit, vsstatus=enabled << 1)

    rig.execute("addi x0, x0, 0")

    assert rig.hart.get("vscause") == (INTERRUPT | code if enabled or priv == U else 0)


@pytest.mark.parametrize("bit", [2, 6, 10])
def test_interrupts_for_the_hypervisor(rig: Rig, bit: int) -> None:
    """Without hideleg HS-mode takes it with its own code, from a guest whatever sstatus.SIE says."""
    enter(rig, S, 1, mip=1 << bit, mie=1 << bit)

    rig.execute("addi x0, x0, 0")

    assert state(rig, "scause", "virt", "hstatus") == (INTERRUPT | bit, 0, 3 << 7)


def test_priorities(rig: Rig) -> None:
    """VS external comes before VS software before VS timer, and HS-mode's own before all."""
    for pending, expected in ((0x444, 10), (0x44, 2), (0x40, 6), (0x644, 9)):
        enter(rig, S, 1, mideleg=0x222, mip=pending, mie=ALL)

        rig.execute("addi x0, x0, 0")

        assert rig.hart.get("scause") == INTERRUPT | expected


def test_a_write_of_f_registers_makes_both_dirty(rig: Rig) -> None:
    """At V=1 FS becomes dirty in mstatus and in vsstatus."""
    enter(rig, S, 1, mstatus=1 << 13, vsstatus=1 << 13)

    rig.execute("fmv.d.x f1, x5")

    assert state(rig, "mstatus", "vsstatus") == (3 << 13, 3 << 13)


def test_henvcfg_is_limited_by_menvcfg(rig: Rig) -> None:
    """STCE is a read-only zero of henvcfg while menvcfg has it clear; the reserved PMM = 1 becomes 0."""
    enter(rig, M, 0)

    rig.execute(
        "csrrw x0, henvcfg, x5\ncsrrs x6, henvcfg, x0\ncsrrw x0, menvcfg, x5\ncsrrw x0, henvcfg, x5\n"
        "csrrs x7, henvcfg, x0",
        x5=1 << 63 | 1 << 32,
    )

    assert (rig.x(6), rig.x(7)) == (0, 1 << 63)


def test_hgatp_is_taken_field_by_field(rig: Rig) -> None:
    """An unsupported mode keeps the old one while VMID and PPN change; the root's low bits are zero."""
    enter(rig, M, 0, hgatp=8 << 60)

    rig.execute("csrrw x0, hgatp, x5\ncsrrs x6, hgatp, x0", x5=5 << 60 | 7 << 44 | 0x1003)

    assert rig.x(6) == 8 << 60 | 7 << 44 | 0x1000
