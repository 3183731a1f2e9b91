"""From the command line to a guest of the emulated KVM. Apart, so that a bare machine's run does not import it."""

from __future__ import annotations

from collections.abc import Callable

from emulator.errors import ConfigError
from emulator.isa.extensions import HOST_MODEL, CpuConfig
from emulator.kvm import StateError
from emulator.vmm import GuestMachine
from emulator.vmm.config import GuestConfig, make_host, make_kernel, parse_host_cpu
from rvgdb.configure import board_config
from rvgdb.errors import OptionError
from rvgdb.migrating import MigrationError, read_state
from rvgdb.settings import KvmOption, RunSettings


def build_guest(
    settings: RunSettings, kvm: KvmOption, transmit: Callable[[bytes], None], report: Callable[[str], None]
) -> GuestMachine:
    """The guest that a command line asks for, at its beginning or as it was saved.

    Args:
        settings: What was asked for.
        kvm: What of it is KVM's.
        transmit: Called with what the guest writes to its console.
        report: Prints a line for the user.

    Raises:
        RvgdbError: When the command line asks for what cannot be had here.
        EmulatorError: When the guest cannot be built.
    """
    incoming = None if settings.incoming is None else read_state(settings.incoming)
    guest = _config(settings, kvm)
    try:
        return GuestMachine(guest, transmit=transmit, progress=report, warn=report, incoming=incoming)
    except StateError as error:
        raise MigrationError(f"-incoming {settings.incoming}: {error}") from None


def _config(settings: RunSettings, kvm: KvmOption) -> GuestConfig:
    """What guest to build.

    Raises:
        OptionError: When firmware was asked for, which a guest has no mode for.
        ConfigError: For a guest that cannot be built.
    """
    if settings.bios not in ("none", "default"):
        raise OptionError(f"-bios {settings.bios}: a guest of KVM has no M-mode to run firmware in; leave -bios out")
    switches, translations = parse_host_cpu(settings.cpu or HOST_MODEL)
    try:
        host = make_host(kvm.host_isa, legacy_sbi=kvm.legacy_sbi)
        kernel = make_kernel(kvm.kernel)
    except ConfigError as error:
        raise OptionError(f"-accel kvm,{error}") from error
    return GuestConfig(
        machine=board_config(settings, CpuConfig(), None),
        host=host,
        kernel=kernel,
        switches=switches,
        translations=translations,
    )
