"""Blocks about H: the modes of guests and of their host, and everything that tells one from another.

They translate nothing: guests' addresses are physical ones (`hypervisor_paging` has the others).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.fields import (
    ENVCFG_STCE,
    HSTATUS_HU,
    HSTATUS_SPV,
    HSTATUS_SPVP,
    HSTATUS_VTSR,
    HSTATUS_VTVM,
    HSTATUS_VTW,
    MSTATUS_FS,
    MSTATUS_MPRV,
    MSTATUS_MPV,
    MSTATUS_SPP,
    MSTATUS_TVM,
)
from tests.lockstep.blocks_csr import ENVCFG_LEFT, STATE_ENABLES, values_of
from tests.lockstep.blocks_trap import (
    CALL_FROM_S,
    DELEGATED,
    ILLEGAL_INSTRUCTION,
    TW,
    settle_traps,
)
from tests.lockstep.handlers import csr
from tests.lockstep.layout import TARGETS
from tests.lockstep.operands import MASK64, is_memory, random_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lockstep.program import Builder

Mode = tuple[int, bool]
U, HS, M, VU, VS = (0, False), (1, False), (3, False), (0, True), (1, True)
"""Modes: privilege and V."""
MODES: Final[tuple[Mode, ...]] = (U, HS, M, VU, VS)
GUESTS: Final[tuple[Mode, ...]] = (VU, VS)

OF_H: Final = 0xF0_0400
"""Bits of medeleg that H adds: the call from VS-mode, guest-page faults, the virtual instruction."""

CONTROLS: Final = {
    **dict.fromkeys(("menvcfg", "henvcfg", "senvcfg"), MASK64 ^ ENVCFG_LEFT),
    **dict.fromkeys(("mcounteren", "hcounteren", "scounteren"), MASK64),
    **dict.fromkeys(("mstateen0", "hstateen0"), STATE_ENABLES),
    **dict.fromkeys(("mstateen1", "hstateen1"), MASK64),
}
"""What decides which state a guest may touch, and the bits that may be written to it."""
GUARDED: Final = (
    *("senvcfg", "henvcfg", "sstateen0", "sstateen1", "hstateen0", "hstateen1", "stimecmp", "vstimecmp"),
    *("cycle", "time", "instret", "hpmcounter3", "hpmcounter31", "scounteren", "satp", "hgatp", "vsatp"),
)
"""The state in question."""


def enter(build: Builder, mode: Mode) -> None:
    """From M-mode to another, with everything else as it is."""
    privilege, guest = mode
    if guest:
        build.enter_guest(privilege)
    else:
        build.enter(privilege)


def put(build: Builder, name: str, mask: int, value: int) -> None:
    """In M-mode, give some bits of a CSR a value."""
    build.code.constant(31, mask)
    build.code.op("csrrc", rd=0, rs1=31, imm=csr(name))
    build.code.constant(31, mask & value)
    build.code.op("csrrs", rd=0, rs1=31, imm=csr(name))


def begin(build: Builder) -> None:
    """What every program starts with: timers that do not go off."""
    for name in ("stimecmp", "vstimecmp"):
        build.write_csr(name, values_of(name)(build.random))


def leave(build: Builder) -> None:
    """End a block under VTSR, with which a guest's handler of an interrupt could not return to where it was."""
    settle_traps(build)
    put(build, "hstatus", HSTATUS_VTSR, 0)
    enter(build, build.random.choice(MODES))


def change_mode(build: Builder, modes: Sequence[Mode] = MODES) -> None:
    """To another mode, through M-mode."""
    settle_traps(build)
    enter(build, build.random.choice(modes))


def delegate(build: Builder) -> None:
    """New delegation to HS- and to VS-mode, never of both causes that `Builder.raise_privilege` counts on."""
    pick = build.random
    generous = pick.random() < 0.5
    value = (MASK64 if generous else random_value(pick)) & (DELEGATED | OF_H)
    if value & CALL_FROM_S:
        value &= ~pick.choice((ILLEGAL_INSTRUCTION, CALL_FROM_S))
    settle_traps(build)
    build.write_csr("medeleg", value)
    for name in ("hedeleg", "mideleg", "hideleg"):
        build.code.constant(31, pick.choice((random_value(pick), MASK64)) if generous else random_value(pick))
        build.code.op("csrrw", rd=pick.choice(TARGETS), rs1=31, imm=csr(name))
        build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr(name))
    enter(build, pick.choice(MODES))


