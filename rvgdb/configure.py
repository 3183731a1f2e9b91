"""From the command line's choices to the machine's configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from emulator.config import IcountConfig, MachineConfig, parse_loader
from emulator.isa.extensions import HOST_MODEL, CpuConfig, parse_cpu
from rvgdb.errors import OptionError
from rvgdb.settings import RunSettings

FIRMWARE: Final = (
    Path("/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin"),
    Path("/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin"),
    Path("/usr/share/opensbi/lp64/generic/firmware/fw_dynamic.bin"),
)
"""Where distributions put the firmware that QEMU brings along; rvgdb brings none."""


def find_firmware(text: str) -> Path | None:
    """What `-bios` means: a file, or None for no firmware.

    Raises:
        OptionError: When the default is asked for and there is none on this system.
    """
    if text == "none":
        return None
    if text != "default":
        return Path(text)
    for path in FIRMWARE:
        if path.is_file():
            return path
    raise OptionError(
        "no firmware was found and rvgdb brings none; write -bios none to start the kernel in M-mode, "
        "-bios FILE, or install Debian's package opensbi"
    )


def machine_config(settings: RunSettings) -> MachineConfig:
    """What machine to build.

    Raises:
        OptionError: When no firmware was chosen and none is found, or the harts are those of KVM.
        ConfigError: For a machine that cannot be built.
    """
    cpu = settings.cpu or "rv64"
    if cpu.partition(",")[0] == HOST_MODEL:
        raise OptionError(f"-cpu {cpu}: only KVM has vcpus that are what the host is; add -accel kvm")
    return board_config(settings, parse_cpu(cpu), find_firmware(settings.bios))


def board_config(settings: RunSettings, cpu: CpuConfig, bios: Path | None) -> MachineConfig:
    """The board with its images and its time, the machine's own or a guest's.

    Raises:
        ConfigError: For one that cannot be built.
    """
    icount = IcountConfig()
    if settings.icount is not None:
        shift = IcountConfig().shift if settings.icount.shift is None else settings.icount.shift
        icount = IcountConfig(shift=shift, sleep=settings.icount.sleep)
    return MachineConfig(
        harts=settings.harts,
        ram_size=settings.ram_size,
        cpu=cpu,
        bios=bios,
        kernel=settings.kernel,
        initrd=settings.initrd,
        append=settings.append or "",
        dtb=settings.dtb,
        loaders=tuple(parse_loader(text) for text in settings.loaders),
        icount=icount,
        entropy=settings.seed,
    )
