"""An SBI call and what can come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from emulator.kvm.exits import VcpuExit


@dataclass(frozen=True, slots=True)
class SbiCall:
    """What a guest asks.

    Attributes:
        extension: `a7`.
        function: `a6`.
        args: `a0` to `a5`.
    """

    extension: int
    function: int
    args: tuple[int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """The call is done; the guest goes on behind it.

    Attributes:
        error: For `a0`; of the calls of SBI v0.1, the whole answer.
        value: For `a1`.
    """

    error: int = 0
    value: int = 0


@dataclass(frozen=True, slots=True)
class Forward:
    """User space answers."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The guest is left where it is, with an exit to user space.

    Attributes:
        exit: The exit.
    """

    exit: VcpuExit


@dataclass(frozen=True, slots=True)
class Wait:
    """The guest goes on behind the call when an interrupt is pending; until then it waits."""


Outcome: TypeAlias = Answer | Forward | Leave | Wait
