from __future__ import annotations

import itertools

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.hart.fields import Cause, Interrupt, Privilege
from emulator.hart.state import StopCode
from tests.helpers.rig import Rig

M_HANDLER = RAM_BASE + 0x1000
S_HANDLER = RAM_BASE + 0x2000
INTERRUPT = 1 << 63
MIE, SIE, MPIE, SPIE, SPP, MPRV, TW, TSR = 1 << 3, 1 << 1, 1 << 7, 1 << 5, 1 << 8, 1 << 17, 1 << 21, 1 << 22
U, S, M = Privilege.U, Privilege.S, Privilege.M
NOPS = "addi x0, x0, 0\n" * 8


def prepare(rig: Rig, priv: int = M, **fields: int) -> None:
    """Open memory, nops at both handlers, a privilege and some registers of the hart."""
    rig.open_memory()
    for handler in (M_HANDLER, S_HANDLER):
        rig.load_text(NOPS * 8, handler)
    rig.hart.put("mtvec", M_HANDLER)
    rig.hart.put("stvec", S_HANDLER)
    rig.hart.put("priv", priv)
    for name, value in fields.items():
        rig.hart.put(name, value)


def state(rig: Rig, *names: str) -> tuple[int, ...]:
    """Some registers of the hart."""
    return tuple(rig.hart.get(name) for name in names)


EXCEPTIONS = {
    "illegal": (".byte 00000000", Cause.ILLEGAL, 0),
    "ebreak": ("ebreak", Cause.BREAKPOINT, RAM_BASE),
    "load access": ("lw x5, 16(x0)", Cause.LOAD_ACCESS, 16),
    "store access": ("sw x5, 16(x0)", Cause.STORE_ACCESS, 16),
    "LR misaligned": ("lr.w x5, (x7)", Cause.LOAD_MISALIGNED, RAM_BASE + 0x3001),
    "SC misaligned": ("sc.w x5, x6, (x7)", Cause.STORE_MISALIGNED, RAM_BASE + 0x3001),
    "AMO misaligned": ("amoadd.w x5, x6, (x7)", Cause.STORE_MISALIGNED, RAM_BASE + 0x3001),
}


@pytest.mark.parametrize("name", EXCEPTIONS)
@pytest.mark.parametrize("priv", [U, S, M])
@pytest.mark.parametrize("delegated", [False, True])
def test_where_an_exception_goes(rig: Rig, name: str, priv: int, *, delegated: bool) -> None:
    """A delegated exception goes to S-mode unless it comes from M-mode; cause, pc and value are recorded there."""
    text, cause, tval = EXCEPTIONS[name]
    prepare(rig, priv, medeleg=1 << cause if delegated else ~(1 << cause) & 0xB3FF, mstatus=MIE | SIE)

    rig.load_text(text)
    rig.hart.put("x", RAM_BASE + 0x3001, 7)
    rig.run(1)

    if delegated and priv != M:
        assert state(rig, "priv", "pc", "scause", "sepc", "stval") == (S, S_HANDLER, cause, RAM_BASE, tval)
        assert state(rig, "mcause", "mepc", "mtval") == (0, 0, 0)
        assert rig.hart.get("mstatus") == MIE | SPIE | (SPP if priv == S else 0)
    else:
        assert state(rig, "priv", "pc", "mcause", "mepc", "mtval") == (M, M_HANDLER, cause, RAM_BASE, tval)
        assert state(rig, "scause", "sepc", "stval") == (0, 0, 0)
        assert rig.hart.get("mstatus") == SIE | MPIE | priv << 11


@pytest.mark.parametrize("priv", [U, S, M])
def test_ecall_names_the_privilege(rig: Rig, priv: int) -> None:
    """ECALL's cause is 8 plus the privilege; the trap value is zero."""
    prepare(rig, priv)

    rig.load_text("ecall")
    rig.run(1)

    assert state(rig, "mcause", "mepc", "mtval") == (8 + priv, RAM_BASE, 0)


