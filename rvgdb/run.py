"""`rvgdb run`: puts the machine, its console, the monitor and the debug port together, and runs them until the end."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from emulator.devices.rom import Rom
from emulator.machine import Machine
from emulator.virt_map import RAM_BASE
from rvgdb import __version__
from rvgdb.chardev import CharDevice, Stdio, Tcp, Unix
from rvgdb.configure import machine_config
from rvgdb.console import Backend, SocketBackend, Transmitter, open_serial
from rvgdb.desk import MonitorDesk, SerialDesk, SharedDesk
from rvgdb.errors import ConsoleError, OptionError
from rvgdb.monitor import Monitor, Scene
from rvgdb.pacing import Pacer
from rvgdb.runner import Runner
from rvgdb.server import Server
from rvgdb.settings import RunSettings
from rvgdb.target import api as target_api
from rvgdb.target.machine import Region, Target
from rvgdb.terminal import report
from rvgdb.tracing import STEPPING, EventLog, LoggedBus, StepLog, TracedMachine, open_log

if TYPE_CHECKING:
    from emulator.vmm import GuestMachine

AnyMachine: TypeAlias = "Machine | GuestMachine"

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(settings: RunSettings) -> int:
    """Build the machine and run it.

    Returns:
        The exit status: the guest's, or 0 when a debugger or the monitor ended the run.

    Raises:
        RvgdbError: When the command line asks for what cannot be had here.
        EmulatorError: When the machine cannot be built.
    """
    transmitter = Transmitter()
    machine = build(settings, transmitter.transmit)
    if settings.dump_dtb is not None:
        _dump(machine, settings.dump_dtb)
        return 0
    gc.freeze()  # what exists now stays; collections need not look at it again
    return trio.run(Assembly(settings, machine, transmitter).run)


def build(
    settings: RunSettings, transmit: Callable[[bytes], None], report: Callable[[str], None] = report
) -> AnyMachine:
    """The machine that a command line asks for: a bare one, or a guest of the emulated KVM.

    Args:
        settings: What was asked for.
        transmit: Called with what the guest writes to its console.
        report: Prints a line for the user.

    Raises:
        RvgdbError: When the command line asks for what cannot be had here.
        EmulatorError: When the machine cannot be built.
    """
    if settings.kvm is None:
        if settings.incoming is not None:
            raise OptionError(f"-incoming {settings.incoming}: only guests of KVM are saved; add -accel kvm")
        return Machine(machine_config(settings), transmit=transmit, progress=report)
    from rvgdb.hosting import build_guest

    return build_guest(settings, settings.kvm, transmit, report)


def _dump(machine: AnyMachine, path: Path) -> None:
    try:
        path.write_bytes(machine.board.device_tree)
    except OSError as error:
        raise ConsoleError(f"-machine dumpdtb={path}: cannot be written: {error.strerror}") from None


def _regions(machine: AnyMachine) -> tuple[tuple[str, Region], ...]:
    """The physical address space, ascending."""
    spans = [
        (type(device).__name__, Region("rom" if isinstance(device, Rom) else "io", base, device.size))
        for base, device in machine.board.bus.devices
    ]
    spans.append(("Ram", Region("ram", RAM_BASE, machine.config.ram_size)))
    return tuple(sorted(spans, key=lambda span: span[1].base))


class Assembly:
    """The parts of one run.

    Args:
        settings: What was asked for.
        machine: The machine.
        transmitter: Takes what the guest writes to its console.
        report: Prints a line for the user.
    """

    def __init__(
        self,
        settings: RunSettings,
        machine: AnyMachine,
        transmitter: Transmitter,
        report: Callable[[str], None] = report,
    ) -> None:
        self._settings = settings
        self._report = report
        self._transmitter = transmitter
        self._log = open_log(settings.log_file) if settings.log_items else None
        shared = isinstance(settings.serial, Stdio) and settings.serial.monitor
        regions = _regions(machine)
        self._target = Target(machine, tuple(region for _, region in regions if region.kind in ("ram", "rom")))
        self._runner = Runner(
            self._watched(machine),
            report=self._report,
            after_slice=self._flush,
            tell=lambda halt: self._target.points.tell(halt.cause, machine.debug.read_pc(halt.hart)).rstrip(),
            pacer=Pacer(machine.clock) if machine.config.icount.sleep else None,
            no_reboot=settings.no_reboot,
            unattended=settings.gdb is None and settings.monitor is None and not shared,
        )
        self._scene = Scene(self._target, self._runner, regions)
        if not isinstance(machine, Machine):
            self._scene.vm, self._scene.save = machine.vm, machine.save
        self._monitor = Monitor(self._scene)

    @property
    def runner(self) -> Runner:
        """What runs the guest."""
        return self._runner

    async def run(self) -> int:
        """Run until the guest, a debugger, the monitor or a signal ends it; gives the exit status."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_signals)
            await self.serve()
            nursery.cancel_scope.cancel()
        return self._runner.exit_status

    async def serve(self, *, task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until the guest, a debugger or the monitor ends it. Started with the addresses of the debug port."""
        async with AsyncExitStack() as closing, trio.open_nursery() as nursery:
            backend = await self._serial(closing)
            nursery.start_soon(self._runner.serve)
            nursery.start_soon(backend.serve, self._runner.feed)
            if self._settings.monitor is not None:
                desk = MonitorDesk(self._monitor, self._runner, __version__)
                nursery.start_soon(desk.serve, self._runner.feed)
            if self._settings.gdb is not None:
                server = Server(self._target, self._runner, self._monitor.execute, self._settings.gdb, self._report)
                self._scene.gdb_addresses += await nursery.start(server.serve)
            task_status.started(self._scene.gdb_addresses)
            nursery.start_soon(self._start, backend)
            await self._runner.finished.wait()
            nursery.cancel_scope.cancel()
        self._flush()

    def _watched(self, machine: AnyMachine) -> target_api.Machine:
        """The machine, with what `-d` asks for around it."""
        if self._log is None:
            return machine
        items = self._settings.log_items
        machine.board.bus = LoggedBus(machine.board.bus, items, self._log.write)
        machine.observe(EventLog(machine.debug, self._log.write), traps="int" in items, code="in_asm" in items)
        if STEPPING.isdisjoint(items):
            return machine
        return TracedMachine(machine, StepLog(machine, items, self._log.write), machine.config.icount.shift)

    def _flush(self) -> None:
        self._transmitter.flush()
        if self._log is not None:
            self._log.flush()

    async def _serial(self, closing: AsyncExitStack) -> Backend:
        device: CharDevice = self._settings.serial
        if not isinstance(device, Stdio):
            return await closing.enter_async_context(open_serial(device, self._transmitter, self._report))
        if not device.monitor:
            return SerialDesk(self._transmitter)
        desk = MonitorDesk(self._monitor, self._runner, __version__)
        return SharedDesk(self._transmitter, desk, self._runner)

    async def _start(self, backend: Backend) -> None:
        """Let the guest run, but not before somebody is at a serial port with server=on and wait=on, as in QEMU."""
        device = self._settings.serial
        if isinstance(backend, SocketBackend) and isinstance(device, Tcp | Unix) and device.server and device.wait:
            self._report("waiting for somebody to connect to the serial port")
            await backend.first.wait()
        if not self._settings.start_stopped:
            self._runner.resume()

    async def _watch_signals(self) -> None:
        with trio.open_signal_receiver(*SIGNALS) as received:
            async for number in received:
                self._report(f"terminating on signal {number}")
                self._runner.end(128 + number)
