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
from tests.lockstep.layout import GUEST_HANDLER, MACHINE_HANDLER, RAISE, RESUME, SCRATCH, SUPERVISOR_HANDLER

VECTORS: Final = 16
SOFTWARE_PENDING: Final = 0x222
MPP: Final = 3 << 11
MPV: Final = 1 << 39


def csr(name: str) -> int:
    """A CSR's number."""
    return BY_NAME[name].number


def _vectors(code: Code) -> None:
    common = code.label("common")
    for _ in range(VECTORS):
        code.jump("jal", common, rd=0)
    code.place(common)


def _look(code: Code, names: str) -> None:
    """Read CSRs, one after the other, where the comparison sees it."""
    for name in names.split():
        code.op("csrrs", rd=SCRATCH[1], rs1=0, imm=csr(name))


@cache
def machine_handler(*, hypervisor: bool = False) -> bytes:
    """M-mode's handler, its vector table first. Where there is H, it looks at what that adds, too."""
    code = Code(MACHINE_HANDLER)
    first, second = SCRATCH
    plain, interrupt = code.label("plain"), code.label("interrupt")
    _vectors(code)
    _look(code, "mtval mepc mip mstatus mtval2 mtinst" if hypervisor else "mtval mepc mip mstatus")
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
    _withdraw(code, "mip", hypervisor=hypervisor)
    code.op("mret")
    return code.finish()


def _withdraw(code: Code, pending: str, *, hypervisor: bool) -> None:
    """Take back the interrupts that software has made pending."""
    code.op("addi", rd=SCRATCH[1], rs1=0, imm=SOFTWARE_PENDING)
    code.op("csrrc", rd=0, rs1=SCRATCH[1], imm=csr(pending))
    if hypervisor:
        code.op("csrrw", rd=0, rs1=0, imm=csr("hvip"))


@cache
def supervisor_handler(*, hypervisor: bool = False) -> bytes:
    """S-mode's handler, HS-mode's where there is H. Asked to raise, it calls M-mode once; `RAISE` tells that it has."""
    names = "stval sepc sip sstatus htval htinst hstatus" if hypervisor else "stval sepc sip sstatus"
    return _supervised(SUPERVISOR_HANDLER, names, turn=4 if hypervisor else 2, hypervisor=hypervisor)


@cache
def guest_handler() -> bytes:
    """VS-mode's handler: the same a level further down, by the names of S-mode's registers."""
    return _supervised(GUEST_HANDLER, "stval sepc sip sstatus", turn=2, hypervisor=False)


def _supervised(base: int, names: str, *, turn: int, hypervisor: bool) -> bytes:
    """A handler of S- or VS-mode, which raises by ECALL while `RAISE` is less than `turn`, and then makes it that."""
    code = Code(base)
    first = SCRATCH[0]
    plain, interrupt = code.label("plain"), code.label("interrupt")
    _vectors(code)
    _look(code, names)
    code.op("csrrs", rd=first, rs1=0, imm=csr("scause"))
    code.jump("blt", interrupt, rs1=first, rs2=0)
    code.jump("beq", plain, rs1=RAISE, rs2=0)
    code.op("addi", rd=first, rs1=RAISE, imm=-turn)
    code.jump("bge", plain, rs1=first, rs2=0)
    code.op("addi", rd=RAISE, rs1=0, imm=turn)
    code.op("ecall")
    code.place(plain)
    code.op("csrrw", rd=0, rs1=RESUME, imm=csr("sepc"))
    code.op("sret")
    code.place(interrupt)
    code.op("csrrw", rd=0, rs1=0, imm=csr("sie"))
    if hypervisor:
        code.op("csrrw", rd=0, rs1=0, imm=csr("hie"))
    _withdraw(code, "sip", hypervisor=hypervisor)
    code.op("sret")
    return code.finish()