def test_ecall_from_m_cannot_be_delegated(rig: Rig) -> None:
    """Bit 11 of medeleg is read-only zero."""
    rig.execute("csrrw x0, medeleg, x5\ncsrrs x6, medeleg, x0", x5=(1 << 64) - 1)

    assert rig.x(6) & 1 << 11 == 0


ORDER = [Interrupt.MEI, Interrupt.MSI, Interrupt.MTI, Interrupt.SEI, Interrupt.SSI, Interrupt.STI]
"""Volume II, 3.1.9: decreasing priority of interrupts with the same destination."""


@pytest.mark.parametrize(
    ("code", "to_s"),
    [*((code, False) for code in ORDER), *((code, True) for code in (Interrupt.SSI, Interrupt.STI, Interrupt.SEI))],
)
@pytest.mark.parametrize("vectored", [False, True])
def test_vectored_interrupts(rig: Rig, code: Interrupt, *, to_s: bool, vectored: bool) -> None:
    """In vectored mode an interrupt enters at base + 4 × cause, a trap of another kind at base."""
    prepare(rig, U, mie=1 << code, mip=1 << code, mideleg=1 << code if to_s else 0)
    rig.hart.put("mtvec", M_HANDLER | vectored)
    rig.hart.put("stvec", S_HANDLER | vectored)

    rig.load_text(NOPS)
    rig.run(1)

    base = S_HANDLER if to_s else M_HANDLER
    cause, epc = ("scause", "sepc") if to_s else ("mcause", "mepc")
    assert state(rig, cause, epc) == (INTERRUPT | code, RAM_BASE)
    assert rig.hart.get("pc") == base + (4 * code if vectored else 0) + 4  # and one instruction there was executed


@pytest.mark.parametrize("engine_mode", [0, 1])
def test_exceptions_ignore_vectored_mode(rig: Rig, engine_mode: int) -> None:
    """Synchronous exceptions enter at the base in either mode."""
    prepare(rig)
    rig.hart.put("mtvec", M_HANDLER | engine_mode)

    rig.load_text("ecall")
    rig.run(1)

    assert rig.hart.get("pc") == M_HANDLER


@pytest.mark.parametrize(
    "pair", list(itertools.combinations(ORDER, 2)), ids=lambda pair: f"{pair[0].name}-{pair[1].name}"
)
def test_priorities(rig: Rig, pair: tuple[Interrupt, Interrupt]) -> None:
    """Of two pending interrupts the one that the manual names first is taken."""
    bits = 1 << pair[0] | 1 << pair[1]
    prepare(rig, S, mie=bits, mip=bits)

    rig.load_text(NOPS)
    rig.run(1)

    assert rig.hart.get("mcause") == INTERRUPT | pair[0]


def test_interrupts_for_m_come_first(rig: Rig) -> None:
    """An interrupt for M-mode is taken before a delegated one of higher rank."""
    prepare(rig, S, mie=0x222, mip=0x222, mideleg=0x200, mstatus=SIE)

    rig.load_text(NOPS)
    rig.run(1)

    assert state(rig, "mcause", "scause") == (INTERRUPT | Interrupt.SSI, 0)


@pytest.mark.parametrize("priv", [U, S, M])
@pytest.mark.parametrize("status", [0, MIE, SIE, MIE | SIE])
@pytest.mark.parametrize("delegated", [False, True])
def test_when_an_interrupt_is_taken(rig: Rig, priv: int, status: int, *, delegated: bool) -> None:
    """Volume II, 3.1.9: for a privilege x, below x always, in x if xIE, above x never."""
    bit = 1 << Interrupt.SSI
    prepare(rig, priv, mie=bit, mip=bit, mideleg=bit if delegated else 0, mstatus=status)

    rig.load_text(NOPS)
    rig.run(1)

    target, enable = (S, SIE) if delegated else (M, MIE)
    taken = priv < target or (priv == target and bool(status & enable))
    assert (rig.hart.get("scause" if delegated else "mcause") != 0) == taken


