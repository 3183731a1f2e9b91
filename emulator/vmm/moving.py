"""A guest that leaves for a file, and one that comes from there: the virtual machine and its devices.

The file is the one of `emulator.kvm.migration`, with the board in it. What comes in must fit what the command line
says, as QEMU's `-incoming` demands; whatever does not is found before anything is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from emulator.devices.moving import SavedStateError, check
from emulator.kvm import StateError
from emulator.kvm.extensions import IDS, find_extension
from emulator.virt_map import RAM_BASE

if TYPE_CHECKING:
    from emulator.kvm import Vm
    from emulator.vmm.board import GuestBoard
    from emulator.vmm.config import GuestConfig

RAM_SLOT: Final = 0
BOARD: Final = "virt"
"""Name of the board in a saved guest."""


def depart(vm: Vm, board: GuestBoard) -> bytes:
    """The guest as a file's content.

    Raises:
        KvmError: EBUSY while it runs.
    """
    vm.world.machine.settle()  # the devices' time is that of the harts
    return vm.save({"board": BOARD, "devices": {name: device.saved() for name, device in board.movable.items()}})


def arrive(vm: Vm, board: GuestBoard, guest: GuestConfig, data: bytes) -> None:
    """Make an empty virtual machine and its board the ones that were saved.

    Raises:
        StateError: For a file that is damaged or none of ours, and for a guest that does not fit.
    """
    devices: dict[str, Any] = {}

    def examine(description: Mapping[str, Any]) -> None:
        user_space = description["user_space"]
        _fit(description, guest)
        if user_space.get("board") != BOARD:
            raise StateError("the saved virtual machine has no virt board: it was not saved by 'migrate'")
        states = user_space.get("devices")
        if not isinstance(states, dict) or states.keys() != board.movable.keys():
            raise StateError("the saved virtual machine has other devices than this board")
        try:
            devices.update((name, check(name, states[name], board.movable[name].saved())) for name in board.movable)
        except SavedStateError as error:
            raise StateError(str(error)) from error

    vm.restore(data, examine)
    for name, device in board.movable.items():
        device.restore(devices[name])


def _fit(description: Mapping[str, Any], guest: GuestConfig) -> None:
    """Compare with what the command line says; the description's form has been checked."""
    slots, vcpus = description["slots"], description["vcpus"]
    if [(int(slot["number"]), int(slot["address"])) for slot in slots] != [(RAM_SLOT, RAM_BASE)]:
        raise StateError("the saved virtual machine has other memory than a virt board")
    ram, harts = int(slots[0]["size"]), len(vcpus)
    if (ram, harts) != (guest.machine.ram_size, guest.machine.harts):
        raise StateError(
            f"the saved guest has {harts} vcpus and {ram >> 10} KiB of RAM; write -smp {harts} -m {ram >> 10}k"
        )
    if [int(vcpu["id"]) for vcpu in vcpus] != list(range(harts)):
        raise StateError("the saved virtual machine has other vcpus than a virt board")
    for name, on in guest.switches.items():
        saved = int(vcpus[0]["registers"].get(f"isa_ext.{name}", 0))
        if bool(saved) != on and (on or _can_hide(name, guest)):
            word = "has" if saved else "does not have"
            raise StateError(f"the saved guest {word} '{name}', and -cpu says {name}={'on' if on else 'off'}")


def _can_hide(name: str, guest: GuestConfig) -> bool:
    """Whether KVM can disable an extension; what it cannot is there at the source, too, in spite of its options."""
    extension = find_extension(IDS[name], guest.host, guest.kernel) if name in IDS else None
    return extension is not None and extension.disable(guest.host, guest.kernel)
