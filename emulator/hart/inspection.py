"""The hart's translation as a debugger uses it: everything may be read, and nothing is left behind.

The rules are those of `emulator.hart.translation`, executed on the same domains; `inspecting` makes of a routine one
in which the questions of `UNASKED` are answered without the hart.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from emulator.hart.pmp import MATCH_ALL, pmp_permissions
from emulator.hart.translation import EVERYTHING, leaf_permissions, touch_leaf
from emulator.isa.domain import Domain, Routine, Value

UNASKED: Final[dict[Routine, Callable[..., Any]]] = {
    pmp_permissions: lambda _first, _last, _priv: MATCH_ALL | EVERYTHING,
    leaf_permissions: lambda _pte, _stage: EVERYTHING,
    touch_leaf: lambda pte, _entry, _address, _kind, _stage: pte,
}
"""What a debugger's translation leaves out of the hart's rules: protection, and the A and D bits."""


class Inspecting:
    """A domain that answers `UNASKED` itself and remembers nothing, on top of any other domain."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the other domain has
        return getattr(self._domain, name)

    def call(self, target: Routine, *args: Value) -> Value:
        """Run a routine in the same spirit, unless it asks what a debugger need not ask."""
        answer = UNASKED.get(target)
        return self._domain.call(inspecting(target), *args) if answer is None else answer(*args)

    def known_table(self, entry: Value) -> Value:
        """Look for yourself."""
        del entry
        return 0

    def know_table(self, entry: Value, physical: Value) -> None:
        """A page that nobody asked the PMP about is not remembered."""


@cache
def inspecting(target: Routine) -> Routine:
    """The routine as a debugger uses it."""
    return Routine(
        f"inspect_{target.name}", target.params, lambda d, *args: target.body(Inspecting(d), *args), target.traps
    )
