"""Files that guests are saved in, as `-incoming` and `migrate` name them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from rvgdb.errors import OptionError, RvgdbError

ELSEWHERE: Final = ("tcp:", "unix:", "exec:", "fd:", "rdma:", "vsock:")
"""QEMU's other ways to move a guest."""


class MigrationError(RvgdbError):
    """Raised when a saved guest cannot be read or written."""


def state_file(what: str, text: str) -> Path:
    """The file of `FILE` or `file:FILE`.

    Args:
        what: The option or command, for errors.
        text: What follows it.

    Raises:
        OptionError: For QEMU's other ways.
    """
    if text.startswith(ELSEWHERE) or text == "defer":
        raise OptionError(f"{what} {text}: guests move through files only; write {what} FILE")
    name = text.removeprefix("file:")
    if not name:
        raise OptionError(f"{what}: the name of a file is needed")
    return Path(name)


def read_state(path: Path) -> bytes:
    """A saved guest.

    Raises:
        MigrationError: If the file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise MigrationError(f"-incoming {path}: cannot be read: {error.strerror}") from None


def write_state(path: Path, data: bytes) -> None:
    """Save a guest: all of it, or the file stays what it was. What is no saved guest is not overwritten.

    Raises:
        MigrationError: If it cannot be written.
    """
    from emulator.kvm.statefile import MAGIC

    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        if path.exists():
            with path.open("rb") as old:
                if not path.is_file() or old.read(len(MAGIC)) != MAGIC:
                    raise MigrationError(f"{path} exists and is no saved guest; name another file")
        try:
            fresh.write_bytes(data)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise MigrationError(f"{path} cannot be written: {error.strerror}") from None
