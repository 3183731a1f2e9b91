"""The extensions of a hart: names, dependencies, `-cpu` text, and the strings that a device tree shows.

Source of the canonical order: manual volume I, "ISA Extension Naming Conventions".
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from emulator.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension that a hart can have.

    Attributes:
        name: Lower case, as `-cpu` and the device tree spell it.
        about: What it is, in a few words; of a name that only promises something, why the promise is kept.
        default: Whether `-cpu rv64` has it.
        needs: Extensions that must be there too.
        brings: Extensions that it consists of: they cannot be absent where it is there.
        acts: Whether anything depends on it besides what a device tree shows.
    """

    name: str
    about: str
    default: bool = False
    needs: tuple[str, ...] = ()
    brings: tuple[str, ...] = ()
    acts: bool = True


EXTENSIONS: Final = (
    Extension("i", default=True, about="base integer instructions"),
    Extension("m", default=True, needs=("i",), brings=("zmmul",), about="multiplication and division"),
    Extension("a", default=True, needs=("i",), brings=("zaamo", "zalrsc"), about="atomic instructions"),
    Extension("f", default=True, needs=("zicsr",), about="single-precision floating point"),
    Extension("d", default=True, needs=("f",), about="double-precision floating point"),
    Extension("c", default=True, needs=("i",), brings=("zca",), about="compressed instructions"),
    Extension("h", default=True, needs=("zicsr",), about="hypervisor: VS- and VU-mode, two-stage translation"),
    Extension("zic64b", default=True, acts=False, about="cache blocks are 64 bytes: what cbo.zero clears, aligned"),
    Extension("zicbom", default=True, needs=("zicsr",), about="cache-block management"),
    Extension("zicbop", default=True, needs=("i",), acts=False, about="cache-block prefetches, hints that do nothing"),
    Extension("zicboz", default=True, needs=("zicsr",), about="cache-block zero"),
    Extension(
        "ziccamoa", default=True, needs=("zaamo",), acts=False, about="every atomic of A works on all of main memory"
    ),
    Extension("ziccif", default=True, acts=False, about="fetches are atomic: between instructions, one hart runs"),
    Extension("zicclsm", default=True, acts=False, about="misaligned loads and stores work in main memory"),
    Extension(
        "ziccrse", default=True, needs=("zalrsc",), acts=False, about="LR/SC loops succeed in the end: harts take turns"
    ),
    Extension("zicntr", default=True, needs=("zicsr",), about="cycle, time and instret"),
    Extension("zicond", needs=("i",), about="conditional zero"),
    Extension("zicsr", default=True, needs=("i",), about="CSR instructions"),
    Extension("zifencei", default=True, needs=("i",), about="fence.i"),
    Extension("zihintntl", default=True, needs=("i",), acts=False, about="non-temporal hints, which do nothing"),
    Extension("zihintpause", default=True, needs=("i",), acts=False, about="the pause hint, which does nothing"),
    Extension("zihpm", default=True, needs=("zicsr",), about="hardware performance counters (all read zero)"),
    Extension("zimop", needs=("i",), about="may-be-operations, which write zero"),
    Extension("zmmul", needs=("i",), about="multiplication"),
    Extension(
        "za64rs",
        default=True,
        needs=("zalrsc",),
        acts=False,
        about="a reservation covers at most 64 bytes: here the bytes that LR read",
    ),
    Extension("zaamo", needs=("i",), about="atomic memory operations"),
    Extension("zabha", needs=("zaamo",), about="atomic memory operations on bytes and halfwords"),
    Extension("zacas", needs=("zaamo",), about="atomic compare-and-swap"),
    Extension("zalrsc", needs=("i",), about="load-reserved and store-conditional"),
    Extension("zawrs", default=True, needs=("zalrsc",), about="wait on a reservation (which ends at once)"),
    Extension("zfa", default=True, needs=("f",), about="additional floating-point instructions"),
    Extension("zfh", needs=("f",), brings=("zfhmin",), about="half-precision floating point"),
    Extension("zfhmin", needs=("f",), about="half-precision transfers and conversions"),
    Extension("zca", needs=("i",), about="compressed integer instructions"),
    Extension("zcb", needs=("zca",), about="more compressed instructions, also of M, Zba and Zbb"),
    Extension("zcmop", needs=("zca",), about="compressed may-be-operations, which do nothing"),
    Extension("zba", default=True, needs=("i",), about="address generation"),
    Extension("zbb", default=True, needs=("i",), about="basic bit manipulation"),
    Extension("zbc", default=True, needs=("i",), about="carry-less multiplication"),
    Extension("zbkb", needs=("i",), about="bit manipulation for cryptography"),
    Extension("zbs", default=True, needs=("i",), about="single bits"),
    Extension(
        "sha",
        needs=("ssstateen",),
        brings=("h", "shcounterenw", "shgatpa", "shtvala", "shvsatpa", "shvstvala", "shvstvecd"),
        acts=False,
        about="the hypervisor extension as profiles have it",
    ),
    Extension("shcounterenw", needs=("h",), acts=False, about="every bit of hcounteren can be set"),
    Extension("shgatpa", needs=("h",), acts=False, about="hgatp has a mode for each of satp"),
    Extension(
        "shtvala", needs=("h",), acts=False, about="htval has the guest-physical address of every guest-page fault"
    ),
    Extension("shvsatpa", needs=("h",), acts=False, about="vsatp has every mode of satp"),
    Extension("shvstvala", needs=("h",), acts=False, about="vstval has whatever stval would have"),
    Extension("shvstvecd", needs=("h",), acts=False, about="vstvec holds any address in direct mode"),
    Extension("smmpm", needs=("zicsr",), about="pointer masking in M-mode"),
    Extension("smnpm", default=True, needs=("zicsr",), about="pointer masking in the mode below M, set by M-mode"),
    Extension(
        "smstateen", needs=("zicsr",), brings=("ssstateen",), about="M-mode decides which state lower modes may touch"
    ),
    Extension("ssnpm", default=True, needs=("zicsr",), about="pointer masking in U-mode and guests, set by S-mode"),
    Extension("sspm", needs=("smnpm",), acts=False, about="S-mode can have its pointers masked: by Smnpm"),
    Extension("ssstateen", needs=("smstateen",), acts=False, about="what S-mode has of Smstateen"),
    Extension("sstc", default=True, needs=("zicsr",), about="timers of S- and VS-mode"),
    Extension("supm", needs=("ssnpm",), acts=False, about="U-mode can have its pointers masked: by Ssnpm"),
    Extension("svade", about="a page fault where A or D would have to be set"),
    Extension("svadu", default=True, about="A and D are set by the hart where menvcfg.ADUE says so"),
    Extension("svinval", about="fine-grained invalidation of translations"),
    Extension("svnapot", about="64 KiB pages made of sixteen PTEs"),
    Extension("svpbmt", about="memory types in PTEs (all behave alike here)"),
)
"""Every extension, in canonical order."""