@pytest.mark.parametrize("priv", [U, S, M])
@pytest.mark.parametrize("enabled", [False, True])
def test_m_stack(rig: Rig, priv: int, *, enabled: bool) -> None:
    """A trap to M-mode pushes MIE and the privilege; MRET pops them, leaving MPIE set and MPP at U."""
    prepare(rig, priv, mstatus=MIE if enabled else 0)
    rig.load_text("mret", M_HANDLER)
    rig.load_text("ecall")
    rig.run(1)
    assert rig.hart.get("mstatus") == (MPIE if enabled else 0) | priv << 11
    assert rig.hart.get("priv") == M

    rig.run(1)

    assert state(rig, "priv", "pc") == (priv, RAM_BASE)
    assert rig.hart.get("mstatus") == MPIE | (MIE if enabled else 0)


@pytest.mark.parametrize("priv", [U, S])
@pytest.mark.parametrize("enabled", [False, True])
def test_s_stack(rig: Rig, priv: int, *, enabled: bool) -> None:
    """A trap to S-mode pushes SIE and SPP; SRET pops them, leaving SPIE set and SPP at U."""
    prepare(rig, priv, mstatus=SIE if enabled else 0, medeleg=0xB3FF)
    rig.load_text("sret", S_HANDLER)
    rig.load_text("ecall")
    rig.run(1)
    assert rig.hart.get("mstatus") == (SPIE if enabled else 0) | (SPP if priv == S else 0)

    rig.run(1)

    assert state(rig, "priv", "pc") == (priv, RAM_BASE)
    assert rig.hart.get("mstatus") == SPIE | (SIE if enabled else 0)


@pytest.mark.parametrize("target", [U, S, M])
def test_mret_and_mprv(rig: Rig, target: int) -> None:
    """MRET clears MPRV when it leaves M-mode, and only then."""
    prepare(rig, M, mstatus=MPRV | target << 11, mepc=RAM_BASE + 0x100)

    rig.load_text("mret")
    rig.run(1)

    assert bool(rig.hart.get("mstatus") & MPRV) == (target == M)


@pytest.mark.parametrize("priv", [S, M])
def test_sret_and_mprv(rig: Rig, priv: int) -> None:
    """SRET always leaves M-mode behind, so it clears MPRV."""
    prepare(rig, priv, mstatus=MPRV | SPP, sepc=RAM_BASE + 0x100)

    rig.load_text("sret")
    rig.run(1)

    assert rig.hart.get("mstatus") & (MPRV | SPP) == 0
    assert state(rig, "priv", "pc") == (S, RAM_BASE + 0x100)


@pytest.mark.parametrize(
    ("text", "priv", "status", "legal"),
    [
        ("mret", U, 0, False),
        ("mret", S, 0, False),
        ("mret", M, 0, True),
        ("sret", U, 0, False),
        ("sret", S, 0, True),
        ("sret", S, TSR, False),
        ("sret", M, TSR, True),
        ("wfi", U, 0, False),
        ("wfi", S, 0, True),
        ("wfi", S, TW, False),
        ("wfi", U, TW, False),
        ("wfi", M, TW, True),
    ],
)
def test_privilege_of_returns_and_waiting(rig: Rig, text: str, priv: int, status: int, *, legal: bool) -> None:
    """MRET needs M-mode, SRET S-mode without TSR, WFI S-mode without TW; the trap value is the instruction."""
    bits = {"mret": 0x30200073, "sret": 0x10200073, "wfi": 0x10500073}[text]
    prepare(rig, priv, mstatus=status, mepc=RAM_BASE + 0x100, sepc=RAM_BASE + 0x100)

    rig.load_text(text)
    rig.run(1)

    assert state(rig, "mcause", "mtval") == ((0, 0) if legal else (Cause.ILLEGAL, bits))


