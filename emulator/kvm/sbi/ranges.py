"""Which extension an extension id belongs to."""

from __future__ import annotations

from typing import Final

BASE: Final = "base"

LEGACY: Final = range(9)
"""Ids of SBI v0.1, which had no functions: each is a call."""

EIDS: Final = {
    **dict.fromkeys(LEGACY, "v01"),
    0x10: BASE,
    0x54494D45: "time",
    0x735049: "ipi",
    0x52464E43: "rfence",
    0x53525354: "srst",
    0x48534D: "hsm",
    0x504D55: "pmu",
    0x4442434E: "dbcn",
    0x535441: "sta",
    0x53555350: "susp",
    0x46574654: "fwft",
    0x4D505859: "mpxy",
}
"""The name of the SBI extension with an id; most ids spell it in ASCII."""

FORWARDED: Final = {"experimental": range(0x08000000, 0x09000000), "vendor": range(0x09000000, 0x0A000000)}
"""Ids that are user space's altogether."""


def find_extension(extension: int) -> str | None:
    """The name of the extension that an id belongs to."""
    if extension in EIDS:
        return EIDS[extension]
    return next((name for name, ids in FORWARDED.items() if extension in ids), None)


def is_forwarded_range(extension: int) -> bool:
    """Whether an id is in a range of user space's, be it enabled or not."""
    return any(extension in ids for ids in FORWARDED.values())
