"""The emulated kernel's refusals: `KvmError` carries the errno that the ioctl would fail with."""

from __future__ import annotations

import errno
from typing import Final, NoReturn

from emulator.errors import EmulatorError

ENOTSUPP: Final = 524
"""Linux's own number for an operation that is not supported; user space has no name for it."""

_NAMES: Final = {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP", ENOTSUPP: "ENOTSUPP"}


class KvmError(EmulatorError):
    """Raised when the emulated KVM refuses a request; nothing has changed.

    Attributes:
        errno: The number that the ioctl would set, as `errno.EINVAL`.
        name: Its name, as `EINVAL`.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"{_NAMES[number]}: {message}")
        self.errno = number
        self.name = _NAMES[number]


def refuse(number: int, message: str) -> NoReturn:
    """Fail with an errno; where a refusal is the whole of a branch.

    Raises:
        KvmError: Always.
    """
    raise KvmError(number, message)
