"""`qHostInfo`, `qProcessInfo`, `qMemoryRegionInfo` and the like: what LLDB asks to know what it is attached to."""

from __future__ import annotations

from typing import Final

from protocol.replies import Facts, Reply
from protocol.requests import CountWatchpoints, DescribeHost, DescribeMemory, DescribeProcess
from rvgdb.client import PROCESS, Client
from rvgdb.target.csr_registers import SIZE

TRIPLE: Final = b"riscv64-unknown-unknown-elf"

_MACHINE: Final = (("triple", TRIPLE), ("endian", "little"), ("ptrsize", str(SIZE)))

PERMISSIONS: Final = {"ram": "rwx", "rom": "rx"}
"""What a program may do, by the kind of a region."""

MANY: Final = 65535
"""There is no limit to the watchpoints."""


def describe_host(client: Client, request: DescribeHost) -> Reply:
    """A machine without an operating system, whose watchpoints stop it before the access."""
    return Facts((*_MACHINE, ("watchpoint_exceptions_received", "before"), ("vm-page-size", "4096")))


def describe_process(client: Client, request: DescribeProcess) -> Reply:
    """The one process, which is the machine."""
    return Facts((("pid", f"{PROCESS:x}"), *_MACHINE))


def count_watchpoints(client: Client, request: CountWatchpoints) -> Reply:
    """A number, because LLDB wants one: it asks this before it looks at when a watchpoint stops."""
    return Facts((("num", str(MANY)),))


def describe_memory(client: Client, request: DescribeMemory) -> Reply:
    """What is around an address. A gap between regions has no permissions.

    Raises:
        TargetError: When addresses are not physical.
    """
    region = client.target.documents.region(client.hart, request.address)
    facts = (("start", f"{region.base:x}"), ("size", f"{region.size:x}"))
    if region.kind not in PERMISSIONS:
        return Facts(facts)
    return Facts((*facts, ("permissions", PERMISSIONS[region.kind]), ("name", region.kind.upper().encode())))


HANDLERS = {
    CountWatchpoints: count_watchpoints,
    DescribeHost: describe_host,
    DescribeMemory: describe_memory,
    DescribeProcess: describe_process,
}
