"""The SBI's error numbers (SBI specification, "Binary Encoding"), and what they become in ONE_REG."""

from __future__ import annotations

import errno
from enum import IntEnum
from typing import Final

from emulator.errors import EmulatorError
from emulator.kvm.errors import ENOTSUPP


class SbiError(IntEnum):
    """What a guest finds in `a0`."""

    SUCCESS = 0
    FAILED = -1
    NOT_SUPPORTED = -2
    INVALID_PARAM = -3
    DENIED = -4
    INVALID_ADDRESS = -5
    ALREADY_AVAILABLE = -6
    ALREADY_STARTED = -7
    ALREADY_STOPPED = -8
    NO_SHMEM = -9
    INVALID_STATE = -10
    BAD_RANGE = -11
    TIMEOUT = -12
    IO = -13
    DENIED_LOCKED = -14


ERRNO_OF: Final = {
    SbiError.INVALID_PARAM: errno.EINVAL,
    SbiError.DENIED: errno.EPERM,
    SbiError.DENIED_LOCKED: errno.EPERM,
    SbiError.INVALID_ADDRESS: errno.EFAULT,
    SbiError.BAD_RANGE: errno.ERANGE,
    SbiError.NO_SHMEM: errno.ENOMEM,
    SbiError.TIMEOUT: errno.ETIMEDOUT,
    SbiError.IO: errno.EIO,
}
"""Linux's translation; every other error is ENOTSUPP."""


class SbiRefusal(EmulatorError):
    """Raised inside the emulated SBI when a call fails; the guest sees the number in `a0`."""

    def __init__(self, error: SbiError) -> None:
        super().__init__(f"the SBI call fails with {error.name}")
        self.error = error

    @property
    def errno(self) -> int:
        """The errno where user space asked the same through ONE_REG."""
        return ERRNO_OF.get(self.error, ENOTSUPP)
