"""One line of a record: an object whose first field names its kind, and what its fields must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

Line: TypeAlias = Mapping[str, object]
Lines: TypeAlias = tuple[tuple[int, Line], ...]
"""With their numbers in the file."""

PROBE: Final = "probe"
CSRS: Final = 0x1000
"""How many CSR numbers there are."""

QUESTIONS: Final = {
    "isa_multi": ("idx",),
    "sbi_multi": ("idx",),
    "csr": ("sub",),
    "sbistate": ("sub", "smnpm"),
    PROBE: ("arg",),
}
"""Fields without which a kind of line does not say what was asked."""

NUMBERS: Final = frozenset({"idx", "sub", "smnpm", "arg", "v", "value", "a0", "a1"})
"""Fields that are numbers of at most 64 bits."""


def integer(value: object) -> int:
    """A number of a record: as JSON has it, or a string in hexadecimal."""
    return int(value, 0) if isinstance(value, str) else int(value) if isinstance(value, int) else 0


def find_problem(line: Line) -> str | None:
    """Why a line cannot be replayed, None if it can."""
    kind = next(iter(line))
    for name in QUESTIONS.get(kind, ()):
        if name not in line:
            return f"a line of the kind '{kind}' needs the field '{name}'"
    for name, value in line.items():
        if (name in NUMBERS or (name == kind and kind != PROBE)) and not _is_number(value):
            return f"'{name}' is {value!r}, which is no number of 64 bits"
    if str(line[kind]).startswith("csr_") and integer(line["arg"]) >= CSRS:
        return f"there is no CSR {integer(line['arg']):#x}"
    return None


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, int | str) and 0 <= integer(value) < 1 << 64
    except ValueError:
        return False