def control(build: Builder) -> None:
    """What a guest and a user may do: other values, then a mode that is concerned, then attempts."""
    pick = build.random
    settle_traps(build)
    for name in pick.sample(list(CONTROLS), pick.randrange(1, 5)):
        value = pick.choice((random_value(pick), pick.getrandbits(64), MASK64, MASK64))
        build.write_csr(name, value & CONTROLS[name])
        build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr(name))
    build.write_csr("mie", 0)
    put(build, "hstatus", HSTATUS_VTVM | HSTATUS_VTW | HSTATUS_VTSR | HSTATUS_HU, pick.getrandbits(64))
    put(build, "mstatus", MSTATUS_TVM, pick.choice((0, 0, MSTATUS_TVM)))
    enter(build, pick.choice((U, HS, VU, VU, VS, VS)))
    for _ in range(pick.randrange(2, 6)):
        with build.guarded():
            build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr(pick.choice(GUARDED)))
        privileged(build)
    leave(build)


PRIVILEGED: Final = (
    *("sfence.vma", "sinval.vma", "sfence.w.inval", "sfence.inval.ir"),
    *("hfence.vvma", "hfence.gvma", "hinval.vvma", "hinval.gvma"),
    *("wrs.nto", "wrs.sto", "ecall", "ebreak", "cbo.clean", "cbo.inval", "cbo.flush", "cbo.zero"),
)


def privileged(build: Builder) -> None:
    """An instruction that modes and controls allow or not: fences, calls, cache blocks, guests' memory."""
    pick = build.random
    rows = build.rows(fits=lambda row: row.name in PRIVILEGED or row.name.startswith(("hlv", "hsv")))
    with build.guarded():
        build.random_row(pick.choice(rows))


def waits(build: Builder) -> None:
    """WFI where something pending ends it at once, or where it is refused."""
    pick = build.random
    settle_traps(build)
    build.write_csr("mie", 2)
    build.write_csr("mip", 2)
    build.write_csr("mideleg", 2)
    build.code.constant(31, 2)
    build.code.op("csrrc", rd=0, rs1=31, imm=csr("mstatus"))
    if pick.random() < 0.3:
        build.code.constant(31, TW)
        build.code.op("csrrs", rd=0, rs1=31, imm=csr("mstatus"))
    mode = pick.choice((M, HS))
    if pick.random() < 0.6:  # a guest that may not wait: an interrupt would come before it could
        mode = pick.choice((U, VU, VS))
        build.write_csr("mip", 0)
        build.code.constant(31, HSTATUS_VTW)
        build.code.op("csrrs", rd=0, rs1=31, imm=csr("hstatus"))
    enter(build, mode)
    with build.guarded():
        build.code.op("wfi")


def interrupts(build: Builder) -> None:
    """Interrupts of HS- and VS-mode, delegated or not, where they are enabled or not."""
    pick = build.random
    settle_traps(build)
    for name in ("mideleg", "hideleg", "mie", "hie", "hvip", "mip"):
        build.write_csr(name, pick.choice((pick.getrandbits(14), pick.getrandbits(14), 0x3FFF)))
    build.write_csr("vsstatus", pick.choice((0, 2)))
    build.raise_privilege()
    mode = pick.choice((VS, VS, VU, HS, U))
    enter(build, mode)
    for _ in range(pick.randrange(1, 4)):
        with build.guarded():
            name = pick.choice(("sie", "sip", "sstatus", "vsie", "vsip", "hie", "hip", "hvip", "mip"))
            build.code.constant(31, pick.getrandbits(14) if name != "sstatus" else 2)
            build.code.op(pick.choice(("csrrs", "csrrc", "csrrs")), rd=pick.choice(TARGETS), rs1=31, imm=csr(name))
            build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr(name))


def timers(build: Builder) -> None:
    """Sstc's timers: allowed or not, and one of them over, in a mode that takes its interrupt or not."""
    pick = build.random
    settle_traps(build)
    build.write_csr("mip", 0)
    build.write_csr("hvip", 0)
    for name in ("menvcfg", "henvcfg"):
        put(build, name, ENVCFG_STCE, pick.choice((0, ENVCFG_STCE, ENVCFG_STCE)))
    for name in ("stimecmp", "vstimecmp", "htimedelta", "mcounteren", "hcounteren", "hideleg", "mideleg", "mie"):
        build.write_csr(name, values_of(name)(pick))
    enter(build, pick.choice(MODES))
    over = pick.choice(("stimecmp", "vstimecmp"))
    with build.guarded():
        build.code.op("csrrw", rd=pick.choice(TARGETS), rs1=0, imm=csr(over))
        for name in pick.choices(("sip", "hip", "vsip", "mip", "stimecmp", "vstimecmp", "time"), k=3):
            build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr(name))
    settle_traps(build)
    for name in ("stimecmp", "vstimecmp"):
        build.write_csr(name, values_of(name)(pick))
    build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr("mip"))
    enter(build, pick.choice(MODES))


