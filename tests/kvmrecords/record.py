"""A record: what a real KVM answered, one JSON object a line, and what it tells about the host that it was made on.

Only the host's identity is taken from a record: which extensions it has, its machine ids and block sizes, its kernel.
What KVM makes of that is what a replay checks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emulator.kvm import PROFILES, Host, Profile
from tests.kvmrecords.identity import find_host, known_isa_ids
from tests.kvmrecords.line import Line, Lines, find_problem, integer

VERSION_CALL: Final = "sbi ext=0x10 fid=2 "
"""The probe that asks for the SBI implementation's version: the kernel's."""


SATP_MODES: Final = range(8, 11)


class RecordError(Exception):
    """Raised when a file is no record."""


@dataclass(frozen=True)
class Record:
    """A record file.

    Attributes:
        name: The file's name.
        lines: Its objects, with their line numbers.
        host: The host that it was made on.
        profile: Our profile of its kernel.
    """

    name: str
    lines: Lines
    host: Host
    profile: Profile


def read_record(path: Path, kernel: str | None = None) -> Record:
    """Read a record.

    Args:
        path: The file.
        kernel: Name of the profile; otherwise the file's name or its contents say which kernel it was.

    Raises:
        RecordError: If it cannot be read, or does not say which kernel it was.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path}: {error}") from error
    lines = tuple(_parse(path, text))
    if not lines:
        raise RecordError(f"{path}: it holds no lines")
    profile = _find_profile(kernel or _kernel_of(path, lines, known_isa_ids(lines)), path)
    host = find_host(lines)
    if host.satp_mode not in SATP_MODES:
        raise RecordError(f"{path}: its host has the satp mode {host.satp_mode}, which is none of Sv39, Sv48 and Sv57")
    return Record(path.name, lines, host, profile)


def _parse(path: Path, text: str) -> Iterator[tuple[int, Line]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise RecordError(f"{path}, line {number}: no JSON: {error}") from error
        if not isinstance(value, dict) or not value:
            raise RecordError(f"{path}, line {number}: no object with fields")
        if problem := find_problem(value):
            raise RecordError(f"{path}, line {number}: {problem}")
        yield number, value


# The kernel.


def _kernel_of(path: Path, lines: Lines, known: Mapping[int, bool]) -> str:
    named = re.search(r"linux-\d+\.\d+", path.name)
    if named:
        return named[0]
    for _, line in lines:
        if str(line.get("probe", "")).startswith(VERSION_CALL) and "a1" in line:
            code = integer(line["a1"])
            return f"linux-{code >> 16}.{code >> 8 & 0xFF}"
    last = max((index for index, present in known.items() if present), default=-1)
    if last < 0:
        raise RecordError(f"{path}: neither its name nor its lines say which kernel it is of; use --kernel")
    return next(profile.name for profile in PROFILES if profile.isa_ids > last)


def _find_profile(kernel: str, path: Path) -> Profile:
    """The profile of a kernel, or of the newest one before it."""
    found = re.fullmatch(r"linux-(\d+)\.(\d+)", kernel)
    if found is None:
        raise RecordError(f"{path}: '{kernel}' is no kernel; write linux-7.2")
    version = int(found[1]), int(found[2])
    older = [profile for profile in PROFILES if profile.version[:2] <= version]
    if not older:
        raise RecordError(f"{path}: the oldest kernel that can be replayed is {PROFILES[0].name}")
    return older[-1]
