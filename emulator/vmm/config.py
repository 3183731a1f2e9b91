"""What guest to build: plain data, checked where it is made."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from emulator.config import MachineConfig
from emulator.errors import ConfigError
from emulator.isa.extensions import BY_NAME, FIXED, HOST_MODEL, MODELS, TRANSLATIONS, parse_switch
from emulator.kvm import DEFAULT, Host, Profile, find_profile, parse_isa
from emulator.kvm.extensions import IDS

EVERYTHING: Final = MODELS["max"].extensions
"""What this machine can have."""
HYPERVISOR: Final = "h"
"""The extension without which there is no KVM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestConfig:
    """A guest, its host and its kernel.

    Attributes:
        machine: The guest's board: harts, RAM, images, time. Its `cpu` is not looked at.
        host: The hardware.
        kernel: The kernel whose KVM it is.
        switches: What `-cpu host` says of extensions, on or off, by name.
        translations: The guest's page-table modes, of those that the host has.
    """

    machine: MachineConfig
    host: Host
    kernel: Profile
    switches: Mapping[str, bool] = field(default_factory=dict)
    translations: frozenset[str] = frozenset(TRANSLATIONS)


def make_host(isa: str | None, *, legacy_sbi: bool = False) -> Host:
    """The hardware under the emulated KVM.

    Args:
        isa: Its ISA string; None for everything that this machine has, and `-ssnpm-sstc` for that without some.
        legacy_sbi: Whether its kernel serves SBI v0.1.

    Raises:
        ConfigError: For a string that cannot be read, or names what this machine does not have.
    """
    if isa is None:
        return Host(EVERYTHING, legacy_sbi=legacy_sbi)
    extensions = _without(isa) if isa.startswith("-") else parse_isa(isa)
    foreign = sorted(name for name in extensions if name not in BY_NAME)
    if foreign:
        raise ConfigError(f"host-isa: this machine has no '{foreign[0]}'{_nearest(foreign[0])}; leave it out")
    if HYPERVISOR not in extensions:
        raise ConfigError("host-isa: a host without the hypervisor extension has no KVM; add h, as in rv64imafdch")
    return Host(extensions, legacy_sbi=legacy_sbi)


def _without(text: str) -> frozenset[str]:
    """Everything but some extensions."""
    names = text.lower().split("-")[1:]
    for name in names:
        if name not in EVERYTHING:
            raise ConfigError(f"host-isa: this machine has no '{name}' to leave out{_nearest(name)}")
    return EVERYTHING.difference(names)


def make_kernel(name: str | None) -> Profile:
    """The kernel of a name; the newest by default.

    Raises:
        ConfigError: If there is none of that name; the error names all.
    """
    return DEFAULT if name is None else find_profile(name)


def parse_host_cpu(text: str) -> tuple[dict[str, bool], frozenset[str]]:
    """Read `-cpu host[,NAME=on|off...]`.

    Returns:
        What is said of extensions, and the page-table modes that are left.

    Raises:
        ConfigError: For another model, an unknown property or a value that is no switch.
    """
    model, *properties = text.split(",")
    if model != HOST_MODEL:
        raise ConfigError(f"-cpu {model}: under KVM the vcpus are what the host is; write -cpu host")
    switches: dict[str, bool] = {}
    modes = frozenset(TRANSLATIONS)
    for item in properties:
        name, value = _property(item)
        if name in FIXED:
            if value != FIXED[name]:
                raise ConfigError(f"-cpu host: {name} is {FIXED[name]} on the host and cannot be '{value}'")
        elif name in TRANSLATIONS:
            on = parse_switch(name, value)
            modes = modes | {m for m in TRANSLATIONS if m <= name} if on else frozenset(m for m in modes if m < name)
        elif name in BY_NAME or name in IDS:
            switches[name] = parse_switch(name, value)
        else:
            raise ConfigError(f"-cpu host: there is no property '{name}'{_nearest(name)}")
    return switches, modes


def _property(item: str) -> tuple[str, str]:
    if item[:1] in ("+", "-"):
        return item[1:], "on" if item[0] == "+" else "off"
    name, equals, value = item.partition("=")
    return name, value if equals else "on"


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name, [*BY_NAME, *IDS], n=1, cutoff=0.5)
    return f" (did you mean '{close[0]}'?)" if close else ""
