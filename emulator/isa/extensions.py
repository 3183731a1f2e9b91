"""The extensions of a hart: names, dependencies, `-cpu` text, and the strings that a device tree shows.

Source of the canonical order: manual volume I, "ISA Extension Naming Conventions".
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from emulator.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension that a hart can have.

    Attributes:
        name: Lower case, as `-cpu` and the device tree spell it.
        about: What it is, in a few words; of a name that only promises something, why the promise is kept.
        default: Whether `-cpu rv64` has it.
        needs: Extensions (or features) that must be there too.
        brings: Extensions that it consists of: they cannot be absent where it is there.
        acts: Whether anything depends on it besides what a device tree shows.
        yields: Whether it goes without a word where what it needs is switched off: what `rv64` has beyond QEMU's.
        isa: Whether it is a name of the ISA string; `g` is only short for others, as QEMU has it.
    """

    name: str
    about: str
    default: bool = False
    needs: tuple[str, ...] = ()
    brings: tuple[str, ...] = ()
    acts: bool = True
    yields: bool = False
    isa: bool = True


EXTENSIONS: Final = (
    Extension("i", default=True, about="base integer instructions"),
    Extension("m", default=True, needs=("i",), brings=("zmmul",), about="multiplication and division"),
    Extension("a", default=True, needs=("i",), brings=("zaamo", "zalrsc"), about="atomic instructions"),
    Extension("f", default=True, needs=("zicsr",), about="single-precision floating point"),
    Extension("d", default=True, needs=("f",), about="double-precision floating point"),
    Extension("c", default=True, needs=("i",), brings=("zca",), about="compressed instructions"),
    Extension("b", brings=("zba", "zbb", "zbs"), acts=False, about="bit manipulation: zba, zbb and zbs"),
    Extension("h", default=True, needs=("zicsr",), about="hypervisor: VS- and VU-mode, two-stage translation"),
    Extension("zic64b", default=True, acts=False, about="cache blocks are 64 bytes: what cbo.zero clears, aligned"),
    Extension("zicbom", default=True, needs=("zicsr",), about="cache-block management"),
    Extension("zicbop", default=True, needs=("i",), acts=False, about="cache-block prefetches, hints that do nothing"),
    Extension("zicboz", default=True, needs=("zicsr",), about="cache-block zero"),
    Extension(
        "ziccamoa", default=True, needs=("zaamo",), acts=False, about="every atomic of A works on all of main memory"
    ),
    Extension("ziccif", default=True, acts=False, about="fetches are atomic: between instructions, one hart runs"),
    Extension(
        "zicclsm",
        default=True,
        needs=("misaligned",),
        acts=False,
        about="misaligned loads and stores work in main memory",
    ),
    Extension(
        "ziccrse", default=True, needs=("zalrsc",), acts=False, about="LR/SC loops succeed in the end: harts take turns"
    ),
    Extension("zicntr", default=True, needs=("zicsr",), about="cycle, time and instret"),
    Extension("zicond", default=True, yields=True, needs=("i",), about="conditional zero"),
    Extension("zicsr", default=True, needs=("i",), about="CSR instructions"),
    Extension("zifencei", default=True, needs=("i",), about="fence.i"),
    Extension("zihintntl", default=True, needs=("i",), acts=False, about="non-temporal hints, which do nothing"),
    Extension("zihintpause", default=True, needs=("i",), acts=False, about="the pause hint, which does nothing"),
    Extension("zihpm", default=True, needs=("zicsr",), about="hardware performance counters (all read zero)"),
    Extension("zimop", default=True, yields=True, needs=("i",), about="may-be-operations, which write zero"),
    Extension("zmmul", needs=("i",), about="multiplication"),
    Extension(
        "za64rs",
        default=True,
        needs=("zalrsc",),
        acts=False,
        about="a reservation covers at most 64 bytes: here the bytes that LR read",
    ),
    Extension("zaamo", needs=("i",), about="atomic memory operations"),
    Extension(
        "zabha", default=True, yields=True, needs=("zaamo",), about="atomic memory operations on bytes and halfwords"
    ),
    Extension("zacas", default=True, yields=True, needs=("zaamo",), about="atomic compare-and-swap"),
    Extension("zalrsc", needs=("i",), about="load-reserved and store-conditional"),
    Extension("zawrs", default=True, needs=("zalrsc",), about="wait on a reservation (which ends at once)"),
    Extension("zfa", default=True, yields=True, needs=("f",), about="additional floating-point instructions"),
    Extension(
        "zfh", default=True, yields=True, needs=("f",), brings=("zfhmin",), about="half-precision floating point"
    ),
    Extension("zfhmin", yields=True, needs=("f",), about="half-precision transfers and conversions"),
    Extension("zca", needs=("i",), about="compressed integer instructions"),
    Extension(
        "zcb", default=True, yields=True, needs=("zca",), about="more compressed instructions, also of M, Zba and Zbb"
    ),
    Extension(
        "zcmop", default=True, yields=True, needs=("zca",), about="compressed may-be-operations, which do nothing"
    ),
    Extension("zba", default=True, needs=("i",), about="address generation"),
    Extension("zbb", default=True, needs=("i",), about="basic bit manipulation"),
    Extension("zbc", default=True, needs=("i",), about="carry-less multiplication"),
    Extension("zbkb", default=True, yields=True, needs=("i",), about="bit manipulation for cryptography"),
    Extension("zbs", default=True, needs=("i",), about="single bits"),
    Extension("zkr", needs=("zicsr",), about="the entropy source, CSR seed; firmware lets S-mode have it by mseccfg"),
    Extension("zkt", default=True, acts=False, about="data-independent time: every instruction takes one step"),
    Extension("sdtrig", default=True, needs=("zicsr",), about="triggers for the guest's own use; QEMU's debug"),
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
    Extension("smepmp", yields=True, needs=("pmp",), about="memory protection of M-mode from itself, CSR mseccfg"),
    Extension("smmpm", default=True, needs=("zicsr",), about="pointer masking in M-mode"),
    Extension("smnpm", default=True, needs=("zicsr",), about="pointer masking in the mode below M, set by M-mode"),
    Extension(
        "smstateen", needs=("zicsr",), brings=("ssstateen",), about="M-mode decides which state lower modes may touch"
    ),
    Extension("ssccptr", default=True, acts=False, about="page tables may lie anywhere in main memory"),
    Extension(
        "sscounterenw", default=True, acts=False, about="every implemented counter's bit of scounteren can be set"
    ),
    Extension("ssnpm", default=True, needs=("zicsr",), about="pointer masking in U-mode and guests, set by S-mode"),
    Extension("sspm", needs=("smnpm",), acts=False, about="S-mode can have its pointers masked: by Smnpm"),
    Extension("ssstateen", needs=("smstateen",), acts=False, about="what S-mode has of Smstateen"),
    Extension("sstc", default=True, needs=("zicsr",), about="timers of S- and VS-mode"),
    Extension("sstvala", default=True, acts=False, about="stval tells the faulting address or instruction"),
    Extension("sstvecd", default=True, acts=False, about="stvec takes any direct, aligned address"),
    Extension("ssu64xl", default=True, acts=False, about="user mode is 64 bits wide"),
    Extension("supm", needs=("ssnpm",), acts=False, about="U-mode can have its pointers masked: by Ssnpm"),
    Extension("svade", about="a page fault where A or D would have to be set"),
    Extension("svadu", default=True, about="A and D are set by the hart where menvcfg.ADUE says so"),
    Extension("svinval", default=True, yields=True, about="fine-grained invalidation of translations"),
    Extension("svnapot", default=True, yields=True, about="64 KiB pages made of sixteen PTEs"),
    Extension("svpbmt", default=True, yields=True, about="memory types in PTEs (all behave alike here)"),
    Extension("svvptc", default=True, acts=False, about="a PTE made valid is seen without a fence"),
    Extension(
        "g",
        brings=("i", "m", "a", "f", "d", "zicsr", "zifencei"),
        acts=False,
        isa=False,
        about="short for i, m, a, f, d, zicsr and zifencei",
    ),
)
"""Every extension, in canonical order; what is no name of the ISA string comes last."""

