"""Configurations that cannot be built, and the text of `-device loader`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.config import (
    MAX_HARTS,
    IcountConfig,
    LoaderItem,
    LoadFile,
    MachineConfig,
    StartHart,
    WriteValue,
    parse_loader,
)
from emulator.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"harts": 0}, "1 to 512 harts"),
        ({"harts": MAX_HARTS + 1}, "1 to 512 harts"),
        ({"ram_size": 0}, "whole number"),
        ({"ram_size": 4097}, "whole number"),
        ({"initrd": Path("disk")}, "-initrd is only possible together with -kernel"),
        ({"append": "quiet"}, "-append is only possible together with -kernel"),
        ({"loaders": (StartHart(address=0, hart=1),)}, "cpu-num=1 does not exist"),
    ],
)
def test_machines_that_cannot_be_built(settings: dict[str, Any], reason: str) -> None:
    """The error says which option and what is possible."""
    with pytest.raises(ConfigError, match=reason):
        MachineConfig(**settings)


@pytest.mark.parametrize("shift", [-1, 11])
def test_icount_shift_has_limits(shift: int) -> None:
    """As QEMU's: 0 to 10."""
    with pytest.raises(ConfigError, match="0 to 10"):
        IcountConfig(shift=shift)


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("file=a.elf", LoadFile(path=Path("a.elf"))),
        ("file=a.bin,addr=0x80000000,cpu-num=1", LoadFile(path=Path("a.bin"), address=0x8000_0000, hart=1)),
        ("file=a.elf,force-raw=on,addr=16", LoadFile(path=Path("a.elf"), address=16, raw=True)),
        ("file=a,,b.elf,force-raw=off", LoadFile(path=Path("a,b.elf"))),
        ("addr=0x10,data=0x1234,data-len=2", WriteValue(address=16, data=b"\x34\x12")),
        ("addr=010,data=-0,data-len=8", WriteValue(address=8, data=bytes(8))),
        ("addr=1,data=0x1234,data-len=4,data-be=on", WriteValue(address=1, data=b"\0\0\x12\x34")),
        ("addr=1,data=0x123456,data-len=1,cpu-num=0", WriteValue(address=1, data=b"\x56")),
        ("addr=0x80000000,cpu-num=0", StartHart(address=0x8000_0000, hart=0)),
    ],
)
def test_loader_forms(text: str, item: LoaderItem) -> None:
    """Every form of QEMU's generic loader is understood."""
    assert parse_loader(text) == item


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no property ''"),
        ("fil=a", "no property 'fil'"),
        ("addr=0x1", "needs cpu-num"),
        ("cpu-num=0", "give file, or addr"),
        ("force-raw=on,addr=1", "force-raw needs a file"),
        ("addr=1,data=2", "must be given together"),
        ("addr=1,data-len=2", "must be given together"),
        ("addr=1,data-be=on", "must be given together"),
        ("data=1,data-len=1", "needs an addr"),
        ("addr=1,data=1,data-len=9", "not 1 to 8"),
        ("addr=1,data=1,data-len=0", "not 1 to 8"),
        ("file=a,data=1,data-len=1", "exclude each other"),
        ("file=a,addr=xyz", "addr=xyz is not a number"),
        ("file=a,addr=09", "addr=09 is not a number"),
        ("file=a,addr=-1", "does not fit 64 bits"),
        ("file=a,addr=0x10000000000000000", "does not fit 64 bits"),
        ("file=a,force-raw=maybe", "neither on nor off"),
    ],
)
def test_loader_mistakes(text: str, reason: str) -> None:
    """A mistake is named."""
    with pytest.raises(ConfigError, match=reason):
        parse_loader(text)


@given(text=st.text(st.sampled_from("file=addr,data-len=cpu-num=0x19on"), max_size=60))
def test_loader_text_never_breaks(text: str) -> None:
    """Any text is an item or a ConfigError."""
    with contextlib.suppress(ConfigError):
        parse_loader(text)
