from __future__ import annotations

import pytest

from emulator.errors import ConfigError
from emulator.isa.extensions import EXTENSIONS, CpuConfig, parse_cpu

LETTERS = ("i", "m", "a", "f", "d", "q", "c", "b", "v", "h")
"""Single letters have an order of their own (volume I, "Subset Naming Convention")."""

CATEGORIES = "imafcbk"
"""Z names are sorted by the letter of what they belong to, as QEMU sorts them."""


def _place(name: str) -> tuple[int, int, str]:
    if len(name) == 1:
        return (0, LETTERS.index(name), "")
    return (1, 0, name) if name[0] == "z" else (2, 0, name)


def test_order_is_canonical() -> None:
    """Single letters come first, then the Z names by category, then the names of privileged extensions."""
    names = [extension.name for extension in EXTENSIONS if extension.isa]
    groups = [[name for name in names if _place(name)[0] == group] for group in range(3)]

    assert [*groups[0], *groups[1], *groups[2]] == names
    assert groups[0] == sorted(groups[0], key=_place)
    letters = [name[1] for name in groups[1]]
    assert list(dict.fromkeys(letters)) == sorted(set(letters), key=CATEGORIES.index)
    for letter in set(letters):
        within = [name for name in groups[1] if name[1] == letter]
        assert within == sorted(within)


def test_default_string() -> None:
    """What `-cpu rv64` says of itself to an operating system."""
    assert parse_cpu("rv64") == CpuConfig()
    assert CpuConfig().isa == (
        "rv64imafdch_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_zicond_zicsr_zifencei_zihintntl"
        "_zihintpause_zihpm_zimop_zmmul_za64rs_zaamo_zabha_zacas_zalrsc_zawrs_zfa_zfh_zfhmin_zca_zcb_zcmop_zba"
        "_zbb_zbc_zbkb_zbs_zkt_sdtrig_smmpm_smnpm_ssccptr_sscounterenw_ssnpm_sstc_sstvala_sstvecd_ssu64xl_svadu_svinval_svnapot_svpbmt_svvptc"
    )


@pytest.mark.parametrize(
    ("text", "present", "absent"),
    [
        ("rv64", {"zmmul", "zaamo", "zalrsc", "zca"}, {"smepmp", "svade", "b", "g"}),
        ("rv64,m=off", {"zca"}, {"m", "zmmul"}),
        ("rv64,m=off,zmmul=on", {"zmmul"}, {"m"}),
        ("rv64,zmmul=on,m=off", {"zmmul"}, {"m"}),
        ("rv64,c=off", set(), {"c", "zca", "zcb", "zcmop"}),
        ("rv64,zfh=on", {"zfa", "zfh", "zfhmin"}, set()),
        ("rv64,zfhmin=on,zfh=off,d=off", {"zfhmin"}, {"zfh", "d"}),
        ("rv64,a=off,zawrs=off", set(), {"zaamo", "zalrsc", "za64rs", "ziccamoa", "ziccrse", "zabha"}),
        ("max", {"smepmp", "zkr", "svadu", "b", "h", "smmpm", "smstateen", "zfh"}, {"svade"}),
        ("rva22s64", {"svade", "svinval", "svpbmt", "zic64b", "zkt"}, {"svadu", "svnapot", "zbc", "zicond", "zkr"}),
        ("rv64i", {"i", "zicsr"}, {"m", "zifencei", "zicntr"}),
        ("rv64i,g=on", {"m", "zaamo", "d", "zifencei"}, {"c"}),
        ("rv64i,b=on", {"zba", "zbb", "zbs"}, {"zbc"}),
        ("rv64,b=on,b=off", set(), {"b", "zba", "zbb", "zbs"}),
        ("rv64,debug=off", set(), {"sdtrig"}),
        ("rv64,misaligned=trap", set(), {"zicclsm"}),
        ("rv64,misaligned=hw,priv_spec=v1.13.0,cbom_blocksize=64", {"zicclsm"}, set()),
        ("rv64,+zacas,-zbc", {"zacas"}, {"zbc"}),
        ("rv64,zacas=on,zacas=off", set(), {"zacas"}),
    ],
)
def test_what_goes_with_what(text: str, present: set[str], absent: set[str]) -> None:
    """An extension brings its parts and takes them away, and a promise about what is not there is not made."""
    found = parse_cpu(text).extensions

    assert present <= found
    assert not absent & found


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("rv64,a=off", ("'zawrs'", "'zalrsc'")),
        ("rv64,c=off,zcb=on", ("'zcb'", "'zca'")),
        ("rv64,zmmul=off", ("'m'", "'zmmul'")),
        ("rv64,a=off,zawrs=off,za64rs=on", ("'za64rs'", "'zalrsc'")),
        ("rv64,a=off,zawrs=off,zabha=on", ("'zabha'", "'zaamo'")),
        ("rv64,misaligned=trap,zicclsm=on", ("'zicclsm'", "'misaligned'")),
        ("rv64,misaligned=perhaps", ("'misaligned'", "hw or trap", "'perhaps'")),
        ("rv64,cboz_blocksize=128", ("'cboz_blocksize'", "64", "'128'")),
        ("rv64,zbb=off,b=on", ("'b'", "'zbb'")),
        ("rv128", ("'rv128'", "rv64", "rva22s64")),
        ("rv64,zicsr=off", ("'zicsr'",)),
        ("rv64,zicnod=on", ("'zicnod'", "'zicond'")),
    ],
)
def test_what_does_not_fit_is_named(text: str, named: tuple[str, ...]) -> None:
    """The error tells both the extension and what it lacks."""
    with pytest.raises(ConfigError) as caught:
        parse_cpu(text)

    assert all(name in str(caught.value) for name in named)
