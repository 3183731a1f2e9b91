"""The trap handlers of a random program.

They copy what the trap left into registers, where the comparison sees it, and go on at the address in `RESUME` after an
exception, or where they were after an interrupt, having withdrawn every enabled interrupt. While `RAISE` is not zero, a
trap ends in M-mode.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from emulator.hart.csrs import BY_NAME
from tests.lockstep.code import Code
from tests.lockstep.layout import MACHINE_HANDLER, RAISE, RESUME, SCRATCH, SUPERVISOR_HANDLER

VECTORS: Final = 16
SOFTWARE_PENDING: Final = 0x222
MPP: Final = 3 << 11


def csr(name: str) -> int:
    """A CSR's number."""
    return BY_NAME[name].number


def _vectors(code: Code) -> None:
    common = code.label("common")
    for _ in range(VECTORS):
        code.jump("jal", common, rd=0)
    code.place(common)


@cache
def machine_handler() -> bytes:
    """M-mode's handler, its vector table first."""
    code = Code(MACHINE_HANDLER)
    first, second = SCRATCH
    plain, interrupt = code.label("plain"), code.label("interrupt")
    _vectors(code)
    for name in ("mtval", "mepc", "mip", "mstatus"):
        code.op("csrrs", rd=second, rs1=0, imm=csr(name))
    code.op("csrrs", rd=first, rs1=0, imm=csr("mcause"))
    code.jump("blt", interrupt, rs1=first, rs2=0)
    code.jump("beq", plain, rs1=RAISE, rs2=0)
    code.op("addi", rd=RAISE, rs1=0, imm=0)
    code.constant(second, MPP)
    code.op("csrrs", rd=0, rs1=second, imm=csr("mstatus"))
    code.place(plain)
    code.op("csrrw", rd=0, rs1=RESUME, imm=csr("mepc"))
    code.op("mret")
    code.place(interrupt)
    code.op("csrrw", rd=0, rs1=0, imm=csr("mie"))
    code.op("addi", rd=second, rs1=0, imm=SOFTWARE_PENDING)
    code.op("csrrc", rd=0, rs1=second, imm=csr("mip"))
    code.op("mret")
    return code.finish()


@cache
def supervisor_handler() -> bytes:
    """S-mode's handler. Asked to raise, it calls M-mode once; `RAISE` tells it that it has."""
    code = Code(SUPERVISOR_HANDLER)
    first, second = SCRATCH
    plain, interrupt = code.label("plain"), code.label("interrupt")
    _vectors(code)
    for name in ("stval", "sepc", "sip", "sstatus"):
        code.op("csrrs", rd=second, rs1=0, imm=csr(name))
    code.op("csrrs", rd=first, rs1=0, imm=csr("scause"))
    code.jump("blt", interrupt, rs1=first, rs2=0)
    code.op("addi", rd=first, rs1=RAISE, imm=-1)
    code.jump("bne", plain, rs1=first, rs2=0)
    code.op("addi", rd=RAISE, rs1=0, imm=2)
    code.op("ecall")
    code.place(plain)
    code.op("csrrw", rd=0, rs1=RESUME, imm=csr("sepc"))
    code.op("sret")
    code.place(interrupt)
    code.op("csrrw", rd=0, rs1=0, imm=csr("sie"))
    code.op("addi", rd=second, rs1=0, imm=SOFTWARE_PENDING)
    code.op("csrrc", rd=0, rs1=second, imm=csr("sip"))
    code.op("sret")
    return code.finish()