def test_a_trap_within_a_trap(rig: Rig) -> None:
    """A trap in M-mode's handler overwrites mepc and goes to the same handler."""
    prepare(rig, U)
    rig.load_text("addi x0, x0, 0\nebreak", M_HANDLER)
    rig.load_text("ecall")

    rig.run(3)

    assert state(rig, "mcause", "mepc", "pc") == (Cause.BREAKPOINT, M_HANDLER + 4, M_HANDLER)
    assert rig.hart.get("mstatus") >> 11 & 3 == M


def test_a_trap_from_s_handler_to_m(rig: Rig) -> None:
    """A trap that is not delegated leaves S-mode's registers as they are."""
    prepare(rig, U, medeleg=1 << Cause.ECALL_U)
    rig.load_text("ecall", S_HANDLER)
    rig.load_text("ecall")

    rig.run(2)

    assert state(rig, "scause", "sepc") == (Cause.ECALL_U, RAM_BASE)
    assert state(rig, "mcause", "mepc", "priv") == (Cause.ECALL_S, S_HANDLER, M)
    assert rig.hart.get("mstatus") >> 11 & 3 == S


def test_enabling_an_interrupt_takes_it_at_the_next_instruction(rig: Rig) -> None:
    """A write that enables a pending interrupt completes, and the following instruction does not start."""
    prepare(rig, M, mie=1 << 7, mip=1 << 7)

    rig.load_text("csrrsi x0, mstatus, 8\naddi x5, x0, 1")
    rig.run(2)

    assert state(rig, "mcause", "mepc") == (INTERRUPT | 7, RAM_BASE + 4)
    assert rig.x(5) == 0


@pytest.mark.parametrize("text", ["csrrw x0, mie, x5", "csrrw x0, mip, x5", "csrrw x0, mideleg, x0"])
def test_every_write_that_matters_is_noticed(rig: Rig, text: str) -> None:
    """Writes to mie, mip and mideleg let an interrupt in at once."""
    prepare(rig, M, mstatus=MIE)
    if "mie" not in text:
        rig.hart.put("mie", 2)
    if "mip" not in text:
        rig.hart.put("mip", 2)
    if "mideleg" in text:
        rig.hart.put("mideleg", 2)

    rig.load_text(f"{text}\naddi x6, x0, 1")
    rig.hart.put("x", 2, 5)
    rig.run(2)

    assert state(rig, "mcause", "mepc") == (INTERRUPT | 1, RAM_BASE + 4)
    assert rig.x(6) == 0


def test_mret_into_a_pending_interrupt(rig: Rig) -> None:
    """An interrupt that MRET enables is taken before the instruction returned to."""
    prepare(rig, M, mie=1 << 7, mip=1 << 7, mstatus=MPIE | M << 11, mepc=RAM_BASE + 0x40)

    rig.load_text("mret")
    rig.run(1)
    rig.run(1)

    assert state(rig, "mcause", "mepc") == (INTERRUPT | 7, RAM_BASE + 0x40)


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_an_interrupt_between_two_runs(rig: Rig, steps: int) -> None:
    """An interrupt that becomes pending when a run has ended is taken at exactly that instruction."""
    prepare(rig, M, mie=1 << 7, mstatus=MIE)
    rig.load_text(NOPS)
    rig.run(steps)
    rig.hart.put("mip", 1 << 7)
    rig.hart.put("attention", 1)

    rig.run(1)

    assert state(rig, "mepc", "pc") == (RAM_BASE + 4 * steps, M_HANDLER + 4)


def test_masked_interrupts_wait(rig: Rig) -> None:
    """A debugger that holds interrupts back sees none, and the guest gets them afterwards."""
    prepare(rig, M, mie=1 << 7, mip=1 << 7, mstatus=MIE, mask_interrupts=1)
    rig.load_text(NOPS)
    rig.run(3)
    assert state(rig, "pc", "mcause") == (RAM_BASE + 12, 0)

    rig.hart.put("mask_interrupts", 0)
    rig.run(1)

    assert state(rig, "mepc", "mcause") == (RAM_BASE + 12, INTERRUPT | 7)


