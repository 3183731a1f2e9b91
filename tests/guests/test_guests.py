"""The guests' ELFs on QEMU, which knows nothing of us, and here: what they print and how they end is as described."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import DEVNULL, run
from typing import Final

import pytest

from rvgdb.demo import GUEST

ELFS: Final = Path(__file__).resolve().parents[2] / "guests" / "elf"
FIRMWARE: Final = Path("/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.elf")

EXPECTED: Final = {
    GUEST: ("demo: hello from hart 0", "together: 967539", "fibonacci(15) is 610", "hart 1 says hello", "demo: done"),
    ELFS / "smode.elf": ("smode: timer interrupts: 3", "says hello", "smode: done"),
    ELFS / "bench_small.elf": ("rounds 17 checksum 0xa97743e5507877ae ",),
    ELFS / "float.elf": ("rounds 1200 checksum 0x3533c8db12b92465 flags 1 ",),
    ELFS / "mixed_apart.elf": ("mixed 0x00000002ce92affc",),
    ELFS / "mixed_shared.elf": ("mixed 0x00000002ce92affc",),
    ELFS / "watch.elf": ("watch 0x000175240044c400",),
    ELFS / "spaces.elf": ("spaces 0x0000000001e7cb00",),
    ELFS / "break.elf": ("break 0x00001146c7aba285",),
    ELFS / "nothing.elf": (),
}


@pytest.mark.parametrize("elf", EXPECTED, ids=lambda path: path.stem)
def test_guests_do_what_they_say(elf: Path) -> None:
    """A guest prints its lines in their order and ends the machine with exit status 0."""
    firmware = str(FIRMWARE) if elf.stem == "smode" else "none"
    options = ("-M", "virt", "-smp", "2", "-bios", firmware, "-nographic", "-kernel", str(elf))

    result = run(["qemu-system-riscv64", *options], stdin=DEVNULL, capture_output=True, text=True, check=False)

    at = -1
    for line in EXPECTED[elf]:
        at = result.stdout.index(line, at + 1)
    assert result.returncode == 0


@pytest.mark.parametrize("name", ["bench_small", "float"])
def test_benchmarks_compute_the_same_here(name: str) -> None:
    """A benchmark's checksum, and the flags that floating point raised, are those that it has on QEMU and the host."""
    elf = ELFS / f"{name}.elf"
    options = ("-bios", "none", "-display", "none", "-serial", "stdio", "-monitor", "none", "-kernel", str(elf))

    result = run(
        [sys.executable, "-m", "rvgdb", "run", *options], stdin=DEVNULL, capture_output=True, text=True, check=False
    )

    assert result.stdout.startswith(EXPECTED[elf])
    assert result.returncode == 0
