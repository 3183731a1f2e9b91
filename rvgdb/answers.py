"""What `-h`, `-version` and the `help` words print."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rvgdb import __version__
from rvgdb.options import LOG_ITEMS, help_text
from rvgdb.settings import Topic


def _version() -> str:
    return f"rvgdb {__version__}"


def _machines() -> str:
    return f"Supported machines are:\n{'virt':20} RISC-V VirtIO board (default)"


def _cpus() -> str:
    from emulator.isa.extensions import EXTENSIONS, FEATURES, MODELS, TRANSLATIONS

    lines = ["Available CPUs:", *(f"  {name}" for name in MODELS), "", "Properties (on or off):"]
    lines += [f"  {row.name:12} {row.about}{'' if row.default else ' (off by default)'}" for row in EXTENSIONS]
    lines += [f"  {row.name:12} {row.about}" for row in FEATURES]
    lines += [f"  {name:12} page tables of this size and the smaller ones" for name in TRANSLATIONS]
    lines += ["", "With -accel kvm there is one more, 'host', whose extensions are those that KVM gives to guests."]
    return "\n".join(lines)


def _log_items() -> str:
    return "\n".join(["Log items (comma separated):", *(f"{name:15} {words}" for name, words in LOG_ITEMS.items())])


def _devices() -> str:
    return 'name "loader", desc "put a file or a number into memory, or start a hart at an address"'


def _accelerators() -> str:
    from emulator.kvm import DEFAULT, PROFILES

    lines = ["Accelerators supported by rvgdb:", "tcg", "kvm", "", "Properties of kvm:"]
    kernels = "|".join(profile.name for profile in PROFILES)
    lines.append(f"  kernel={kernels} (default: {DEFAULT.name})")
    lines.append(
        "  host-isa=ISA, such as rv64imafdch_sstc_ssnpm (default: everything the machine has; -ssnpm: all but that)"
    )
    lines.append("  sbi-v01=on|off: whether the kernel serves SBI v0.1 (default: off)")
    return "\n".join(lines)


_ANSWERS: Final[dict[Topic, Callable[[], str]]] = {
    Topic.OPTIONS: help_text,
    Topic.VERSION: _version,
    Topic.MACHINES: _machines,
    Topic.CPUS: _cpus,
    Topic.LOG_ITEMS: _log_items,
    Topic.DEVICES: _devices,
    Topic.ACCELERATORS: _accelerators,
}


def answer(topic: Topic) -> str:
    """The text about a topic."""
    return _ANSWERS[topic]()