def test_wfi_with_nothing_pending_waits(rig: Rig) -> None:
    """WFI ends the slice behind itself, as one step."""
    prepare(rig, M, mie=1 << 7)
    rig.load_text("addi x0, x0, 0\nwfi\naddi x5, x0, 1")

    made = rig.run(10)

    assert made == 2
    assert state(rig, "stop", "waiting", "pc") == (StopCode.WAITING, 1, RAM_BASE + 8)


def test_wfi_with_something_pending_goes_on(rig: Rig) -> None:
    """An enabled pending interrupt ends WFI whether or not interrupts are globally enabled; none is taken then."""
    prepare(rig, M, mie=1 << 7, mip=1 << 7)
    rig.load_text("wfi\naddi x5, x0, 1")

    rig.run(2)

    assert (rig.x(5), rig.hart.get("waiting"), rig.hart.get("mcause")) == (1, 0, 0)


def test_wfi_ignores_a_disabled_interrupt(rig: Rig) -> None:
    """What is pending but not enabled in mie does not end WFI."""
    prepare(rig, M, mie=1 << 3, mip=1 << 7)
    rig.load_text("wfi")

    rig.run(2)

    assert rig.hart.get("waiting") == 1


def test_wfi_interrupt_returns_behind_it(rig: Rig) -> None:
    """An interrupt that ends WFI has the following instruction as its mepc."""
    prepare(rig, M, mie=1 << 7, mip=1 << 7, mstatus=MIE, mask_interrupts=1)
    rig.load_text("wfi\naddi x5, x0, 1")
    rig.run(1)
    rig.hart.put("mask_interrupts", 0)

    rig.run(1)

    assert rig.hart.get("mepc") == RAM_BASE + 4


@pytest.mark.parametrize("pieces", [[50], [1] * 50])
def test_trap_loop_is_noticed(rig: Rig, pieces: list[int]) -> None:
    """A handler whose first instruction traps to itself stops the hart; going on stops it again at once."""
    prepare(rig, U)
    rig.load_text(".byte 00000000", M_HANDLER)
    rig.load_text("ecall")

    made = 0
    for piece in pieces:
        made += rig.run(piece)
        if rig.hart.get("stop") == StopCode.TRAP_LOOP:
            break

    assert made <= 4
    assert state(rig, "stop", "pc", "mcause", "mepc") == (StopCode.TRAP_LOOP, M_HANDLER, Cause.ILLEGAL, M_HANDLER)


def test_unset_trap_vector_is_a_trap_loop(rig: Rig) -> None:
    """A trap with mtvec at zero, where nothing is, is such a loop."""
    rig.hart.put("mtvec", 0)
    rig.load_text("ecall")

    rig.run(100)

    assert state(rig, "stop", "pc", "mcause", "mtval") == (StopCode.TRAP_LOOP, 0, Cause.FETCH_ACCESS, 0)


def test_a_handler_that_makes_progress_is_no_loop(rig: Rig) -> None:
    """Traps over and over, with something retired between, go on for ever."""
    prepare(rig)
    rig.load_text("addi x5, x5, 1\nmret", M_HANDLER)
    rig.load_text("ecall")

    made = rig.run(3 * 100)

    assert made == 300
    assert (rig.x(5), rig.hart.get("stop")) == (100, StopCode.BUDGET)


def test_repeated_traps_at_the_handler_with_progress_between(rig: Rig) -> None:
    """A handler that traps at its own start, but only once, is no loop: M-mode's handler mends S-mode's."""
    prepare(rig, U, medeleg=1 << Cause.ECALL_U)
    rig.load_text(".byte 00000000", S_HANDLER)
    rig.load_text("csrrs x5, mepc, x0\naddi x5, x5, 4\ncsrrw x0, mepc, x5\nmret", M_HANDLER)
    rig.load_text("ecall\necall")

    rig.run(7)

    assert rig.hart.get("stop") == StopCode.BUDGET
    assert rig.hart.get("pc") == S_HANDLER + 8
