"""What machine to build: plain data, checked where it is made. The command line fills it in, the board reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from emulator.errors import ConfigError

MEBIBYTE = 1 << 20

PAGE_SIZE = 4096
"""RAM comes in whole pages."""

MAX_HARTS = 512
"""What the `virt` board's PLIC has contexts for, as QEMU's `-smp` limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuConfig:
    """What the harts are, as far as the device tree tells it.

    Attributes:
        name: Name given to `-cpu`.
        isa_base: Value of the device tree's `riscv,isa-base`.
        isa_extensions: Extension names in canonical order, lower case, single letters first (`riscv,isa-extensions`).
        mmu_type: Value of the device tree's `mmu-type`.
    """

    name: str = "rv64"
    isa_base: str = "rv64i"
    isa_extensions: tuple[str, ...] = ("i", "m", "a", "c", "zicntr", "zicsr", "zifencei")
    mmu_type: str = "riscv,none"


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
class LoaderItem:
    """One `-device loader`: a file put into memory, a value written to memory, or the pc a hart starts with.

    Attributes:
        path: File to load (an ELF, unless `raw`), or None.
        address: Where a raw file or the value goes, or the start pc.
        data: Value to write at `address`, or None.
        data_length: Bytes of `data`, 1 to 8.
        big_endian: Whether `data` is written with its most significant byte first.
        hart: Hart that starts at the file's entry or at `address`, or None.
        raw: Whether an ELF is loaded as plain bytes.

    Raises:
        ConfigError: For a combination that QEMU's generic loader refuses too.
    """

    path: Path | None = None
    address: int | None = None
    data: int | None = None
    data_length: int | None = None
    big_endian: bool = False
    hart: int | None = None
    raw: bool = False

    def __post_init__(self) -> None:
        if self.data is not None or self.data_length is not None or self.big_endian:
            self._check_value()
        elif self.path is not None:
            return
        elif self.raw:
            raise ConfigError("-device loader: force-raw needs a file")
        elif self.address is None:
            raise ConfigError("-device loader: give a file, an address with data, or an address with cpu-num")
        elif self.hart is None:
            raise ConfigError("-device loader: an address alone sets a start pc and needs cpu-num")

    def _check_value(self) -> None:
        if self.path is not None or self.raw:
            raise ConfigError("-device loader: a file and data exclude each other")
        if self.data is None or self.data_length is None:
            raise ConfigError("-device loader: data and data-len must be given together")
        if not 1 <= self.data_length <= 8:
            raise ConfigError(f"-device loader: data-len={self.data_length} is not 1 to 8")
        if self.address is None:
            raise ConfigError("-device loader: data needs an addr")


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
            if item.hart is not None and not 0 <= item.hart < self.harts:
                raise ConfigError(f"-device loader: cpu-num={item.hart} does not exist on a machine of {self.harts}")


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
    return LoaderItem(
        path=Path(item["file"]) if "file" in item else None,
        address=_number(item, "addr"),
        data=_number(item, "data"),
        data_length=_number(item, "data-len"),
        big_endian=_switch(item, "data-be"),
        hart=_number(item, "cpu-num"),
        raw=_switch(item, "force-raw"),
    )


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
