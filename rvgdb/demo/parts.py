"""The parts of the tour: a guest each, and what is typed into GDB while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rvgdb.demo import GUEST, MASKED


@dataclass(frozen=True, slots=True)
class Scene:
    """A few commands that show one thing.

    Attributes:
        title: What is shown, for the reader.
        commands: GDB commands, in order.
    """

    title: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A guest's run under a debugger.

    Attributes:
        title: What it is about, for the reader.
        elf: The guest.
        options: The machine's, besides those of every part.
        scenes: What is typed.
        own: Whether only rvgdb can run it, so that its script for GDB is at hand.
    """

    title: str
    elf: Path
    options: tuple[str, ...]
    scenes: tuple[Scene, ...]
    own: bool = True


BARE: Final = Part(
    "A program on the bare machine",
    GUEST,
    ("-smp", "2", "-bios", "none"),
    (
        Scene(
            "Run to a breakpoint, look at the stack, finish the function",
            ("break volume_of", "continue", "backtrace", "print *box", "finish", "delete"),
        ),
        Scene(
            "The hart: its registers, a CSR, the code at the program counter",
            ("info registers", "print/x $mstatus", "x/4i $pc"),
        ),
        Scene(
            "A watchpoint stops where a variable changes",
            ("watch total_volume", "continue", "print total_volume", "delete"),
        ),
        Scene(
            "Inside a timer interrupt: the backtrace crosses the trap",
            ("break on_timer", "continue", "backtrace", "print/x $mcause", "delete"),
        ),
        Scene(
            "The second hart, while it answers the greeting of the first",
            ("break on_greeting", "continue", "info threads", "backtrace 1", "delete"),
        ),
        Scene("Let the guest run to its end", ("continue",)),
    ),
    own=False,
)

MASKING: Final = Part(
    "A guest under KVM that has its pointers masked",
    MASKED,
    ("-accel", "kvm"),
    (
        Scene(
            "The guest has Smnpm; nothing is switched on yet. Which field is whose?",
            ("source rvgdb-gdb.py", "break mask_supervisor", "continue", "kvm regs smnpm", "pm", "print $henvcfg"),
        ),
        Scene(
            "VS-mode asks by SBI FWFT, and KVM sets henvcfg.PMM",
            ("monitor catch sbi fwft", "continue", "monitor sbi 1", "print $henvcfg", "monitor catch delete 1"),
        ),
        Scene(
            "A pointer with a tag, and what each kind of access makes of it",
            ("delete", "break deposit", "continue", "print/x $tag(account)", "pm account", "print *account"),
        ),
        Scene(
            "A watchpoint on the masked address: it is for every alias of the location",
            ("watch -location *account", "continue", "print savings", "delete"),
        ),
        Scene(
            "VU-mode has senvcfg.PMM, which the guest writes without asking",
            ("break spend", "continue", "print $senvcfg", "pm", "print *account"),
        ),
        Scene(
            "The guest's satp, and what is under it: KVM's CSRs, tables, exits",
            ("print $satp", "print $hs_satp", "print $hstatus", "print $hgatp", "ptwalk account", "kvm exits 3"),
        ),
        Scene("Let the guest run to its end", ("delete", "continue")),
    ),
)

HIDDEN: Final = Part(
    "The same guest with Smnpm hidden from it",
    MASKED,
    ("-accel", "kvm", "-cpu", "host,smnpm=off"),
    (
        Scene(
            "KVM refuses the same call, and henvcfg.PMM stays off",
            (
                "source rvgdb-gdb.py",
                "kvm regs smnpm",
                "monitor catch sbi fwft",
                "continue",
                "monitor sbi 1",
                "print $henvcfg",
                "monitor catch delete 1",
            ),
        ),
        Scene(
            "The first tagged pointer traps, with the tag in stval",
            ("break unexpected", "continue", "trap 1", "print $scause", "print/x $stval"),
        ),
        Scene("Let the guest report it, and end", ("delete", "continue")),
    ),
)

PARTS: Final = (BARE, MASKING, HIDDEN)
