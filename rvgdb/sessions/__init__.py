"""Driving a real GDB, and the emulator it talks to, from trio: what scripted debug sessions are written with."""

from __future__ import annotations

from rvgdb.sessions.debugging import Session, open_session
from rvgdb.sessions.errors import (
    CommandFailed,
    DebuggerGone,
    EmulatorGone,
    SessionError,
    SessionTimeout,
    UnexpectedStop,
)
from rvgdb.sessions.gdb import Gdb, open_gdb
from rvgdb.sessions.inside import InsideMachine, open_inside
from rvgdb.sessions.machine import EmulatorProcess, find_qemu, open_emulator, open_qemu, open_rvgdb
from rvgdb.sessions.process import find_gdb
from rvgdb.sessions.stops import Frame, Stop, StopReason, Thread

__all__ = [
    "CommandFailed",
    "DebuggerGone",
    "EmulatorGone",
    "EmulatorProcess",
    "Frame",
    "Gdb",
    "InsideMachine",
    "Session",
    "SessionError",
    "SessionTimeout",
    "Stop",
    "StopReason",
    "Thread",
    "UnexpectedStop",
    "find_gdb",
    "find_qemu",
    "open_emulator",
    "open_gdb",
    "open_inside",
    "open_qemu",
    "open_rvgdb",
    "open_session",
]
