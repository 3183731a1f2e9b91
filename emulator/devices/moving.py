"""What of a device moves with a saved guest: attributes by name, as numbers and lists of numbers that JSON can hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Protocol, TypeAlias

from emulator.errors import EmulatorError

Saved: TypeAlias = "dict[str, int | list[int]]"


class SavedStateError(EmulatorError):
    """Raised when a saved device is not one of ours; nothing has changed."""


class Movable(Protocol):
    """A device with a state."""

    def saved(self) -> Saved:
        """The state."""
        ...

    def restore(self, state: Saved) -> None:
        """Take a state that `check` has let pass, and drive the wires as it demands."""
        ...


def attributes(device: object, names: tuple[str, ...]) -> Saved:
    """Attributes as plain values."""
    return {name: _plain(getattr(device, name)) for name in names}


def _plain(value: object) -> int | list[int]:
    if isinstance(value, list | deque):
        return [int(item) for item in value]
    assert isinstance(value, int)
    return int(value)


def set_attributes(device: object, state: Mapping[str, int | list[int]], names: tuple[str, ...]) -> None:
    """Set attributes, each of the type that it has."""
    for name in names:
        kind = type(getattr(device, name))
        setattr(device, name, kind(state[name]))


def check(name: str, state: object, example: Saved) -> Saved:
    """See whether something that was read is the state of such a device.

    Args:
        name: The device's, for the error.
        state: What was read.
        example: A state of a device of that kind; lists of a fixed length are as long in every state.

    Raises:
        SavedStateError: If it is not.
    """
    if not isinstance(state, dict) or state.keys() != example.keys():
        raise SavedStateError(f"the saved {name} is not one of this machine's")
    for part, value in example.items():
        if not _alike(state[part], value):
            raise SavedStateError(f"the saved {name} has a {part.strip('_')} that this machine's cannot have")
    return state


def _alike(read: object, example: int | list[int]) -> bool:
    if isinstance(example, list):
        numbers = isinstance(read, list) and all(type(item) is int and item >= 0 for item in read)
        return numbers and (not example or len(read) == len(example))  # type: ignore[arg-type]
    return type(read) is int
