"""What `-cpu` says, and what the device tree shows of it."""

from __future__ import annotations

import pytest

from emulator.config import MachineConfig
from emulator.devicetree import strings
from emulator.errors import ConfigError
from emulator.isa.extensions import ABSENT, BY_NAME, CpuConfig, parse_cpu
from emulator.virt_tree import build_tree

ALL_MODES = {"sv39", "sv48", "sv57"}


@pytest.mark.parametrize(
    ("text", "modes"),
    [
        ("rv64", ALL_MODES),
        ("rv64,sv57=off", {"sv39", "sv48"}),
        ("rv64,-sv57", {"sv39", "sv48"}),
        ("rv64,sv48=off", {"sv39"}),
        ("rv64,sv39=off", set()),
        ("rv64,sv39=off,sv57=on", ALL_MODES),
        ("rv64,sv39=off,+sv48", {"sv39", "sv48"}),
        ("rv64,sv57=on,sv48=off", {"sv39"}),
        ("rv64,mmu=off", set()),
        ("rv64i", set()),
        ("rv64i,sv48=on", {"sv39", "sv48"}),
        ("rva22s64", {"sv39"}),
        ("max", ALL_MODES),
    ],
)
def test_page_table_modes(text: str, modes: set[str]) -> None:
    """Turning a mode off turns the larger ones off, turning one on turns the smaller ones on; the last word counts."""
    cpu = parse_cpu(text)

    assert cpu.translations == modes
    assert cpu.satp_modes == 1 | sum(
        1 << mode for name, mode in (("sv39", 8), ("sv48", 9), ("sv57", 10)) if name in modes
    )


@pytest.mark.parametrize(
    ("text", "mmu_type"),
    [
        ("rv64", "riscv,sv57"),
        ("rv64,sv57=off", "riscv,sv48"),
        ("rv64,sv48=off", "riscv,sv39"),
        ("rv64,sv39=off", "riscv,none"),
    ],
)
def test_mmu_type(text: str, mmu_type: str) -> None:
    """The device tree names the largest mode."""
    node = build_tree(MachineConfig(cpu=parse_cpu(text))).root.find("/cpus/cpu@0")
    assert node is not None
    assert node.properties["mmu-type"] == strings(mmu_type)


@pytest.mark.parametrize(
    ("text", "present", "absent"),
    [
        ("rv64", ["svadu", "svinval", "svnapot", "svpbmt", "svvptc"], ["svade"]),
        ("rv64,svade=on,svvptc=off", ["svade", "svadu", "svinval", "svnapot", "svpbmt"], []),
        ("rv64,svadu=off,svinval=off,svvptc=off", ["svnapot", "svpbmt"], ["svade", "svadu"]),
        ("rva22s64", ["svade", "svinval", "svpbmt"], ["svadu", "svnapot"]),
    ],
)
def test_isa_lists_the_extensions_of_translation(text: str, present: list[str], absent: list[str]) -> None:
    """Both spellings of the ISA in the device tree have exactly what the hart has, in canonical order."""
    node = build_tree(MachineConfig(cpu=parse_cpu(text))).root.find("/cpus/cpu@0")
    assert node is not None
    names = node.properties["riscv,isa"].rstrip(b"\0").decode().split("_")
    listed = node.properties["riscv,isa-extensions"].rstrip(b"\0").decode().split("\0")

    assert [name for name in names if name.startswith("sv")] == present
    assert [name for name in listed if name.startswith("sv")] == present
    assert not set(absent) & {*names, *listed}
    assert names[1:] == [name for name in listed if len(name) > 1]


@pytest.mark.parametrize("text", ["rv64,sv32=on", "rv64,sv39=maybe", "rv64,sv5=off"])
def test_what_is_no_mode(text: str) -> None:
    """A mode that does not exist, or a value that is none, is refused."""
    with pytest.raises(ConfigError):
        parse_cpu(text)


@pytest.mark.parametrize(
    ("text", "adue"),
    [("rv64", True), ("rv64,svade=on", False), ("rv64,svadu=off", False), ("rv64,svade=on,svadu=off", False)],
)
def test_adue_at_reset(text: str, adue: bool) -> None:
    """The hart sets A and D from its reset on unless it has Svade, or lacks Svadu."""
    assert parse_cpu(text).menvcfg == (1 << 61 if adue else 0)


@pytest.mark.parametrize("text", ["rv64,v=off", "rv64,-sscofpmf", "rv64,zve64f=false", "rv64,s=on,u=on"])
def test_what_is_so_anyway(text: str) -> None:
    """QEMU's names of what no hart has may be off, and those of the modes that every hart has may be on."""
    assert parse_cpu(text) == CpuConfig()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("rv64,v=on", "'v' cannot be switched on; no hart of this machine has it"),
        ("rv64,+sscofpmf", "'sscofpmf' cannot be switched on; no hart of this machine has it"),
        ("rv64,ssnpm=on,s=off", "'s' cannot be switched off; every hart of this machine has it"),
        ("rv64,u=off", "'u' cannot be switched off; every hart of this machine has it"),
        ("rv64,smepmp=on,pmp=off", "'smepmp' needs 'pmp'; add pmp=on or smepmp=off"),
        ("rv64,v=maybe", "'v' takes on or off, not 'maybe'"),
    ],
)
def test_what_cannot_be(text: str, error: str) -> None:
    """A wish that cannot be met is refused by its name."""
    with pytest.raises(ConfigError, match=f"^-cpu: {error}$"):
        parse_cpu(text)


def test_smepmp_goes_with_the_pmp() -> None:
    """Smepmp is rules of the PMP: a model that has it loses it with `pmp=off`."""
    assert not parse_cpu("max,pmp=off").has("smepmp")


def test_nothing_is_both_there_and_absent() -> None:
    """A name that QEMU has and this machine does not is no extension here."""
    assert not ABSENT & BY_NAME.keys()


def test_the_default() -> None:
    """`-cpu rv64` is what a machine has without the option."""
    assert parse_cpu("rv64") == CpuConfig() == MachineConfig().cpu
