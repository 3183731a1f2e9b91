"""KVM_GET_ONE_REG and KVM_SET_ONE_REG: from an id, or its name, to a register of a vcpu.

The table has a row for each class of registers; a class has a row for each register (`emulator.kvm.registers`).
Names are `class.register`: `isa_ext.smnpm`, `csr.senvcfg`, `core.a0`, `sbi_fwft.pointer_masking.value`.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from emulator.kvm.errors import KvmError
from emulator.kvm.registers import config, core, csr, fp, isa_ext, sbi_ext, sbi_state, timer, vector
from emulator.kvm.registers.access import (
    ARCHITECTURE,
    SIZE,
    SIZE_SHIFT,
    TYPE,
    TYPE_SHIFT,
    Access,
    Request,
    absent,
    register_id,
)

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

CLASSES: Final = (
    config.CLASS,
    core.CLASS,
    csr.CLASS,
    timer.CLASS,
    fp.CLASS_SINGLE,
    fp.CLASS_DOUBLE,
    vector.CLASS,
    isa_ext.CLASS,
    sbi_ext.CLASS,
    sbi_state.CLASS,
)
"""In the order in which KVM_GET_REG_LIST names them."""

IDS: Final = {
    f"{group}.{row.name}": register_id(kind.type, row.number, row.size)
    for kind in CLASSES
    for group, rows in kind.groups.items()
    for row in rows
}
"""The id of every register that has a name."""

NAMES: Final = {number: name for name, number in IDS.items()}

_BY_TYPE: Final = {kind.type: kind for kind in CLASSES}


def find_id(register: int | str) -> int:
    """The id of a register that is given by id or by name.

    Raises:
        KvmError: ENOENT for a name that no register has.
    """
    if isinstance(register, int):
        return register
    if register not in IDS:
        raise absent(f"register named {register!r}")
    return IDS[register]


def name_of(number: int) -> str:
    """A register's name, or its id in hexadecimal."""
    return NAMES.get(number, f"{number:#x}")


def reg_list(vcpu: Vcpu) -> list[int]:
    """The ids of KVM_GET_REG_LIST, in the kernel's order."""
    return [register_id(kind.type, row.number, row.size) for kind in CLASSES for row in kind.listing(vcpu)]


def get_one_reg(vcpu: Vcpu, register: int | str) -> int:
    """Read a register.

    Raises:
        KvmError: With the errno of the ioctl.
    """
    return _resolve(vcpu, find_id(register)).get()


def set_one_reg(vcpu: Vcpu, register: int | str, value: int) -> None:
    """Write a register.

    Raises:
        KvmError: With the errno of the ioctl; also EINVAL for a number that has no room in the register.
    """
    number = find_id(register)
    access = _resolve(vcpu, number)
    size = 1 << ((number & SIZE) >> SIZE_SHIFT)
    if not 0 <= value < 1 << 8 * size:
        raise KvmError(errno.EINVAL, f"{name_of(number)}: {value} has no room in {size} bytes")
    access.set(value)


def _resolve(vcpu: Vcpu, number: int) -> Access:
    """Nobody checks the architecture's byte: an id of another one reaches the same register."""
    kind = _BY_TYPE.get((number & TYPE) >> TYPE_SHIFT)
    if kind is None or not 0 <= number < 1 << 64:
        raise absent(f"register {number:#x}")
    size = 1 << ((number & SIZE) >> SIZE_SHIFT)
    return kind.resolve(vcpu, Request(number & ~(ARCHITECTURE | SIZE | TYPE), size))
