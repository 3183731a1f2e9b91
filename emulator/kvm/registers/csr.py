"""CSR registers: what the guest takes for its supervisor CSRs; those of AIA; those of Smstateen.

KVM keeps them as user space writes them. What the hardware makes of a value shows after the next run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from emulator.kvm.errors import KvmError
from emulator.kvm.registers.access import U64, Access, Named, RegisterClass, Request, absent, demand_size, subtyped

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

GENERAL: Final = subtyped(0, "sstatus sie stvec sscratch sepc scause stval sip satp scounteren senvcfg")
AIA: Final = subtyped(1, "siselect iprio1 iprio2 sieh siph iprio1h iprio2h")
SMSTATEEN: Final = subtyped(2, "sstateen0")

SIP: Final = 1 << 1 | 1 << 5 | 1 << 9 | 1 << 13
"""Software, timer, external and counter-overflow interrupts, as VS-mode numbers them."""


def resolve(vcpu: Vcpu, request: Request) -> Access:
    """Find a CSR register.

    Raises:
        KvmError: EINVAL for a wrong size, ENOENT where there is none.
    """
    demand_size(request, U64, "CSR")
    index = request.index
    match request.subtype:
        case 0 if index < len(GENERAL):
            return _general(vcpu, GENERAL[index].name)
        case 1 if index < len(AIA):
            return _aia(vcpu, AIA[index].name)
        case 2:
            _demand_smstateen(vcpu, index)
            return _plain(vcpu, SMSTATEEN[index].name)
    raise absent(f"CSR register {index:#x} with subtype {request.subtype}")


def listing(vcpu: Vcpu) -> Iterable[Named]:
    """The general ones, and what the vcpu's ISA adds."""
    yield from GENERAL
    if vcpu.has("ssaia"):
        yield from AIA
    if vcpu.has("smstateen"):
        yield from SMSTATEEN


def _plain(vcpu: Vcpu, name: str) -> Access:
    return Access(lambda: vcpu.context.get(name), lambda value: vcpu.context.put(name, value))


def _general(vcpu: Vcpu, name: str) -> Access:
    if name == "sip":
        return Access(lambda: _get_sip(vcpu), lambda value: vcpu.interrupts.write_hvip((value & SIP) << 1))
    return _plain(vcpu, name)


def _get_sip(vcpu: Vcpu) -> int:
    """`hvip` one down where interrupts are local; what lies above shows at its own place."""
    hvip = vcpu.interrupts.read_hvip()
    local = (1 << vcpu.profile.local_interrupts) - 1
    return hvip >> 1 & SIP | hvip & ~local


def _aia(vcpu: Vcpu, name: str) -> Access:
    if not vcpu.host.has("ssaia"):
        return Access(lambda: 0, lambda value: None)
    return _plain(vcpu, name)


def _demand_smstateen(vcpu: Vcpu, index: int) -> None:
    profile = vcpu.profile
    here = vcpu.host.has("smstateen") if profile.sstateen_by_host else vcpu.has("smstateen")
    if not here or index >= len(SMSTATEEN):
        raise KvmError(profile.sstateen_error, f"there is no Smstateen register {index:#x}")


CLASS: Final = RegisterClass(3, resolve, listing, {"csr": GENERAL, "csr_aia": AIA, "csr_smstateen": SMSTATEEN})
