"""ISA_EXT registers: the vcpu's extensions, one by one or 64 at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from emulator.kvm.extensions import KVM_EXTENSIONS, KvmExtension, find_extension, known_extensions
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

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

NAMES: Final = subtyped(SINGLE, " ".join(extension.name for extension in KVM_EXTENSIONS))


def resolve(vcpu: Vcpu, request: Request) -> Access:
    """Find an ISA_EXT register.

    Raises:
        KvmError: EINVAL for a wrong size; ENOENT for an id that this kernel or this host does not have.
    """
    demand_size(request, U64, "ISA_EXT")
    if request.subtype == SINGLE:
        return _single(vcpu, request.index)
    return resolve_multi(request, vcpu.profile.isa_ids, "ISA_EXT", lambda index: _single(vcpu, index))


def listing(vcpu: Vcpu) -> Iterable[Named]:
    """Every extension that the host has, enabled or not."""
    return (NAMES[index] for index in known_extensions(vcpu.host, vcpu.profile))


def _single(vcpu: Vcpu, index: int) -> Access:
    extension = find_extension(index, vcpu.host, vcpu.profile)
    if extension is None:
        raise absent(f"ISA extension {index:#x} in this kernel on this host")
    return Access(lambda: int(vcpu.has(extension.name)), lambda value: _set(vcpu, extension, value))


def _set(vcpu: Vcpu, extension: KvmExtension, value: int) -> None:
    """What is so already always succeeds."""
    name = extension.name
    if value == int(vcpu.has(name)):
        return
    if vcpu.ran:
        raise busy(f"isa_ext.{name}")
    if value == 1 and extension.enable(vcpu.host, vcpu.profile):
        vcpu.isa.add(name)
    elif value == 0 and extension.disable(vcpu.host, vcpu.profile):
        vcpu.isa.remove(name)
    else:
        raise invalid(f"isa_ext.{name} cannot be {'enabled' if value == 1 else 'disabled' if value == 0 else value}")


CLASS: Final = RegisterClass(
    7,
    resolve,
    listing,
    {
        "isa_ext": NAMES,
        "isa_ext_multi_enable": multi_names(ENABLE, len(NAMES)),
        "isa_ext_multi_disable": multi_names(DISABLE, len(NAMES)),
    },
)
