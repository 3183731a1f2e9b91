"""CONFIG registers: the vcpu's letters, its machine ids, and facts of the host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from emulator.kvm.extensions import known_extensions
from emulator.kvm.registers.access import (
    U64,
    Access,
    Named,
    RegisterClass,
    Request,
    absent,
    busy,
    demand_size,
    fixed,
    invalid,
    subtyped,
)

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

NAMES: Final = subtyped(
    0, "isa zicbom_block_size mvendorid marchid mimpid zicboz_block_size satp_mode zicbop_block_size"
)
_BLOCK_SIZES: Final = {"zicbom_block_size": "zicbom", "zicboz_block_size": "zicboz", "zicbop_block_size": "zicbop"}


def resolve(vcpu: Vcpu, request: Request) -> Access:
    """Find a CONFIG register.

    Raises:
        KvmError: EINVAL for a wrong size, ENOENT where there is none.
    """
    demand_size(request, U64, "CONFIG")
    if request.number >= len(NAMES):
        raise absent(f"CONFIG register {request.number:#x}")
    name = NAMES[request.number].name
    if name == "isa":
        return Access(lambda: letters(vcpu), lambda value: set_letters(vcpu, value))
    if name in _BLOCK_SIZES:
        return _block_size(vcpu, name)
    if name == "satp_mode":
        return fixed(vcpu.host.satp_mode, "CONFIG satp_mode")
    return Access(lambda: vcpu.config.ids[name], lambda value: _set_machine_id(vcpu, name, value))


def listing(vcpu: Vcpu) -> Iterable[Named]:
    """All but the block sizes that do not exist."""
    return (row for row in NAMES if row.name not in _BLOCK_SIZES or _has_block_size(vcpu, row.name))


def letters(vcpu: Vcpu) -> int:
    """The vcpu's single-letter extensions, bit n for the letter number n."""
    return _bits(name for name in vcpu.isa if len(name) == 1)


def set_letters(vcpu: Vcpu, value: int) -> None:
    """Write CONFIG `isa`: what cannot be changed is adjusted without a word.

    Raises:
        KvmError: EINVAL for bits above the letters, EBUSY for a change after the first run.
    """
    if (value & 0xFFFF_FFFF).bit_length() > 25:
        raise invalid(f"CONFIG isa: {value:#x} has a bit that is no letter of an extension")
    if value == letters(vcpu):
        return
    if vcpu.ran:
        raise busy("CONFIG isa")
    host, profile = vcpu.host, vcpu.profile
    known = {row.name: row for row in known_extensions(host, profile).values() if len(row.name) == 1}
    wanted = {name for name in known if value & _bits(name)}
    allowed = {name for name in wanted if known[name].enable(host, profile)}
    kept = {name for name, row in known.items() if not row.disable(host, profile)}
    longer = {name for name in vcpu.isa if len(name) > 1}
    vcpu.isa = longer | allowed | kept


def _bits(names: Iterable[str]) -> int:
    return sum(1 << ord(name) - ord("a") for name in names)


def _has_block_size(vcpu: Vcpu, name: str) -> bool:
    profile, extension = vcpu.profile, _BLOCK_SIZES[name]
    if name == "zicbop_block_size" and not profile.zicbop_block_size:
        return False
    return vcpu.host.has(extension) if profile.block_sizes_by_host else vcpu.has(extension)


def _block_size(vcpu: Vcpu, name: str) -> Access:
    if not _has_block_size(vcpu, name):
        raise absent(f"CONFIG {name}: there are no such cache-block instructions")
    size: int = getattr(vcpu.host, name)

    def write(value: int) -> None:
        if value != size and not (value == 0 and vcpu.profile.zero_block_size):
            raise invalid(f"CONFIG {name} is {size} on this host and cannot become {value}")

    return Access(lambda: size, write)


def _set_machine_id(vcpu: Vcpu, name: str, value: int) -> None:
    if value == vcpu.config.ids[name]:
        return
    if vcpu.ran:
        raise busy(f"CONFIG {name}")
    vcpu.config.ids[name] = value


CLASS: Final = RegisterClass(1, resolve, listing, {"config": NAMES})
