"""`info mem`."""

from __future__ import annotations

from itertools import islice
from typing import Final

from emulator.hart.fields import Privilege
from emulator.hart.modes import GUEST
from emulator.mappings import mappings
from rvgdb.monitor.command import Command, Scene

MOST: Final = 1 << 16
"""Lines in one listing: tables that lead to themselves would have more than anybody reads."""

HEAD: Final = f"{'vaddr':16} {'paddr':16} {'size':16} attr\n{'-' * 16} {'-' * 16} {'-' * 16} -------\n"


def info_mem(scene: Scene, rest: str) -> str:
    """What the tables at `satp` map, in QEMU's form; of a guest those at `vsatp`, to guest-physical addresses."""
    witness = scene.target.debug.witness(scene.hart)
    mode = Privilege.S | (GUEST if witness.get("virt") else 0)
    if not witness.get("vsatp" if mode & GUEST else "satp") >> 60:
        return "No translation or protection\n"
    spans = islice(mappings(witness, mode), MOST)
    return HEAD + "".join(f"{one.virtual:016x} {one.physical:016x} {one.size:016x} {one.bits}\n" for one in spans)


COMMAND = Command(("mem",), "", "show the active virtual memory mappings", info_mem)
