"""SBI base: versions, machine ids, and which extensions there are. It cannot be disabled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.kvm.sbi.call import Answer, Forward, Outcome, SbiCall
from emulator.kvm.sbi.errors import SbiError, SbiRefusal
from emulator.kvm.sbi.ranges import EIDS, is_forwarded_range

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

KVM_IMPLEMENTATION: Final = 3
NOBODY: Final = (1 << 64) - 1
"""The id that a kernel without SBI v0.1 puts into its place, and so finds (`kvm_vcpu_sbi_find_ext`)."""
MACHINE_IDS: Final = {4: "mvendorid", 5: "marchid", 6: "mimpid"}


def handle(vcpu: Vcpu, call: SbiCall) -> Outcome:
    """Answer a call.

    Raises:
        SbiRefusal: For an unknown function.
    """
    profile = vcpu.profile
    match call.function:
        case 0:
            major, minor = profile.sbi_version
            return Answer(value=major << 24 | minor)
        case 1:
            return Answer(value=KVM_IMPLEMENTATION)
        case 2:
            return Answer(value=profile.version_code)
        case 3:
            return _probe(vcpu, call.args[0])
        case 4 | 5 | 6:
            return Answer(value=vcpu.config.ids[MACHINE_IDS[call.function]])
    raise SbiRefusal(SbiError.NOT_SUPPORTED)


def _probe(vcpu: Vcpu, extension: int) -> Outcome:
    """Whether there is an extension; user space is asked about its own ranges, even where they are disabled."""
    if is_forwarded_range(extension):
        return Forward()
    if extension == NOBODY:
        return Answer(value=int(vcpu.sbi_enabled("v01") and not vcpu.host.legacy_sbi))
    name = EIDS.get(extension)
    return Answer(value=int(name is not None and vcpu.offers(name)))
