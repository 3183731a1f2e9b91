"""The beginning and the end: `qAttached`, `!`, `D`, `k`, `vKill`, `R`, `vRun`, `vAttach`."""

from __future__ import annotations

from protocol.replies import Attached, Empty, Ok, Reply, Text
from protocol.requests import (
    Attach,
    Detach,
    EnableExtendedMode,
    InterruptTarget,
    IsAttached,
    Kill,
    KillProcess,
    Restart,
    Run,
    ServerVersion,
    UnknownPacket,
)
from rvgdb import __version__
from rvgdb.client import PROCESS, Client
from rvgdb.handlers.stops import stop_reply
from rvgdb.target.api import TargetError


def _check_process(process: int | None) -> None:
    if process not in (None, PROCESS):
        raise TargetError(f"there is no process {process}; the machine is process {PROCESS}")


def is_attached(client: Client, request: IsAttached) -> Reply:
    """The machine was there first: a debugger that quits detaches."""
    _check_process(request.process)
    return Attached(existed=True)


def enable_extended_mode(client: Client, request: EnableExtendedMode) -> Reply:
    """Nothing changes: the server outlives its debuggers anyway."""
    return Ok()


def detach(client: Client, request: Detach) -> Reply:
    """Remove the breakpoints and let the guest go on."""
    _check_process(request.process)
    client.said_goodbye = True
    client.target.breakpoints.clear()
    client.runner.resume()
    return Ok()


def kill(client: Client, request: Kill) -> None:
    """End the emulator, as QEMU."""
    client.said_goodbye = True
    client.runner.end(0)


def kill_process(client: Client, request: KillProcess) -> Reply:
    """End the emulator, if it is meant."""
    _check_process(request.process)
    client.said_goodbye = True
    client.runner.end(0)
    return Ok()


def attach(client: Client, request: Attach) -> Reply:
    """The machine is already attached to."""
    _check_process(request.process)
    return stop_reply(client, client.runner.last, asked=True)


def restart(client: Client, request: Restart) -> None:
    """Power on again."""
    client.runner.reset()


def run(client: Client, request: Run) -> Reply:
    """Power on again. The program is the machine's; another one, or arguments, need another command line.

    Raises:
        TargetError: When a program or arguments are given.
    """
    if request.program or request.arguments:
        raise TargetError("the guest's program is chosen by rvgdb's -kernel; use 'run' without a program or arguments")
    client.runner.reset()
    return stop_reply(client, client.runner.last, asked=True)


def server_version(client: Client, request: ServerVersion) -> Reply:
    """Who answers here."""
    return Text(f"name:rvgdb;version:{__version__};")


def interrupt_target(client: Client, request: InterruptTarget) -> Reply:
    """The guest is halted already."""
    return Ok()


def unknown_packet(client: Client, request: UnknownPacket) -> Reply:
    """The empty reply."""
    return Empty()


HANDLERS = {
    IsAttached: is_attached,
    EnableExtendedMode: enable_extended_mode,
    Detach: detach,
    Kill: kill,
    KillProcess: kill_process,
    Attach: attach,
    Restart: restart,
    Run: run,
    ServerVersion: server_version,
    InterruptTarget: interrupt_target,
    UnknownPacket: unknown_packet,
}
