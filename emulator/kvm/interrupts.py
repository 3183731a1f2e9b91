"""Interrupts that the hypervisor raises in a guest: bits of `hvip`."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntFlag

from emulator.kvm.context import Context


class GuestInterrupt(IntFlag):
    """Bits of `hvip`: what the guest sees one place lower in `sip`."""

    SOFTWARE = 1 << 2
    TIMER = 1 << 6
    EXTERNAL = 1 << 10


class Interrupts:
    """The pending interrupts of a vcpu.

    Args:
        context: Its registers.
        changed: Called after a change, which may end the vcpu's waiting.
    """

    def __init__(self, context: Context, changed: Callable[[], None]) -> None:
        self._context = context
        self._changed = changed

    def read_hvip(self) -> int:
        """What is pending."""
        return self._context.get("hvip")

    def write_hvip(self, value: int) -> None:
        """Replace what is pending."""
        self._context.put("hvip", value)

    def raise_line(self, interrupt: GuestInterrupt) -> None:
        """Let an interrupt be pending."""
        self.write_hvip(self.read_hvip() | interrupt)
        self._changed()

    def lower_line(self, interrupt: GuestInterrupt) -> None:
        """Let an interrupt be pending no longer."""
        self.write_hvip(self.read_hvip() & ~interrupt)
        self._changed()
