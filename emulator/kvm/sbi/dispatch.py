"""From an SBI call to the module that answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from emulator.kvm.sbi import base, dbcn, forwarded, fwft, hsm, ipi, pmu, rfence, srst, sta, susp, time, v01
from emulator.kvm.sbi.call import Answer, Outcome, SbiCall
from emulator.kvm.sbi.errors import SbiError, SbiRefusal
from emulator.kvm.sbi.ranges import BASE, find_extension

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

HANDLERS: Final[dict[str, Callable[[Vcpu, SbiCall], Outcome]]] = {
    BASE: base.handle,
    "v01": v01.handle,
    "time": time.handle,
    "ipi": ipi.handle,
    "rfence": rfence.handle,
    "srst": srst.handle,
    "hsm": hsm.handle,
    "pmu": pmu.handle,
    "experimental": forwarded.handle,
    "vendor": forwarded.handle,
    "dbcn": dbcn.handle,
    "sta": sta.handle,
    "susp": susp.handle,
    "fwft": fwft.handle,
    "mpxy": forwarded.handle,
}
"""By name of the extension."""


def dispatch(vcpu: Vcpu, call: SbiCall) -> Outcome:
    """Answer a guest's call."""
    name = find_extension(call.extension)
    if name is None or not vcpu.offers(name):
        return Answer(SbiError.NOT_SUPPORTED)
    try:
        return HANDLERS[name](vcpu, call)
    except SbiRefusal as refusal:
        return Answer(refusal.error)