BY_NAME: Final = {extension.name: extension for extension in EXTENSIONS}

COMBINATIONS: Final = (
    *("zbb|zbkb", "zabha&zacas", "zcb&zba", "zcb&zbb", "zcb&zmmul", "zca&d"),
    *("zfhmin&d", "zfa&d", "zfa&zfh"),
    *("h&sstc", "h&smstateen", "h&svinval"),
    "smepmp|zkr|smmpm",
)
"""What rows require beyond a single extension: any of the alternatives, each with all of its extensions."""


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that is no extension and that every hart has, unless it is switched off.

    Attributes:
        name: As `-cpu` spells it.
        about: What it is, in a few words.
        words: Besides on and off, words for the two (on first); empty where there are none.
    """

    name: str
    about: str
    words: tuple[str, ...] = ()


FEATURES: Final = (
    Feature(
        "misaligned", "misaligned loads and stores are done by hardware, or trap (misaligned=trap)", ("hw", "trap")
    ),
    Feature("mmu", "address translation; off makes satp always Bare"),
    Feature("pmp", "physical memory protection; off means that its CSRs do not exist and nothing is protected"),
)

WITHOUT: Final = "without "
"""Begins the name of a requirement that a feature is switched off."""

ALIASES: Final = {"debug": "sdtrig"}
"""QEMU's other names."""

