"""Whole runs in this process: statuses, output, and errors that are one line."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from emulator.config import parse_loader
from rvgdb import __version__, configure
from rvgdb.answers import answer
from rvgdb.cli import SUBCOMMANDS, main
from rvgdb.configure import find_firmware, machine_config
from rvgdb.errors import OptionError
from rvgdb.options import LOG_ITEMS, parse
from rvgdb.settings import RunSettings, Topic
from tests.rvgdb.small_guests import ILLEGAL, STRAY_LOAD, exits, options, prints

QUIET = ["-display", "none"]


def run(*words: str) -> int:
    """`rvgdb run` with nothing on the terminal."""
    return main(["run", *QUIET, *words])


# --- statuses ---


@pytest.mark.parametrize(("value", "status"), [(0x5555, 0), (0x3333 | 3 << 16, 3), (0x5555 | 2 << 16, 2)])
def test_the_status_is_the_finishers(tmp_path: Path, value: int, status: int) -> None:
    """What the guest writes to the test finisher is what the shell sees."""
    assert run(*options(tmp_path, exits(value))) == status


def test_a_bare_machine_does_without_kvm(tmp_path: Path) -> None:
    """Its run imports nothing of the emulated KVM."""
    words = [*QUIET, *options(tmp_path, exits(0x5555))]
    program = f"import sys; from rvgdb.cli import main; main(['run', *{words}]); print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = done.stdout.split()
    assert "emulator.machine" in modules
    assert [name for name in modules if name.startswith(("emulator.kvm", "emulator.vmm"))] == []


def test_a_reset_with_no_reboot_is_an_end(tmp_path: Path) -> None:
    """As QEMU's -no-reboot."""
    assert run("-no-reboot", *options(tmp_path, exits(0x7777))) == 0


def test_a_trap_loop_that_nobody_watches_ends_the_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One line, and status 1 instead of a silent spin."""
    assert run(*options(tmp_path, [ILLEGAL])) == 1
    err = capfd.readouterr().err
    assert err.count("trap loop") == 1


def test_the_serial_port_goes_to_a_file(tmp_path: Path) -> None:
    """Every character, written at the end too."""
    path = tmp_path / "serial"
    assert run("-serial", f"file:{path}", *options(tmp_path, [*prints("hi\n"), *exits(0x5555)])) == 0
    assert path.read_text() == "hi\n"


def test_several_harts_run(tmp_path: Path) -> None:
    """All harts execute the same program; whoever is first ends it."""
    assert run("-smp", "4", *options(tmp_path, exits(0x5555))) == 0


@pytest.mark.parametrize("icount", ["shift=0,sleep=off", "shift=3,sleep=on", "auto"])
def test_every_pace_ends(tmp_path: Path, icount: str) -> None:
    """Pacing does not keep a guest from its end."""
    assert run("-icount", icount, *options(tmp_path, exits(0x5555))) == 0


# --- logs ---


def test_the_log_shows_instructions_and_traps(tmp_path: Path) -> None:
    """`-d in_asm,int` into a file, in QEMU's form."""
    path = tmp_path / "log"
    assert run("-d", "in_asm,int", "-D", str(path), *options(tmp_path, [ILLEGAL])) == 1
    lines = path.read_text().splitlines()
    assert lines[:2] == ["----------------", "IN:"]
    assert lines[2].startswith("0x0000000000001000:  00000297")
    traps = [line for line in lines if line.startswith("riscv_cpu_do_interrupt")]
    assert "async:0, cause:0000000000000002, epc:0x0000000080000000" in traps[0]
    assert traps[0].endswith("desc=illegal_instruction")
    assert traps[1].endswith("desc=fault_fetch")


def test_the_log_shows_every_step(tmp_path: Path) -> None:
    """`-d exec,cpu` has a line a step."""
    path = tmp_path / "log"
    assert run("-d", "exec,cpu", "-D", str(path), *options(tmp_path, exits(0x5555))) == 0
    lines = path.read_text().splitlines()
    assert lines[0] == "Trace 0: 0000000000001000"
    assert lines[1].startswith("hart 0 pc=0000000000001000 priv=3 x1=0 ")


