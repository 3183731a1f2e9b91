"""What a record tells about the host that it was made on: its extensions, machine ids, block sizes.

A record may hold any part of what was asked, so every kind of line that shows a fact of the host is a witness of it.
What no line shows is as on the largest host that QEMU emulates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, TypeAlias

from emulator.kvm import Host
from emulator.kvm.extensions import KVM_EXTENSIONS
from emulator.kvm.one_reg import IDS, NAMES
from emulator.kvm.sbi.extensions import SBI_EXTENSIONS
from tests.kvmrecords.line import Line, Lines, integer

Witness: TypeAlias = tuple[str, bool]
"""Name of an extension of the host, and whether it is there."""

EMULATED_ABSENT: Final = frozenset({"zcf", "svade", "zclsd", "zilsd"})
"""What the largest host that QEMU emulates does not have; for what a record does not tell."""

OFF_IN_A_NEW_VCPU: Final = frozenset({"h", "svadu", "sscofpmf", "v"})
"""Extensions that a host can have although a new vcpu has not."""

FACTS: Final = {
    **{
        name: f"config.{name}"
        for name in ("zicbom_block_size zicboz_block_size zicbop_block_size satp_mode mvendorid marchid mimpid").split()
    },
    "timebase": "timer.frequency",
}
"""Numbers of the host, and the registers that show them in a fresh vcpu."""

MACHINE_ID_CALLS: Final = {
    f"sbi ext=0x10 fid={function} ": f"config.{name}"
    for function, name in ((4, "mvendorid"), (5, "marchid"), (6, "mimpid"))
}
"""Probes that ask the SBI for what a register also shows."""

BLOCK_SIZES: Final = {1: "zicbom", 5: "zicboz", 7: "zicbop"}
"""The extension behind a CONFIG register."""

GROUPS: Final = {"fp_f": "f", "fp_d": "d", "vector": "v", "csr_smstateen": "smstateen", "csr_aia": "ssaia"}
"""The extension behind a group of registers that is listed."""

ALWAYS_LISTED: Final = tuple(number for name, number in IDS.items() if name.split(".")[0] in ("core", "timer", "csr"))


def known_isa_ids(lines: Lines) -> dict[int, bool]:
    """Whether the recorded KVM knew an ISA id, where a line about that id says so."""
    first = IDS["isa_ext.a"]
    known = {}
    for _, line in lines:
        for kind in ("isa", "isa_ran"):
            if kind in line:
                known[integer(line[kind])] = line.get("get", "OK") == "OK"
        if "isa_multi" in line and line.get("get") == "OK":
            known.update((index, True) for index, enabled in _group(line, "isa_multi") if enabled)
    listed = (integer(line["list"]) - first for _, line in lines if "list" in line)
    return known | {index: True for index in listed if 0 <= index < len(KVM_EXTENSIONS)}


def find_host(lines: Lines) -> Host:
    """The host that a record was made on."""
    listed = {integer(line["list"]) for _, line in lines if "list" in line}
    mostly_here = 2 * sum(number in listed for number in ALWAYS_LISTED) > len(ALWAYS_LISTED)
    witnessed: dict[str, bool] = {}
    for name, present in _witnesses(lines):
        witnessed[name] = witnessed.get(name, False) or present
    isa = {"h"}
    for extension in KVM_EXTENSIONS:
        default = not mostly_here and extension.name not in EMULATED_ABSENT
        if witnessed.get(extension.host, default):
            isa.add(extension.host)
    values = dict(_values(lines))
    sbi = _sbi(lines)
    host = Host(
        frozenset(isa),
        misaligned_delegation=_has_misaligned_delegation(lines),
        pmu=sbi.get("pmu", True),
        scheduler_statistics=sbi.get("sta", True),
    )
    facts: dict[str, Any] = {name: values[row] for name, row in FACTS.items() if row in values}
    return replace(host, **facts)


def _group(line: Line, kind: str) -> Iterator[tuple[int, bool]]:
    """The ids that a register for many extensions covers, and whether each is enabled; subtype 2 shows the reverse."""
    mask = integer(line["v"]) ^ (0 if integer(line[kind]) == 1 else (1 << 64) - 1)
    first = 64 * integer(line["idx"])
    return ((first + bit, bool(mask >> bit & 1)) for bit in range(64))


def _witnesses(lines: Lines) -> Iterator[Witness]:
    for index, present in known_isa_ids(lines).items():
        if index < len(KVM_EXTENSIONS):
            yield KVM_EXTENSIONS[index].host, present
    for _, line in lines:
        if "list" in line:
            yield from _listed(line)
        elif "isa_multi" in line and line.get("get") == "OK":
            yield from _many(line)
        elif line.get("config") == 0 or line.get("config_ran") == 0:
            yield from _letters(integer(line.get("v", 0)))
        elif integer(line.get("config", 0)) in BLOCK_SIZES and line.get("get") == "OK":
            yield BLOCK_SIZES[integer(line["config"])], True
        elif "csr" in line and line.get("sub") in (1, 2):
            yield from _csr(line)
        elif line.get("sub") == 1 and line.get("smnpm") == 1 and integer(line.get("sbistate", 0)) in (3, 4, 5):
            yield "ssnpm", line.get("get") == "OK"


def _listed(line: Line) -> Iterator[Witness]:
    name = NAMES.get(integer(line["list"]), "")
    if name == "config.isa":
        yield from _letters(integer(line.get("value", 0)))
    group = name.split(".")[0]
    if group in GROUPS:
        yield GROUPS[group], True
    if name.startswith("sbi_fwft.pointer_masking."):
        yield "ssnpm", True


def _many(line: Line) -> Iterator[Witness]:
    """Registers of many extensions show what is enabled in a new vcpu."""
    for index, enabled in _group(line, "isa_multi"):
        if index < len(KVM_EXTENSIONS) and (enabled or KVM_EXTENSIONS[index].name not in OFF_IN_A_NEW_VCPU):
            yield KVM_EXTENSIONS[index].host, enabled


def _letters(value: int) -> Iterator[Witness]:
    """The bits of CONFIG `isa`."""
    for extension in KVM_EXTENSIONS:
        if len(extension.name) == 1 and extension.name not in OFF_IN_A_NEW_VCPU:
            yield extension.name, bool(value >> ord(extension.name) - ord("a") & 1)


def _csr(line: Line) -> Iterator[Witness]:
    if line["sub"] == 2 and line["csr"] == 0:
        yield "smstateen", line.get("get") == "OK"
    if line["sub"] == 1 and line.get("get") == "OK":
        yield "ssaia", integer(line.get("after", 0)) != 0


def _values(lines: Lines) -> Iterator[tuple[str, int]]:
    """Registers by name and what they hold in a fresh vcpu."""
    for _, line in lines:
        if "list" in line and "value" in line:
            yield NAMES.get(integer(line["list"]), ""), integer(line["value"])
        for kind, first in (("config", "config.isa"), ("config_ran", "config.isa"), ("timer", "timer.frequency")):
            if kind in line and line.get("get") == "OK":
                yield NAMES.get(IDS[first] + integer(line[kind]), ""), integer(line.get("v", 0))
        for call, name in MACHINE_ID_CALLS.items():
            if str(line.get("probe", "")).startswith(call) and "a1" in line:
                yield name, integer(line["a1"])


def _sbi(lines: Lines) -> dict[str, bool]:
    """Whether an SBI extension is available, where a line says so."""
    available: dict[str, bool] = {}
    for _, line in lines:
        if "list" in line:
            group, _, name = NAMES.get(integer(line["list"]), "").partition(".")
            available |= {name: True} if group == "sbi_ext" else {"sta": True} if group == "sbi_sta" else {}
        for kind in ("sbi", "sbi_ran"):
            if kind in line and integer(line[kind]) < len(SBI_EXTENSIONS):
                available[SBI_EXTENSIONS[integer(line[kind])].name] = line.get("get") == "OK"
        if "sbi_multi" in line and line.get("get") == "OK":
            group_of = ((index, enabled) for index, enabled in _group(line, "sbi_multi") if index < len(SBI_EXTENSIONS))
            available |= {SBI_EXTENSIONS[index].name: enabled for index, enabled in group_of}
    return available


def _has_misaligned_delegation(lines: Lines) -> bool:
    return any(
        NAMES.get(integer(line.get("list", 0)), "").startswith("sbi_fwft.misaligned_deleg.")
        or (line.get("sub") == 1 and integer(line.get("sbistate", 9)) < 3 and line.get("get") == "OK")
        for _, line in lines
    )
