"""`satp`, `vsatp` and `hgatp`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.hart.csrs.row import Csr, Guard, merge
from emulator.hart.fields import MSTATUS_TVM
from emulator.hart.refusal import controlled, translation_controlled
from emulator.hart.translation import SATP_MODE, SATP_PPN

if TYPE_CHECKING:
    from emulator.hart.refusal import Refusal
    from emulator.isa.domain import Bool, Domain, Value

HGATP_MODE: Final = 0xF << SATP_MODE
HGATP_VMID: Final = 0x3FFF << 44
HGATP_PPN: Final = SATP_PPN ^ 3
"""The root of the G-stage has 16 KiB, so two bits of its page number are always zero."""


def _supported(d: Domain, value: Value) -> Bool:
    """Whether the MODE field has a value that the hart knows; the G-stage has a mode for each of `satp`."""
    mode = d.lshr(value, SATP_MODE)
    return d.ne(d.and_(d.lshr(d.shared("satp_modes"), mode), 1), 0)


def _satp(number: int, name: str, guard: Guard | None, extension: str = "zicsr", guest: Csr | None = None) -> Csr:
    """`satp`, `vsatp`: an unsupported mode changes nothing; a supported one keeps a 16-bit ASID and a 44-bit PPN."""

    def write(d: Domain, value: Value) -> None:
        legal = d.select(d.eq(d.lshr(value, SATP_MODE), 0), 0, value)
        for _ in d.when(d.both(_supported(d, value), d.ne(legal, d.get(name)))):
            d.put(name, legal)
            d.flush_space(int(name == "vsatp"))

    return Csr(number, name, lambda d: d.get(name), write, guard, extension=extension, guest=guest)


def _write_hgatp(d: Domain, value: Value) -> None:
    """Field by field: an unsupported mode keeps the old one, and the rest is taken."""
    mode = d.select(_supported(d, value), HGATP_MODE, 0)
    legal = merge(d, d.get("hgatp"), value, d.or_(HGATP_VMID | HGATP_PPN, mode))
    for _ in d.when(d.ne(legal, d.get("hgatp"))):
        d.put("hgatp", legal)
        d.flush()


def _satp_guard(d: Domain) -> Refusal:
    return False, translation_controlled(d)


def _hgatp_guard(d: Domain) -> Refusal:
    return False, controlled(d, MSTATUS_TVM, 0)


VSATP: Final = _satp(0x280, "vsatp", None, "h")

ROWS: Final = (
    _satp(0x180, "satp", _satp_guard, guest=VSATP),
    VSATP,
    Csr(0x680, "hgatp", lambda d: d.get("hgatp"), _write_hgatp, _hgatp_guard, extension="h"),
)
