"""A vcpu's registers, between the user space that sets them and the hart that runs with them."""

from __future__ import annotations

from typing import Final

FP_WORDS: Final = 65
"""Words of 32 bits in the kernel's union of floating-point layouts: 64, and `fcsr` of the larger one."""


class Context:
    """Registers by name, as the kernel keeps them: nothing that user space writes is legalised here.

    Names are those of the guest: `pc`, `x1` to `x31`, `mode` (1 for VS, 0 for VU), `sstatus`, `sip`...
    """

    def __init__(self, scounteren: int) -> None:
        self._scounteren = scounteren
        self.reset()

    def reset(self) -> None:
        """As a new vcpu is: in VS-mode, everything else 0."""
        self._values: dict[str, int] = {"mode": 1, "scounteren": self._scounteren, "vstimecmp": (1 << 64) - 1}
        self._fp = [0] * FP_WORDS

    def get(self, name: str) -> int:
        """A register."""
        return self._values.get(name, 0)

    def put(self, name: str, value: int) -> None:
        """Set a register."""
        self._values[name] = value

    def fp_word(self, index: int) -> int:
        """A word of the floating-point union."""
        return self._fp[index]

    def set_fp_word(self, index: int, value: int) -> None:
        """Set a word of the floating-point union."""
        self._fp[index] = value
