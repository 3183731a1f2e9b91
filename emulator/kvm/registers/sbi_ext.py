"""SBI_EXT registers: the SBI extensions that the guest may call, one by one or 64 at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from emulator.kvm.registers.access import (
    U64,
    Access,
    Named,
    RegisterClass,
    Request,
    absent,
    busy,
    demand_size,
    invalid,
    subtyped,
)
from emulator.kvm.registers.multi import DISABLE, ENABLE, SINGLE, multi_names, resolve_multi
from emulator.kvm.sbi.extensions import SBI_EXTENSIONS, Status

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

NAMES: Final = subtyped(SINGLE, " ".join(extension.name for extension in SBI_EXTENSIONS))


def resolve(vcpu: Vcpu, request: Request) -> Access:
    """Find an SBI_EXT register.

    Raises:
        KvmError: EINVAL for a wrong size; ENOENT for a subtype or an index that does not exist.
    """
    demand_size(request, U64, "SBI_EXT")
    if request.subtype == SINGLE:
        index = request.index
        return Access(lambda: _get(vcpu, index), lambda value: _set(vcpu, index, value))
    return Access(lambda: _multi(vcpu, request).get(), lambda value: _set_multi(vcpu, request, value))


def _multi(vcpu: Vcpu, request: Request) -> Access:
    return resolve_multi(
        request,
        vcpu.profile.sbi_ids,
        "SBI_EXT",
        lambda index: Access(lambda: _get(vcpu, index), lambda value: _set(vcpu, index, value)),
    )


def listing(vcpu: Vcpu) -> Iterable[Named]:
    """Every extension that is available, enabled or not."""
    return (row for row in NAMES if vcpu.sbi.get(row.name, Status.UNAVAILABLE) is not Status.UNAVAILABLE)


def _get(vcpu: Vcpu, index: int) -> int:
    return int(vcpu.sbi[_find(vcpu, index)] is Status.ENABLED)


def _set(vcpu: Vcpu, index: int, value: int) -> None:
    """The run comes first, then the value, then whether there is such an extension."""
    _demand_not_ran(vcpu)
    if value not in (0, 1):
        raise invalid(f"an SBI extension is 0 or 1, not {value}")
    vcpu.sbi[_find(vcpu, index)] = Status.ENABLED if value else Status.DISABLED


def _set_multi(vcpu: Vcpu, request: Request, value: int) -> None:
    """The run comes before the subtype and the index (`kvm_riscv_vcpu_set_reg_sbi_ext`)."""
    _demand_not_ran(vcpu)
    _multi(vcpu, request).set(value)


def _demand_not_ran(vcpu: Vcpu) -> None:
    if vcpu.ran:
        raise busy("an SBI extension")


def _find(vcpu: Vcpu, index: int) -> str:
    name = NAMES[index].name if index < vcpu.profile.sbi_ids else ""
    if vcpu.sbi.get(name, Status.UNAVAILABLE) is Status.UNAVAILABLE:
        raise absent(f"SBI extension {index:#x} in this kernel on this host")
    return name


CLASS: Final = RegisterClass(
    8,
    resolve,
    listing,
    {
        "sbi_ext": NAMES,
        "sbi_ext_multi_enable": multi_names(ENABLE, len(NAMES)),
        "sbi_ext_multi_disable": multi_names(DISABLE, len(NAMES)),
    },
)