BY_NAME: Final = {extension.name: extension for extension in EXTENSIONS}

COMBINATIONS: Final = (
    *("zbb|zbkb", "zabha&zacas", "zcb&zba", "zcb&zbb", "zcb&zmmul", "zca&d"),
    *("zfhmin&d", "zfa&d", "zfa&zfh"),
    *("h&sstc", "h&smstateen", "h&svinval"),
)
"""What rows require beyond a single extension: any of the alternatives, each with all of its extensions."""

EXTENSION_BITS: Final = {
    required: bit
    for bit, required in enumerate((*(extension.name for extension in EXTENSIONS if extension.acts), *COMBINATIONS))
}
"""Bit of each requirement, an extension that acts or a combination, in the engine's mask of 64."""


def satisfied(required: str, chosen: AbstractSet[str]) -> bool:
    """Whether a set of extensions meets a requirement, for example `zbb|zbkb` or `zcb&zmmul`."""
    return any(chosen >= set(every.split("&")) for every in required.split("|"))


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
        extensions: Names of the extensions that harts have; what they bring is added.
        translations: Names of the page-table modes that `satp` takes besides Bare.
    """

    name: str = "rv64"
    extensions: frozenset[str] = frozenset(extension.name for extension in EXTENSIONS if extension.default)
    translations: frozenset[str] = frozenset(TRANSLATIONS)

    def __post_init__(self) -> None:
        brought = (BY_NAME[name].brings for name in self.extensions)
        object.__setattr__(self, "extensions", self.extensions.union(*brought))

    def has(self, extension: str) -> bool:
        """Whether harts have an extension."""
        return extension in self.extensions

    @property
    def mask(self) -> int:
        """The engine's mask: the bits of the requirements that are met."""
        return sum(1 << bit for required, bit in EXTENSION_BITS.items() if satisfied(required, self.extensions))

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
    asked: dict[str, bool] = {}
    for item in properties:
        name, on = _property(item)
        if name in TRANSLATIONS:
            modes = modes | {m for m in TRANSLATIONS if m <= name} if on else {m for m in modes if m < name}
            continue
        if not on and name in ALWAYS:
            raise ConfigError(f"-cpu: '{name}' cannot be switched off; every hart of this machine has it")
        asked[name] = on
        chosen -= {name, *BY_NAME[name].brings}
    chosen |= {name for name, on in asked.items() if on}
    config = CpuConfig(model, frozenset(chosen), frozenset(modes))
    kept = frozenset(name for name in config.extensions if name in asked or not _idle(name, config))
    _check(kept, asked)
    return CpuConfig(model, kept, frozenset(modes))


def _idle(name: str, config: CpuConfig) -> bool:
    """Whether it is a promise about something that is not there."""
    extension = BY_NAME[name]
    return not extension.acts and not config.extensions.issuperset(extension.needs)


def _check(chosen: frozenset[str], asked: Mapping[str, bool]) -> None:
    """Raise the error for extensions that do not fit together."""
    for name in sorted(chosen):
        extension = BY_NAME[name]
        for part in extension.brings:
            if not asked.get(part, True):
                raise ConfigError(f"-cpu: '{name}' consists of '{part}' among others; add {name}=off or leave it on")
        missing = [need for need in extension.needs if need not in chosen]
        if missing:
            raise ConfigError(f"-cpu: '{name}' needs '{missing[0]}'; add {missing[0]}=on or {name}=off")


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