FIXED: Final = {
    "cbom_blocksize": "64",
    "cbop_blocksize": "64",
    "cboz_blocksize": "64",
    "num-pmp-regions": "16",
    "priv_spec": "v1.13.0",
}
"""QEMU's properties of which this machine has one value; it may be said."""

ABSENT: Final = frozenset(
    "e v zama16b zbkc zbkx zcd zce zcf zclsd zcmp zcmt zdinx zfbfmin zfinx zhinx zhinxmin zicfilp zicfiss zilsd zk zkn "
    "zknd zkne zknh zks zksed zksh zvbb zvbc zve32f zve32x zve64d zve64f zve64x zvfbfmin zvfbfwma zvfh zvfhmin zvkb "
    "zvkg zvkn zvknc zvkned zvkng zvknha zvknhb zvks zvksc zvksed zvksg zvksh zvkt smaia smcdeleg smcntrpmf smcsrind "
    "smctr smdbltrp smrnmi ssaia ssccfg sscofpmf sscsrind ssctr ssdbltrp svrsw60t59b svukte".split()
)
"""QEMU's names of extensions that this machine does not have; they may be said to be off."""

SETTLED: Final = {"s": True, "u": True} | dict.fromkeys(ABSENT, False)
"""Switches that stand here: the modes that every hart has, and what none has."""

EXTENSION_BITS: Final = {
    required: bit
    for bit, required in enumerate(
        (
            *(extension.name for extension in EXTENSIONS if extension.acts),
            *COMBINATIONS,
            *(WITHOUT + feature.name for feature in FEATURES),
        )
    )
}
"""Bit of each requirement, an extension that acts, a combination or an absent feature, in the engine's mask of 64."""


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
        missing: Names of the features that are switched off.
    """

    name: str = "rv64"
    extensions: frozenset[str] = frozenset(extension.name for extension in EXTENSIONS if extension.default)
    translations: frozenset[str] = frozenset(TRANSLATIONS)
    missing: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        brought = (BY_NAME[name].brings for name in self.extensions)
        object.__setattr__(self, "extensions", self.extensions.union(*brought))

    def has(self, required: str) -> bool:
        """Whether harts have an extension, or what a row requires in the notation of `COMBINATIONS`."""
        return satisfied(required, self.extensions)

    @property
    def present(self) -> frozenset[str]:
        """Extensions and features that harts have."""
        return self.extensions | {feature.name for feature in FEATURES} - self.missing

    @property
    def mask(self) -> int:
        """The engine's mask: the bits of the requirements that are met."""
        met = self.extensions | {WITHOUT + name for name in self.missing}
        return sum(1 << bit for required, bit in EXTENSION_BITS.items() if satisfied(required, met))

    @property
    def misa(self) -> int:
        """The `misa` CSR: MXL 64 bits, a bit a letter, S and U always."""
        letters = {name for name in self.isa_extensions if len(name) == 1} | {"s", "u"}
        return MISA_MXL64 | sum(1 << ord(letter) - ord("a") for letter in letters)

    @property
    def isa_base(self) -> str:
        """The device tree's `riscv,isa-base`."""
        return "rv64i"

    @property
    def isa_extensions(self) -> tuple[str, ...]:
        """The device tree's `riscv,isa-extensions`, in canonical order."""
        return tuple(row.name for row in EXTENSIONS if row.isa and row.name in self.extensions)

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


RVA22S64: Final = (
    "i m a f d c zic64b zicbom zicbop zicboz ziccamoa ziccif zicclsm ziccrse zicntr zicsr zifencei zihintpause zihpm "
    "za64rs zfhmin zba zbb zbs zkt ssccptr sscounterenw sstvala sstvecd svade svinval svpbmt"
)
"""What the profile makes mandatory (RISC-V profiles, "RVA22S64 Profile")."""

HOST_MODEL: Final = "host"
"""The model that a vcpu of KVM has: what its host is. A bare machine has no host."""

