"""From a request to its answer: one table made of the handlers' tables, looked up by type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from protocol.capabilities import Capability
from protocol.replies import ErrorText
from protocol.requests import Request
from rvgdb.client import Answer, Client
from rvgdb.handlers import (
    breakpoints,
    documents,
    host,
    lifecycle,
    memory,
    monitoring,
    qemu,
    registers,
    resume,
    searching,
    threads,
)
from rvgdb.target.api import TargetError

_MODULES: Final = (
    registers,
    memory,
    searching,
    breakpoints,
    resume,
    threads,
    documents,
    monitoring,
    host,
    qemu,
    lifecycle,
)

TABLE: Final[dict[type[Request], Callable[[Client, Any], Answer]]] = {
    request: handler for module in _MODULES for request, handler in module.HANDLERS.items()
}
"""Request type to handler. Each handler takes its own type, which a table cannot say."""

CAPABILITIES: Final = frozenset(
    {
        Capability.TARGET_DESCRIPTION,
        Capability.THREAD_DETAILS,
        Capability.BINARY_MEMORY,
        Capability.SOFTWARE_BREAKPOINTS,
        Capability.HARDWARE_BREAKPOINTS,
        Capability.WATCHPOINTS,
        Capability.BREAKPOINT_CONDITIONS,
        Capability.BREAKPOINT_COMMANDS,
        Capability.STOP_REASONS,
        Capability.RANGE_STEP,
        Capability.MONITOR,
        Capability.RESTART,
        Capability.PROCESSES,
        Capability.SEARCH,
        Capability.CHECKSUM,
        Capability.SERVER_VERSION,
        Capability.HOST_FACTS,
        Capability.QEMU_STEP_MASK,
        Capability.QEMU_PHYSICAL_MEMORY,
    }
)
"""What a machine can do for a debugger. The memory map is added when the user asks for it."""


def dispatch(client: Client, request: Request) -> Answer:
    """Do what is asked.

    Returns:
        The answer, or None when it comes later or not at all.
    """
    try:
        return TABLE[type(request)](client, request)
    except TargetError as error:
        return ErrorText(str(error), error.errno)
