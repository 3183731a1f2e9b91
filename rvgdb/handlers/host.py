"""`qHostInfo`, `qProcessInfo`, `qWatchpointSupportInfo`: what LLDB asks to know what it is attached to."""

from __future__ import annotations

from typing import Final

from protocol.replies import Facts, Reply
from protocol.requests import CountWatchpoints, DescribeHost, DescribeProcess
from rvgdb.client import PROCESS, Client
from rvgdb.target.csr_registers import SIZE

TRIPLE: Final = b"riscv64-unknown-unknown-elf"

_MACHINE: Final = (("triple", TRIPLE), ("endian", "little"), ("ptrsize", str(SIZE)))

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


HANDLERS = {
    CountWatchpoints: count_watchpoints,
    DescribeHost: describe_host,
    DescribeProcess: describe_process,
}