def test_the_log_shows_accesses_that_nobody_answers(tmp_path: Path) -> None:
    """`-d guest_errors` needs no stepping."""
    path = tmp_path / "log"
    run("-d", "guest_errors,unimp", "-D", str(path), *options(tmp_path, STRAY_LOAD))
    assert path.read_text() == "Invalid load at addr 0x20000000, size 4: nothing is there\n"


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The option, the path and the reason."""
    assert run("-d", "int", "-D", str(tmp_path), *options(tmp_path, [ILLEGAL])) == 1
    assert "cannot be written: Is a directory" in capfd.readouterr().err


# --- errors ---


ERRORS = [
    (["run", "-kernel", "/nowhere/k.elf", "-bios", "none"], "/nowhere/k.elf"),
    (["run", "-bios", "/nowhere/fw.elf"], "/nowhere/fw.elf"),
    (["run", "-bios", "none", "-cpu", "rv65"], "rv65"),
    (["run", "-bios", "none", "-cpu", "rv64,zzz=on"], "zzz"),
    (["run", "-bios", "none", "-device", "loader,fiel=x"], "fiel"),
    (["run", "-bios", "none", "-append", "x"], "-append"),
    (["run", "-nonsense"], "-nonsense: invalid option"),
    (["run", "-bios", "none", "-gdb", "tcp:192.0.2.1:0"], "cannot listen on 192.0.2.1:0"),
    (["run", "-bios", "none", "-serial", "unix:/nowhere/socket"], "cannot connect to /nowhere/socket"),
    (["fly"], "there is no subcommand 'fly'"),
    (["-kernel", "x"], "write 'rvgdb run -kernel …'"),
]


@pytest.mark.parametrize(("words", "text"), ERRORS)
def test_an_error_is_one_line_and_status_1(words: list[str], text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """No traceback, whatever goes wrong."""
    assert main([*words, "-display", "none"] if words[0] == "run" else words) == 1
    out, err = capfd.readouterr()
    assert text in err
    assert err.startswith("rvgdb: ")
    assert "Traceback" not in err
    assert out == ""


# --- answers ---


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        (Topic.OPTIONS, "-machine or -M virt"),
        (Topic.VERSION, __version__),
        (Topic.MACHINES, "virt"),
        (Topic.CPUS, "rv64"),
        (Topic.LOG_ITEMS, "guest_errors"),
        (Topic.DEVICES, "loader"),
        (Topic.ACCELERATORS, "tcg"),
    ],
)
def test_questions_are_answered(topic: Topic, text: str) -> None:
    """Each topic has its text."""
    assert text in answer(topic)


def test_help_and_version_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """For rvgdb and for its subcommand; without words it is an error."""
    assert main(["--version"]) == 0
    assert main(["run", "-version"]) == 0
    assert capsys.readouterr().out == f"rvgdb {__version__}\n" * 2
    assert main(["-h"]) == 0
    assert main([]) == 1
    out = capsys.readouterr().out
    assert all(subcommand.help in out for subcommand in SUBCOMMANDS)


@pytest.mark.parametrize("name", [subcommand.name for subcommand in SUBCOMMANDS])
@pytest.mark.parametrize("word", ["-h", "--help"])
def test_each_subcommand_has_a_help(name: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output, with status 0."""
    with suppress(SystemExit):
        assert main([name, word]) == 0
    assert f"rvgdb {name}" in capsys.readouterr().out


def test_the_device_tree_is_dumped(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`-machine virt,dumpdtb=` writes a blob and runs nothing."""
    path = tmp_path / "virt.dtb"
    words = ["-bios", "none", "-smp", "2"]
    assert run("-M", f"virt,dumpdtb={path}", *words) == 0
    assert path.read_bytes()[:4] == b"\xd0\x0d\xfe\xed"
    assert run("-M", f"virt,dumpdtb={tmp_path}", *words) == 1
    assert "cannot be written" in capfd.readouterr().err


# --- configuration ---


def test_firmware_is_found_where_distributions_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without -bios the firmware of the system, as QEMU brings one along; without one the error says what to do."""
    path = tmp_path / "fw_dynamic.bin"
    monkeypatch.setattr(configure, "FIRMWARE", (tmp_path / "absent", path))
    with pytest.raises(OptionError, match="write -bios none"):
        find_firmware("default")
    path.write_bytes(b"x")
    assert find_firmware("default") == path
    assert find_firmware("none") is None
    assert find_firmware("a.elf") == Path("a.elf")


def test_settings_reach_the_machine() -> None:
    """Each choice ends in its field."""
    words = "-bios none -smp 3 -m 64M -kernel k -initrd i -append a -dtb d -icount 2,sleep=on -cpu rv64,c=off"
    settings = parse([*words.split(), "-device", "loader,addr=0x80000000,cpu-num=2"])
    assert isinstance(settings, RunSettings)
    config = machine_config(settings)
    assert (config.harts, config.ram_size, config.bios) == (3, 64 << 20, None)
    assert (config.kernel, config.initrd, config.append, config.dtb) == (Path("k"), Path("i"), "a", Path("d"))
    assert (config.icount.shift, config.icount.sleep) == (2, True)
    assert not config.cpu.has("c")
    assert config.loaders == (parse_loader("addr=0x80000000,cpu-num=2"),)


def test_log_items_are_all_served(tmp_path: Path) -> None:
    """Every item that the options know makes a run with it end as without it."""
    assert run("-d", ",".join(LOG_ITEMS), "-D", str(tmp_path / "log"), *options(tmp_path, exits(0x5555))) == 0
