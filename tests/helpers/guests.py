"""The two guests that the debug sessions run on, and what their sources say about them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.helpers.code import MRET, SRET
from tests.helpers.elf import Elf

ROOT: Final = Path(__file__).resolve().parents[2]

OPENSBI: Final = Path("/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.elf")
"""Firmware nobody here wrote, from Debian's package `opensbi`."""


@dataclass(frozen=True)
class Guest:
    """A program to be debugged.

    Attributes:
        name: For test names.
        elf: The program with its symbols.
        source: The file that its `main` is in.
        firmware: The value of `-bios`.
        banner: The first thing that it prints itself; `last_words` the last one.
        first_call: The function that `main` calls first, in the line `first_line`.
        counting: The function that increments `ticks` at every timer interrupt.
        wanted_ticks: How many of these it waits for.
        mode: The letter of the trap CSRs of the mode that it runs in.
        timer_cause: The cause of its timer interrupts (Priv. spec, "Machine Cause Register", table of interrupts).
        trap_return: The instruction that leaves its trap handler.
        accelerator: The value of `-accel`.
    """

    name: str
    elf: Elf
    source: Path
    firmware: str
    banner: str
    last_words: str
    first_call: str
    first_line: str
    counting: str
    wanted_ticks: int
    mode: str
    timer_cause: int
    trap_return: bytes
    accelerator: str = "tcg"

    @property
    def options(self) -> tuple[str, ...]:
        """The emulator options that run it, stopped at its reset."""
        return ("-accel", self.accelerator, "-bios", self.firmware, "-kernel", str(self.elf.path), "-S")

    @property
    def reset_pc(self) -> int:
        """Where its first hart begins: the reset vector, or its entry where there is none."""
        return 0x1000 if self.accelerator == "tcg" else self.elf.symbols["_start"]

    def line_of(self, text: str) -> int:
        """The number of the last source line that contains `text`."""
        lines = self.source.read_text().splitlines()
        return max(number for number, line in enumerate(lines, start=1) if text in line)


DEMO: Final = Guest(
    name="demo",
    elf=Elf(ROOT / "rvgdb/demo/guest.elf"),
    source=ROOT / "guests/demo/main.c",
    firmware="none",
    banner="demo: hello from hart 0",
    last_words="demo: done",
    first_call="put_text",
    first_line='put_text("demo: hello',
    counting="on_timer",
    wanted_ticks=5,
    mode="m",
    timer_cause=1 << 63 | 7,
    trap_return=MRET,
)

SMODE: Final = Guest(
    name="opensbi",
    elf=Elf(ROOT / "guests/elf/smode.elf"),
    source=ROOT / "guests/smode/main.c",
    firmware=str(OPENSBI),
    banner="smode: hello from supervisor mode",
    last_words="smode: done",
    first_call="sbi_has",
    first_line="has_debug_console = sbi_has",
    counting="trap",
    wanted_ticks=3,
    mode="s",
    timer_cause=1 << 63 | 5,
    trap_return=SRET,
)

HOSTED: Final = replace(SMODE, name="kvm", firmware="none", accelerator="kvm")
"""The same program as a guest of the emulated KVM."""
