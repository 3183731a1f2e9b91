"""What a user can get wrong on the command line: one clear sentence on stderr, exit status 1, and nothing else."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest
import trio

from rvgdb.sessions import open_rvgdb
from rvgdb.sessions.machine import rvgdb_command
from tests.helpers.guests import DEMO

LIMIT = 60.0

# Offsets in an ELF64 file (System V ABI, "ELF Header" and "Program Header").
E_CLASS, E_DATA, E_MACHINE, E_PHOFF, E_PHENTSIZE = 4, 5, 18, 32, 54
P_PADDR, P_FILESZ = 24, 32
EM_X86_64 = 62
PT_LOAD = 1


async def refused(*options: str) -> str:
    """Run `rvgdb run` with options that it cannot take; returns the sentence that it says."""
    command = rvgdb_command("run", "-display", "none", "-serial", "null", "-S", *options)
    with trio.fail_after(LIMIT):
        ended = await trio.run_process(command, check=False, capture_stdout=True, capture_stderr=True)
    said = ended.stderr.decode()
    assert ended.returncode == 1, said
    assert ended.stdout == b""
    assert said.startswith("rvgdb: ")
    assert said.count("\n") == 1
    return said


def changed_elf(folder: Path, offset: int, value: bytes) -> Path:
    """The built-in guest with some bytes replaced."""
    content = bytearray(DEMO.elf.path.read_bytes())
    content[offset : offset + len(value)] = value
    path = folder / "changed.elf"
    path.write_bytes(content)
    return path


def first_segment() -> int:
    """Where the program header of the built-in guest's first loaded segment is."""
    content = DEMO.elf.path.read_bytes()
    (start,) = struct.unpack_from("<Q", content, E_PHOFF)
    size, count = struct.unpack_from("<HH", content, E_PHENTSIZE)
    headers: list[int] = [start + number * size for number in range(count)]
    return next(header for header in headers if struct.unpack_from("<I", content, header)[0] == PT_LOAD)


@pytest.mark.parametrize("option", ["-kernel", "-bios", "-initrd", "-dtb"])
async def test_missing_file(tmp_path: Path, option: str) -> None:
    """A file that does not exist is named."""
    path = tmp_path / "no-such-file"
    others = {"-bios": "none", "-kernel": str(DEMO.elf.path)}
    rest = [word for other in others.items() if other[0] != option for word in other]
    assert await refused(option, str(path), *rest) == f"rvgdb: {path}: No such file or directory\n"


async def test_folder(tmp_path: Path) -> None:
    """A folder is not a program."""
    assert str(tmp_path) in await refused("-bios", "none", "-kernel", str(tmp_path))


async def test_empty_file(tmp_path: Path) -> None:
    """An empty file is not a program."""
    path = tmp_path / "empty"
    path.write_bytes(b"")
    said = await refused("-bios", "none", "-kernel", str(path))
    assert str(path) in said
    assert "empty" in said


@pytest.mark.parametrize("length", [5, 20, 63, 64, 100, 4096, 5000])
async def test_truncated_elf(tmp_path: Path, length: int) -> None:
    """An ELF that ends inside its headers or inside a segment is named, with the reason."""
    path = tmp_path / "truncated.elf"
    path.write_bytes(DEMO.elf.path.read_bytes()[:length])
    said = await refused("-bios", "none", "-kernel", str(path))
    assert str(path) in said
    assert "ELF" in said or "truncated" in said or "ends" in said


@pytest.mark.parametrize(
    ("offset", "value", "word"),
    [
        (E_MACHINE, EM_X86_64.to_bytes(2, "little"), "x86"),
        (E_CLASS, b"\x01", "32"),
        (E_DATA, b"\x02", "endian"),
    ],
    ids=["x86-64", "32-bit", "big-endian"],
)
async def test_elf_of_another_machine(tmp_path: Path, offset: int, value: bytes, word: str) -> None:
    """An ELF for something else is refused, and the error says what it is for."""
    path = changed_elf(tmp_path, offset, value)
    said = await refused("-bios", "none", "-kernel", str(path))
    assert str(path) in said
    assert word in said.lower()


