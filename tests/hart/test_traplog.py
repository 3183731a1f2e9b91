"""The last traps of a hart."""

from __future__ import annotations

from emulator.engine.layout import RAM_BASE
from emulator.hart.fields import Cause, Interrupt, Privilege
from emulator.hart.state import TRAPS_KEPT
from emulator.hart.traplog import TrapRecord, last_traps
from tests.helpers.rig import Rig

HANDLER = RAM_BASE + 0x1000
U, S, M = Privilege.U, Privilege.S, Privilege.M

LW_T0 = 0x0000_2283
"""`lw t0, 16(x0)` as htinst has it: funct3, rd and opcode stay (manual volume II, "Transformed Instruction")."""


def prepare(rig: Rig, text: str, priv: Privilege) -> None:
    """A program at the beginning of RAM, nops at the handler of both modes."""
    rig.open_memory()
    rig.load_text(text)
    rig.load_text("addi x0, x0, 0\n" * 32, HANDLER)
    for name, value in {"mtvec": HANDLER, "stvec": HANDLER, "priv": priv}.items():
        rig.hart.put(name, value)


def test_a_trap_is_kept_with_what_it_wrote(rig: Rig) -> None:
    """Step, modes, pc, cause and value of a delegated exception."""
    prepare(rig, "addi x0, x0, 0\nlw x5, 16(x0)", Privilege.U)
    rig.hart.put("medeleg", 1 << Cause.LOAD_ACCESS)
    rig.run(3)
    assert last_traps(rig.hart) == (TrapRecord(0, 1, U, S, RAM_BASE + 4, Cause.LOAD_ACCESS, 16, 0, LW_T0),)


def test_an_interrupt_is_kept_too(rig: Rig) -> None:
    """With its cause as `mcause` has it, before the instruction that it came before."""
    prepare(rig, "addi x0, x0, 0\n" * 4, Privilege.S)
    rig.run(2)
    rig.hart.put("mie", 1 << Interrupt.MTI)
    rig.hart.put("mip", 1 << Interrupt.MTI)
    rig.hart.put("attention", 1)
    rig.run(1)
    (record,) = last_traps(rig.hart)
    assert (record.cause, record.pc) == (1 << 63 | Interrupt.MTI, RAM_BASE + 8)
    assert (record.source, record.target) == (S, M)


def test_the_oldest_is_forgotten(rig: Rig) -> None:
    """As many as there is room for, oldest first, numbered since the reset, which forgets them all."""
    prepare(rig, "ecall", Privilege.M)
    rig.hart.put("mtvec", RAM_BASE)
    for _ in range(TRAPS_KEPT + 3):
        rig.hart.put("stop", 0)
        rig.run(1)
    records = last_traps(rig.hart)
    assert [record.index for record in records] == list(range(3, TRAPS_KEPT + 3))
    assert {record.cause for record in records} == {Cause.ECALL_M}
    rig.reset()
    assert last_traps(rig.hart) == ()