def roots(build: Builder) -> None:
    """`vsatp`, `hgatp` and, in M-mode, `satp`: what they keep of a value. Bare again in the end (`explained.ROOTS`)."""
    pick = build.random
    settle_traps(build)
    for name in ("hgatp", "vsatp", "satp"):
        for _ in range(pick.randrange(3)):
            mode = pick.choice((0, 8, 9, 10) if name == "vsatp" else (*range(16), 8, 9, 10, 8, 9, 10))
            value = random_value(pick) & (1 << 60) - 1 if mode else 0
            build.code.constant(31, value | mode << 60)
            build.code.op("csrrw", rd=pick.choice(TARGETS), rs1=31, imm=csr(name))
            build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr(name))
        build.write_csr(name, 0)


def vectors(build: Builder) -> None:
    """A trap vector of any level in direct or vectored mode: a guest's must not be HS-mode's, so M-mode writes them."""
    pick = build.random
    settle_traps(build)
    for name in pick.sample(("mtvec", "stvec", "vstvec"), 2):
        build.code.constant(31, values_of(name)(pick))
        build.code.op("csrrw", rd=pick.choice(TARGETS), rs1=31, imm=csr(name))
        build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr(name))
    enter(build, pick.choice(MODES))


def returns(build: Builder) -> None:
    """SRET from HS-mode into a guest or a user, and from VS-mode."""
    pick = build.random
    after = build.code.label()
    settle_traps(build)
    build.write_csr("mie", 0)
    put(build, "hstatus", HSTATUS_SPV | HSTATUS_SPVP | HSTATUS_VTSR, pick.getrandbits(64))
    for name in ("sstatus", "vsstatus"):
        put(build, name, MSTATUS_SPP, pick.getrandbits(64))
    build.code.address(31, after)
    build.code.op("csrrw", rd=0, rs1=31, imm=csr("sepc"))
    build.code.op("csrrw", rd=0, rs1=31, imm=csr("vsepc"))
    enter(build, pick.choice((HS, HS, VS, VS, M, U, VU)))
    with build.guarded():
        build.code.op("sret")
    build.code.place(after)
    leave(build)


def float_state(build: Builder) -> None:
    """Floating point under FS of both status registers: off in either, clean, dirty."""
    pick = build.random
    settle_traps(build)
    for name in ("mstatus", "vsstatus"):
        put(build, name, MSTATUS_FS, pick.choice((0, 1, 2, 3)) << 13)
    enter(build, pick.choice(MODES))
    rows = build.rows("f", "d", fits=lambda row: not is_memory(row) and row.length == 4)
    for _ in range(pick.randrange(1, 4)):
        with build.guarded():
            build.random_row(pick.choice(rows))
        with build.guarded():
            build.code.op("csrrs", rd=pick.choice(TARGETS), rs1=0, imm=csr(pick.choice(("sstatus", "fflags", "frm"))))


def guest_memory(build: Builder) -> None:
    """HLV, HLVX and HSV from M, HS and U, under MPRV and not, at physical addresses that are there or not."""
    pick = build.random
    settle_traps(build)
    put(build, "hstatus", HSTATUS_HU | HSTATUS_SPVP, pick.getrandbits(64))
    enter(build, pick.choice((M, HS, U, U, VS)))
    rows = build.rows(fits=lambda row: row.name.startswith(("hlv", "hsv")))
    for _ in range(pick.randrange(1, 5)):
        with build.guarded():
            build.random_row(pick.choice(rows))


def borrowed(build: Builder) -> None:
    """Loads and stores from M-mode as a guest's: MPRV with MPV."""
    pick = build.random
    settle_traps(build)
    put(
        build,
        "mstatus",
        MSTATUS_MPRV | 3 << 11 | MSTATUS_MPV,
        MSTATUS_MPRV | pick.choice((0, 1, 3)) << 11 | pick.choice((0, MSTATUS_MPV)),
    )
    rows = [row for row in build.rows("i", fits=is_memory) if row.name != "jalr"]
    for _ in range(pick.randrange(1, 4)):
        with build.guarded():
            build.random_row(pick.choice(rows))
    build.code.constant(31, MSTATUS_MPRV)
    with build.guarded():
        build.code.op("csrrc", rd=0, rs1=31, imm=csr("mstatus"))