async def test_program_of_this_host() -> None:
    """A program of the host itself is refused."""
    said = await refused("-bios", "none", "-kernel", "/bin/sh")
    assert "/bin/sh" in said


@pytest.mark.parametrize("address", [0x4000_0000, 0x87FF_FFF0, 0x1_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFF0])
async def test_segment_outside_ram(tmp_path: Path, address: int) -> None:
    """A segment that RAM does not hold is refused, and the error says where it should have gone."""
    path = changed_elf(tmp_path, first_segment() + P_PADDR, address.to_bytes(8, "little"))
    said = await refused("-bios", "none", "-kernel", str(path))
    assert str(path) in said
    assert f"{address:#x}" in said


async def test_segment_outside_the_file(tmp_path: Path) -> None:
    """A segment whose bytes the file does not have is refused."""
    path = changed_elf(tmp_path, first_segment() + P_FILESZ, (1 << 40).to_bytes(8, "little"))
    assert str(path) in await refused("-bios", "none", "-kernel", str(path))


async def test_ram_too_small() -> None:
    """A program that does not fit into the RAM that was asked for is refused."""
    said = await refused("-bios", "none", "-kernel", str(DEMO.elf.path), "-m", "4K")
    assert str(DEMO.elf.path) in said or "-m" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-kernal", "x"), ("-kernal", "-kernel")),
        (("-netdev", "user"), ("-netdev",)),
        (("-M", "virtt"), ("virtt", "virt")),
        (("-machine", "sifive_u"), ("sifive_u", "virt")),
        (("-cpu", "rv64,zzz=on"), ("zzz",)),
        (("-cpu", "cortex-a53"), ("cortex-a53", "rv64")),
        (("-smp", "0"), ("-smp", "0")),
        (("-smp", "many"), ("-smp", "many")),
        (("-m", "lots"), ("-m", "lots")),
        (("-accel", "xen"), ("xen", "tcg")),
        (("-gdb", "tcp::99999"), ("99999",)),
        (("-gdb", "carrier-pigeon"), ("carrier-pigeon",)),
        (("-serial", "carrier-pigeon"), ("carrier-pigeon",)),
        (("-icount", "shift=x"), ("shift", "x")),
        (("-d", "everything"), ("everything",)),
        (("-device", "loader,file=/nope"), ("/nope",)),
        (("-device", "e1000"), ("e1000",)),
        (("-kernel",), ("-kernel",)),
        (("stray",), ("stray",)),
    ],
    ids=" ".join,
)
async def test_bad_option(options: tuple[str, ...], words: tuple[str, ...]) -> None:
    """An option or a value that is none is named, with the nearest one that is where there is one."""
    said = await refused(*options)
    for word in words:
        assert word in said


async def test_port_in_use() -> None:
    """A port that somebody else listens on is named, and what to do about it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = await refused(*DEMO.options, "-gdb", f"tcp::{port}")
    assert f"127.0.0.1:{port}" in said
    assert "in use" in said


async def test_port_of_another_rvgdb() -> None:
    """Two servers cannot share a port: the second one says so, the first one is not disturbed."""
    async with open_rvgdb(*DEMO.options) as machine:
        port = machine.address.rpartition(":")[2]
        assert "in use" in await refused(*DEMO.options, "-gdb", f"tcp::{port}")
        assert machine.exit_status is None


async def test_unwritable_files(tmp_path: Path) -> None:
    """A log or a console that cannot be written is named."""
    path = tmp_path / "missing" / "file"
    assert str(path) in await refused(*DEMO.options, "-d", "int", "-D", str(path))
    assert str(path) in await refused(*DEMO.options, "-serial", f"file:{path}")
