"""The extensions of a hart: names, dependencies, `-cpu` text, and the strings that a device tree shows.

Source of the canonical order: manual volume I, "ISA Extension Naming Conventions".
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

from emulator.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension that a hart can have.

    Attributes:
        name: Lower case, as `-cpu` and the device tree spell it.
        default: Whether `-cpu rv64` has it.
        needs: Extensions that must be there too.
        about: What it brings, in a few words.
    """

    name: str
    default: bool
    needs: tuple[str, ...]
    about: str


EXTENSIONS: Final = (
    Extension("i", default=True, needs=(), about="base integer instructions"),
    Extension("m", default=True, needs=("i",), about="multiplication and division"),
    Extension("a", default=True, needs=("i",), about="atomic instructions"),
    Extension("f", default=True, needs=("zicsr",), about="single-precision floating point"),
    Extension("d", default=True, needs=("f",), about="double-precision floating point"),
    Extension("c", default=True, needs=("i",), about="compressed instructions"),
    Extension("zicntr", default=True, needs=("zicsr",), about="cycle, time and instret"),
    Extension("zicsr", default=True, needs=("i",), about="CSR instructions"),
    Extension("zifencei", default=True, needs=("i",), about="fence.i"),
    Extension("zihpm", default=True, needs=("zicsr",), about="hardware performance counters (all read zero)"),
    Extension("svade", default=False, needs=(), about="a page fault where A or D would have to be set"),
    Extension("svadu", default=True, needs=(), about="A and D are set by the hart where menvcfg.ADUE says so"),
    Extension("svinval", default=False, needs=(), about="fine-grained invalidation of translations"),
    Extension("svnapot", default=False, needs=(), about="64 KiB pages made of sixteen PTEs"),
    Extension("svpbmt", default=False, needs=(), about="memory types in PTEs (all behave alike here)"),
)
"""Every extension, in canonical order."""

BY_NAME: Final = {extension.name: extension for extension in EXTENSIONS}

COMBINATIONS: Final = ("c&d",)
"""What rows require beyond a single extension: all of several."""

EXTENSION_BITS: Final = {
    required: bit for bit, required in enumerate((*(extension.name for extension in EXTENSIONS), *COMBINATIONS))
}
"""Bit of each requirement, an extension or a combination, in the engine's mask."""

ALWAYS: Final = frozenset({"i", "zicsr"})
"""What a hart of this machine cannot do without: M-mode has CSRs."""

TRANSLATIONS: Final = ("sv39", "sv48", "sv57")
"""Page-table modes, as `-cpu` spells them; `satp.MODE` is 8, 9 and 10. Each needs the one before it."""

MENVCFG_ADUE: Final = 1 << 61

MISA_MXL64: Final = 2 << 62


@dataclass(frozen=True, slots=True)
class CpuConfig:
    """What `-cpu` chose.

    Attributes:
        name: The model, `rv64`.
        extensions: Names of the extensions that harts have.
        translations: Names of the page-table modes that `satp` takes besides Bare.
    """

    name: str = "rv64"
    extensions: frozenset[str] = frozenset(extension.name for extension in EXTENSIONS if extension.default)
    translations: frozenset[str] = frozenset(TRANSLATIONS)

    def has(self, extension: str) -> bool:
        """Whether harts have an extension."""
        return extension in self.extensions

    @property
    def mask(self) -> int:
        """The engine's mask of extensions."""
        return sum(
            1 << bit for required, bit in EXTENSION_BITS.items() if self.extensions.issuperset(required.split("&"))
        )

    @property
    def misa(self) -> int:
        """The `misa` CSR: MXL 64 bits, a bit a letter, S and U always."""
        letters = {name for name in self.extensions if len(name) == 1} | {"s", "u"}
        return MISA_MXL64 | sum(1 << ord(letter) - ord("a") for letter in letters)

    @property
    def isa_base(self) -> str:
        """The device tree's `riscv,isa-base`."""
        return "rv64i"

    @property
    def isa_extensions(self) -> tuple[str, ...]:
        """The device tree's `riscv,isa-extensions`, in canonical order."""
        return tuple(extension.name for extension in EXTENSIONS if extension.name in self.extensions)

    @property
    def isa(self) -> str:
        """The device tree's `riscv,isa`: single letters together, then the longer names."""
        letters = "".join(name for name in self.isa_extensions if len(name) == 1)
        return "_".join([f"rv64{letters}", *(name for name in self.isa_extensions if len(name) > 1)])

    @property
    def mmu_type(self) -> str:
        """The device tree's `mmu-type`: the largest mode."""
        return f"riscv,{max(self.translations, default='none')}"

    @property
    def satp_modes(self) -> int:
        """A bit for each value that `satp.MODE` can have."""
        return 1 | sum(1 << 8 + TRANSLATIONS.index(name) for name in self.translations)

    @property
    def menvcfg(self) -> int:
        """`menvcfg` at reset: ADUE is set where Svadu is there without Svade, as in QEMU."""
        return MENVCFG_ADUE if self.has("svadu") and not self.has("svade") else 0


MODELS: Final = {"rv64": CpuConfig()}
"""What `-cpu help` lists."""

_SWITCH: Final = {
    "on": True,
    "true": True,
    "yes": True,
    "y": True,
    "off": False,
    "false": False,
    "no": False,
    "n": False,
}


def parse_cpu(text: str) -> CpuConfig:
    """Read `-cpu MODEL[,EXT=on|off...]`, also in QEMU's old spelling `+ext` and `-ext`.

    Raises:
        ConfigError: An unknown model, property or value, or an extension whose needs are switched off.
    """
    model, *properties = text.split(",")
    if model not in MODELS:
        raise ConfigError(f"-cpu: there is no CPU model '{model}'; there is: {', '.join(MODELS)}")
    chosen = set(MODELS[model].extensions)
    modes = set(MODELS[model].translations)
    for item in properties:
        name, on = _property(item)
        if name in TRANSLATIONS:
            modes = (
                {mode for mode in modes if mode < name} if not on else modes | {m for m in TRANSLATIONS if m <= name}
            )
        elif on:
            chosen.add(name)
        elif name in ALWAYS:
            raise ConfigError(f"-cpu: '{name}' cannot be switched off; every hart of this machine has it")
        else:
            chosen.discard(name)
    for name in sorted(chosen):
        missing = [need for need in BY_NAME[name].needs if need not in chosen]
        if missing:
            raise ConfigError(f"-cpu: '{name}' needs '{missing[0]}'; add {missing[0]}=on or {name}=off")
    return CpuConfig(model, frozenset(chosen), frozenset(modes))


def _property(item: str) -> tuple[str, bool]:
    if item[:1] in ("+", "-"):
        name, value = item[1:], "on" if item[0] == "+" else "off"
    else:
        name, _, value = item.partition("=")
    known = (*BY_NAME, *TRANSLATIONS)
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean '{near[0]}'?" if near else f"; there are: {', '.join(known)}"
        raise ConfigError(f"-cpu: there is no property '{name}'{hint}")
    if value not in _SWITCH:
        raise ConfigError(f"-cpu: '{name}' takes on or off, not '{value}'")
    return name, _SWITCH[value]
