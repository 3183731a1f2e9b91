"""Zicsr and the privileged instructions (manual volume I, chapter 6; volume II, chapters 3 and 12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.hart.fields import MASK64
from emulator.hart.refusal import is_user, refuse, translation_controlled
from emulator.hart.traps import check_wait, machine_return, supervisor_return
from emulator.isa.fences import drop_translations
from emulator.isa.rows import BARE, CSR, CSRI, RS1_RS2, Lift, RowSet

if TYPE_CHECKING:
    from emulator.isa.domain import Execution, Value

ZICSR: Final = RowSet("zicsr")
PRIVILEGED: Final = RowSet("i")
SVINVAL: Final = RowSet("svinval")

Source = Callable[["Execution"], "Value"]
Change = Callable[["Execution", "Value", "Value"], "Value"]


def _swap(source: Source) -> Callable[[Execution], None]:
    """CSRRW: with rd = x0 the CSR is not read, so that a read's side effects do not happen."""

    def meaning(x: Execution) -> None:
        old = x.var(0)
        for _ in x.unless(x.rd_is_zero):
            old.set(x.call_csr("read", x.imm, 1))
        x.call_csr("write", x.imm, source(x))
        x.write_rd(old.get())

    return meaning


def _modify(source: Source, change: Change) -> Callable[[Execution], None]:
    """CSRRS and CSRRC: with rs1 = x0 (or a zero immediate) nothing is written, so a read-only CSR may be named."""

    def meaning(x: Execution) -> None:
        old = x.call_csr("read", x.imm, x.rs1_number)
        for _ in x.when(x.ne(x.rs1_number, 0)):
            x.call_csr("write", x.imm, change(x, x.call_csr("base", x.imm), source(x)))
        x.write_rd(old)

    return meaning


def _set(x: Execution, old: Value, bits: Value) -> Value:
    return x.or_(old, bits)


def _clear(x: Execution, old: Value, bits: Value) -> Value:
    return x.and_(old, x.xor(bits, MASK64))


ZICSR.row("csrrw", "............ ..... 001 ..... 1110011", CSR, _swap(lambda x: x.rs1), Lift.CALL)
ZICSR.row("csrrs", "............ ..... 010 ..... 1110011", CSR, _modify(lambda x: x.rs1, _set), Lift.CALL)
ZICSR.row("csrrc", "............ ..... 011 ..... 1110011", CSR, _modify(lambda x: x.rs1, _clear), Lift.CALL)
ZICSR.row("csrrwi", "............ ..... 101 ..... 1110011", CSRI, _swap(lambda x: x.rs1_number), Lift.CALL)
ZICSR.row("csrrsi", "............ ..... 110 ..... 1110011", CSRI, _modify(lambda x: x.rs1_number, _set), Lift.CALL)
ZICSR.row("csrrci", "............ ..... 111 ..... 1110011", CSRI, _modify(lambda x: x.rs1_number, _clear), Lift.CALL)


def _check_fence(x: Execution) -> None:
    """The ordering instructions around `sinval.vma` need S-mode and heed nothing else."""
    refuse(x, barred=is_user(x))


def _sfence_vma(x: Execution) -> None:
    """At V=1 it is about VS-stage translations. Address spaces are not told apart."""
    refuse(x, barred=x.either(is_user(x), translation_controlled(x)))
    drop_translations(x, x.get("virt"))


def _wait(x: Execution) -> None:
    x.call(check_wait)
    x.wait()


PRIVILEGED.row(
    "mret", "0011000 00010 00000 000 00000 1110011", BARE, lambda x: x.go(x.call(machine_return)), Lift.ENDS_BLOCK
)
PRIVILEGED.row(
    "sret", "0001000 00010 00000 000 00000 1110011", BARE, lambda x: x.go(x.call(supervisor_return)), Lift.ENDS_BLOCK
)
PRIVILEGED.row("wfi", "0001000 00101 00000 000 00000 1110011", BARE, _wait, Lift.ENDS_BLOCK)
PRIVILEGED.row("sfence.vma", "0001001 ..... ..... 000 00000 1110011", RS1_RS2, _sfence_vma, Lift.CALL)

SVINVAL.row("sinval.vma", "0001011 ..... ..... 000 00000 1110011", RS1_RS2, _sfence_vma, Lift.CALL)
SVINVAL.row("sfence.w.inval", "0001100 00000 00000 000 00000 1110011", BARE, _check_fence, Lift.CALL)
SVINVAL.row("sfence.inval.ir", "0001100 00001 00000 000 00000 1110011", BARE, _check_fence, Lift.CALL)
