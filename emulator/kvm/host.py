"""The host that the emulated kernel runs on: what its KVM can find out about the hardware."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from emulator.errors import ConfigError

_IMPLIED: Final = {"a": ("zaamo", "zalrsc"), "c": ("zca",)}
"""What Linux adds to a host's ISA where a single letter stands for several extensions."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host's hardware.

    Attributes:
        isa: Names of the extensions in lower case, as Linux uses them (see `parse_isa`).
        zicbom_block_size: Bytes of a cache block for `cbo.inval`, `cbo.clean` and `cbo.flush`.
        zicboz_block_size: Bytes of a cache block for `cbo.zero`.
        zicbop_block_size: Bytes of a cache block for prefetches.
        mvendorid: The CSR as the host's own SBI reports it; so the next two.
        marchid: Architecture id.
        mimpid: Implementation id.
        satp_mode: The largest `satp.MODE`: 8 is Sv39, 9 Sv48, 10 Sv57.
        timebase: Ticks of `time` in a second.
        pmlens: The PMLEN values that stick in `henvcfg.PMM`, where the host has Ssnpm.
        misaligned_delegation: Whether misaligned loads and stores trap in a way that the host can delegate.
        legacy_sbi: Whether the host's kernel was built with support for guests that use SBI v0.1.
        pmu: Whether the host counts events for its guests. The machine has no counters for them: a guest then finds
            none, and reading one is illegal. Without it, `cycle` and `instret` read 0.
        scheduler_statistics: Whether it keeps the statistics that steal-time accounting needs.
    """

    isa: frozenset[str]
    zicbom_block_size: int = 64
    zicboz_block_size: int = 64
    zicbop_block_size: int = 64
    mvendorid: int = 0
    marchid: int = 42
    mimpid: int = 0
    satp_mode: int = 10
    timebase: int = 10_000_000
    pmlens: frozenset[int] = frozenset({7, 16})
    misaligned_delegation: bool = False
    legacy_sbi: bool = False
    pmu: bool = True
    scheduler_statistics: bool = True

    def has(self, extension: str) -> bool:
        """Whether the host has an extension."""
        return extension in self.isa

    @property
    def hardware_ad(self) -> bool:
        """Whether the host's kernel lets the hardware set A and D bits (Svadu in use)."""
        return "svadu" in self.isa


def parse_isa(text: str) -> frozenset[str]:
    """The extensions of an ISA string such as `rv64imafdch_zicbom_ssnpm`, as Linux would find them.

    What a letter stands for is added. Svadu is dropped beside Svade: hardware that announces both may need to be told
    which one to use, so Linux takes Svade.

    Raises:
        ConfigError: If it is no ISA string of a 64-bit host.
    """
    letters, *longer = text.lower().split("_")
    if not re.fullmatch(r"rv64[a-z]*", letters) or not all(re.fullmatch(r"[a-z][a-z0-9]+", name) for name in longer):
        raise ConfigError(f"host-isa: '{text}' is no ISA string; write it like rv64imafdch_zicbom_sstc_ssnpm")
    single = set(letters.removeprefix("rv64").replace("g", "imafd"))
    names = single.union(longer, *(_IMPLIED.get(letter, ()) for letter in single))
    if "g" in letters:
        names |= {"zicsr", "zifencei"}
    return frozenset(names - {"svadu"} if "svade" in names else names)