MODELS: Final = {
    "rv64": CpuConfig(),
    "rv64i": CpuConfig("rv64i", ALWAYS, frozenset()),
    "max": CpuConfig("max", frozenset(row.name for row in EXTENSIONS if row.isa and row.name != "svade")),
    "rva22s64": CpuConfig("rva22s64", frozenset(RVA22S64.split()), frozenset({"sv39"})),
}
"""What `-cpu help` lists. `max` has all that go together: Svade would only keep Svadu from being on at reset."""

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
    """Read `-cpu MODEL[,NAME=on|off...]`, also in QEMU's old spelling `+name` and `-name`.

    Raises:
        ConfigError: An unknown model, property or value, or an extension whose needs are switched off.
    """
    model, *properties = text.split(",")
    if model not in MODELS:
        raise ConfigError(f"-cpu: there is no CPU model '{model}'; there are: {', '.join(MODELS)}")
    chosen, modes = set(MODELS[model].extensions), set(MODELS[model].translations)
    features: dict[str, bool] = {}
    asked: dict[str, bool] = {}
    for item in properties:
        name, on = _property(item)
        if name in TRANSLATIONS:
            modes = modes | {m for m in TRANSLATIONS if m <= name} if on else {m for m in modes if m < name}
        elif name in BY_NAME:
            if not on and name in ALWAYS:
                raise ConfigError(f"-cpu: '{name}' cannot be switched off; every hart of this machine has it")
            asked[name] = on
            chosen -= {name, *BY_NAME[name].brings} - ALWAYS
        elif name not in FIXED and name not in SETTLED:
            features[name] = on
    chosen |= {name for name, on in asked.items() if on}
    missing = frozenset(name for name, on in features.items() if not on)
    translations = frozenset() if "mmu" in missing else frozenset(modes)
    config = CpuConfig(model, frozenset(chosen), translations, missing)
    kept = frozenset(name for name in config.extensions if name in asked or not _idle(name, config))
    config = replace(config, extensions=kept)
    _check(config, asked)
    return config


def _idle(name: str, config: CpuConfig) -> bool:
    """Whether it is a promise about something that is not there, or yields to what is."""
    extension = BY_NAME[name]
    return (extension.yields or not extension.acts) and not config.present.issuperset(extension.needs)


def _check(config: CpuConfig, asked: Mapping[str, bool]) -> None:
    """Raise the error for extensions that do not fit together."""
    for name in sorted(config.extensions):
        extension = BY_NAME[name]
        for part in extension.brings:
            if not asked.get(part, True):
                raise ConfigError(f"-cpu: '{name}' consists of '{part}' among others; add {name}=off or leave it on")
        missing = [need for need in extension.needs if need not in config.present]
        if missing:
            raise ConfigError(f"-cpu: '{name}' needs '{missing[0]}'; add {missing[0]}=on or {name}=off")


def _property(item: str) -> tuple[str, bool]:
    """Name and value of a property, under the name that this machine knows it by."""
    if item[:1] in ("+", "-"):
        name, value = item[1:], "on" if item[0] == "+" else "off"
    else:
        name, _, value = item.partition("=")
    name = ALIASES.get(name, name)
    if name in FIXED:
        if value != FIXED[name]:
            raise ConfigError(f"-cpu: '{name}' is {FIXED[name]} on this machine and cannot be '{value}'")
        return name, True
    features = {feature.name: feature.words for feature in FEATURES}
    known = (*BY_NAME, *TRANSLATIONS, *features)
    if name not in known and name not in SETTLED:
        near = difflib.get_close_matches(name, (*known, *ALIASES, *FIXED), 1)
        hint = f"; did you mean '{near[0]}'?" if near else f"; there are: {', '.join(known)}"
        raise ConfigError(f"-cpu: there is no property '{name}'{hint}")
    words = _SWITCH | dict(zip(features.get(name, ()), (True, False), strict=False))
    if value not in words:
        choice = " or ".join(features.get(name, ()) or ("on", "off"))
        raise ConfigError(f"-cpu: '{name}' takes {choice}, not '{value}'")
    if SETTLED.get(name, words[value]) != words[value]:
        wish = "be switched off; every" if SETTLED[name] else "be switched on; no"
        raise ConfigError(f"-cpu: '{name}' cannot {wish} hart of this machine has it")
    return name, words[value]


def parse_switch(name: str, value: str) -> bool:
    """An on or off of a property.

    Raises:
        ConfigError: When it is neither.
    """
    if value not in _SWITCH:
        raise ConfigError(f"-cpu: '{name}' takes on or off, not '{value}'")
    return _SWITCH[value]
