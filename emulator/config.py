"""What machine to build: plain data, checked where it is made. The command line fills it in, the board reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from emulator.errors import ConfigError
from emulator.isa.extensions import CpuConfig

MEBIBYTE = 1 << 20

PAGE_SIZE = 4096
"""RAM comes in whole pages."""

MAX_HARTS = 512
"""What the `virt` board's PLIC has contexts for, as QEMU's `-smp` limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IcountConfig:
    """How guest time follows executed instructions.

    Attributes:
        shift: One instruction takes 2**shift nanoseconds of guest time.
        sleep: Whether guest time is held back to the wall clock's pace.
    """

    shift: int = 0
    sleep: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.shift <= 10:
            raise ConfigError(f"-icount shift={self.shift} is out of range: 0 to 10 are possible")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFile:
    """`-device loader,file=...`: a file put into memory.

    Attributes:
        path: The file, an ELF or raw.
        address: Where raw bytes go.
        raw: Whether an ELF is taken as raw bytes too.
        hart: Hart that starts at the file's entry, or None.
    """

    path: Path
    address: int = 0
    raw: bool = False
    hart: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteValue:
    """`-device loader,addr=...,data=...,data-len=...`: a value written to memory, over what images put there.

    Attributes:
        address: Physical address.
        data: The bytes.
    """

    address: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StartHart:
    """`-device loader,addr=...,cpu-num=...`: where a hart starts.

    Attributes:
        address: Its first pc.
        hart: Its index.
    """

    address: int
    hart: int


LoaderItem: TypeAlias = LoadFile | WriteValue | StartHart
"""One `-device loader`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineConfig:
    """A whole machine.

    Attributes:
        harts: Number of harts, 1 to `MAX_HARTS`.
        ram_size: Bytes of RAM, whole pages.
        cpu: What the harts are.
        bios: Firmware file (ELF or raw), None for `-bios none`.
        kernel: Kernel file (ELF or raw), or None.
        initrd: Initial RAM disk; needs a kernel.
        append: Kernel command line; needs a kernel.
        dtb: Device tree blob that replaces the board's own.
        loaders: `-device loader` items, in the order of the command line.
        icount: How guest time passes.
        entropy: Seed of the harts' entropy sources (CSR `seed`).
        rng_seed: Seed handed to the kernel in the device tree; empty for none, which keeps runs reproducible.
        epoch: Wall-clock time of the machine's start, in nanoseconds since 1970 (what the RTC shows).

    Raises:
        ConfigError: For a machine that cannot be built.
    """

    harts: int = 1
    ram_size: int = 128 * MEBIBYTE
    cpu: CpuConfig = field(default_factory=CpuConfig)
    bios: Path | None = None
    kernel: Path | None = None
    initrd: Path | None = None
    append: str = ""
    dtb: Path | None = None
    loaders: tuple[LoaderItem, ...] = ()
    icount: IcountConfig = field(default_factory=IcountConfig)
    entropy: int = 0
    rng_seed: bytes = b""
    epoch: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.harts <= MAX_HARTS:
            raise ConfigError(f"-smp {self.harts}: the virt board takes 1 to {MAX_HARTS} harts")
        if self.ram_size < PAGE_SIZE or self.ram_size % PAGE_SIZE:
            raise ConfigError(f"-m: {self.ram_size} bytes of RAM are not a whole number of {PAGE_SIZE}-byte pages")
        if self.kernel is None and self.initrd is not None:
            raise ConfigError("-initrd is only possible together with -kernel")
        if self.kernel is None and self.append:
            raise ConfigError("-append is only possible together with -kernel")
        for item in self.loaders:
            hart = None if isinstance(item, WriteValue) else item.hart
            if hart is not None and not 0 <= hart < self.harts:
                raise ConfigError(f"-device loader: cpu-num={hart} does not exist, harts are 0 to {self.harts - 1}")


def parse_loader(text: str) -> LoaderItem:
    """Parse the properties after `-device loader,`, in QEMU's spelling.

    Args:
        text: For example `file=a.elf,cpu-num=0` or `addr=0x80000000,data=0x6f,data-len=4`; a comma inside a value is
            written twice.

    Raises:
        ConfigError: For an unknown property, a value that cannot be read or a combination that makes no sense.
    """
    item: dict[str, str] = {}
    for part in text.replace(",,", "\0").split(","):
        name, equals, value = part.replace("\0", ",").partition("=")
        if name not in _LOADER_PROPERTIES:
            known = ", ".join(_LOADER_PROPERTIES)
            raise ConfigError(f"-device loader: there is no property {name!r}; there are {known}")
        item[name] = value if equals else "on"
    if {"data", "data-len", "data-be"} & item.keys():
        return _write_value(item)
    address, hart, raw = _number(item, "addr"), _number(item, "cpu-num"), _switch(item, "force-raw")
    if "file" in item:
        return LoadFile(path=Path(item["file"]), address=address or 0, raw=raw, hart=hart)
    if raw:
        raise ConfigError("-device loader: force-raw needs a file")
    if address is None:
        raise ConfigError("-device loader: give file, or addr with data and data-len, or addr with cpu-num")
    if hart is None:
        raise ConfigError("-device loader: addr alone sets a start pc and needs cpu-num")
    return StartHart(address=address, hart=hart)


def _write_value(item: dict[str, str]) -> WriteValue:
    """The item with data; a `cpu-num` only says whose address space, of which there is one."""
    address, data, length = _number(item, "addr"), _number(item, "data"), _number(item, "data-len")
    if "file" in item or "force-raw" in item:
        raise ConfigError("-device loader: file and data exclude each other")
    if data is None or length is None:
        raise ConfigError("-device loader: data and data-len must be given together")
    if not 1 <= length <= 8:
        raise ConfigError(f"-device loader: data-len={length} is not 1 to 8")
    if address is None:
        raise ConfigError("-device loader: data needs an addr")
    value = data & (1 << 8 * length) - 1
    return WriteValue(address=address, data=value.to_bytes(length, "big" if _switch(item, "data-be") else "little"))


_LOADER_PROPERTIES = ("file", "addr", "data", "data-len", "data-be", "cpu-num", "force-raw")


def _number(item: dict[str, str], name: str) -> int | None:
    if name not in item:
        return None
    text = item[name]
    try:
        # QEMU reads the numbers with C's rules, so a leading zero means octal.
        octal = len(text) > 1 and text.startswith("0") and text.isdigit()
        value = int(text, 8 if octal else 0)
    except ValueError:
        raise ConfigError(f"-device loader: {name}={text} is not a number") from None
    if not 0 <= value < 1 << 64:
        raise ConfigError(f"-device loader: {name}={text} does not fit 64 bits")
    return value


def _switch(item: dict[str, str], name: str) -> bool:
    text = item.get(name, "off")
    if text not in _SWITCH_WORDS:
        raise ConfigError(f"-device loader: {name}={text} is neither on nor off")
    return _SWITCH_WORDS[text]


_SWITCH_WORDS = {
    "on": True,
    "yes": True,
    "true": True,
    "y": True,
    "off": False,
    "no": False,
    "false": False,
    "n": False,
}
