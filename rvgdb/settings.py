"""What `rvgdb run` was asked for, as plain values: the result of reading the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TypeAlias

from rvgdb.chardev import CharDevice, Null, Stdio, Tcp, Unix
from rvgdb.peers import EVERYBODY, Allowed

GDB_PORT = 1234
"""The port that `-s` stands for."""


class OnDisconnect(Enum):
    """What happens to the guest when a debugger goes without saying `D` or `k`."""

    AS_IT_WAS = "as-it-was"
    """A running guest goes on, a halted one stays halted: QEMU's behaviour and the default."""
    HALT = "halt"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class GdbOption:
    """Where a debugger may attach.

    Attributes:
        device: A TCP or unix server, or the terminal's stdin and stdout.
        on_disconnect: What a debugger that vanishes leaves behind.
        memory_map: Tell the debugger where RAM and ROM are; GDB then refuses every other address, virtual ones too.
        allowed: Whose connections are accepted, over TCP.
    """

    device: Tcp | Unix | Stdio
    on_disconnect: OnDisconnect = OnDisconnect.AS_IT_WAS
    memory_map: bool = False
    allowed: Allowed = EVERYBODY


@dataclass(frozen=True, slots=True)
class IcountOption:
    """`-icount`: nanoseconds of guest time a retired instruction is `2**shift`.

    Attributes:
        shift: None for `auto`, which keeps the machine's own ratio.
        sleep: Whether guest time is paced to the wall clock.
    """

    shift: int | None
    sleep: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KvmOption:
    """`-accel kvm`: whose KVM runs the guest.

    Attributes:
        kernel: Name of the kernel; None for the newest.
        host_isa: The host's ISA string; None for everything that the machine has.
        legacy_sbi: Whether the kernel serves SBI v0.1.
    """

    kernel: str | None = None
    host_isa: str | None = None
    legacy_sbi: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Every choice of a `rvgdb run` command line; the defaults are QEMU's where QEMU has one.

    `cpu` and `loaders` (what follows `-device loader,`) are as typed: the emulator knows what they may say. Without
    `cpu`, harts are `rv64`, and under KVM `host`.
    """

    machine: str = "virt"
    dump_dtb: Path | None = None
    kvm: KvmOption | None = None
    incoming: Path | None = None
    cpu: str | None = None
    harts: int = 1
    ram_size: int = 128 << 20
    bios: str = "default"
    kernel: Path | None = None
    initrd: Path | None = None
    append: str | None = None
    seed: int = 0
    dtb: Path | None = None
    loaders: tuple[str, ...] = ()
    serial: CharDevice = field(default_factory=Null)
    monitor: Stdio | None = None
    gdb: GdbOption | None = None
    start_stopped: bool = False
    no_reboot: bool = False
    icount: IcountOption | None = None
    log_items: tuple[str, ...] = ()
    log_file: Path | None = None


class Topic(Enum):
    """What the user asked to be told instead of running anything."""

    OPTIONS = "options"
    VERSION = "version"
    MACHINES = "machines"
    CPUS = "cpus"
    LOG_ITEMS = "log items"
    DEVICES = "devices"
    ACCELERATORS = "accelerators"


Request: TypeAlias = RunSettings | Topic
