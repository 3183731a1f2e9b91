"""`migrate`: save the guest of the emulated KVM in a file."""

from __future__ import annotations

from rvgdb.errors import RvgdbError
from rvgdb.migrating import state_file, write_state
from rvgdb.monitor.command import Command, MonitorError, Scene
from rvgdb.monitor.kvm import find_vm


def migrate(scene: Scene, rest: str) -> str:
    """Save the guest, which halts; `-incoming` goes on with it.

    Raises:
        MonitorError: On a bare machine, or when the file cannot be written.
    """
    find_vm(scene)
    from emulator.kvm import KvmError

    assert scene.save is not None
    try:
        path = state_file("migrate", rest)
        data = scene.save()
        write_state(path, data)
    except (RvgdbError, KvmError) as error:
        raise MonitorError(str(error)) from None
    scene.runner.request_halt()
    return f"saved in {path}: {len(data)} bytes; -incoming {path} goes on with it\n"


COMMAND = Command(("migrate",), "file", "save the guest of the emulated KVM in a file, and halt it", migrate)
