"""`python -m rvgdb.demo`: the built-in guests under a debugger."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from typing import Final

import trio
from rich.console import Console

from rvgdb.demo import GUEST, MASKED
from rvgdb.demo.parts import PARTS
from rvgdb.demo.walkthrough import Walkthrough

DEBUGGERS: Final = ("gdb-multiarch", "riscv64-unknown-elf-gdb", "riscv64-linux-gnu-gdb")

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as a shell gives it."""

NO_DEBUGGER: Final = """
Those were the guests by themselves, because no GDB for RISC-V was found. To see it being debugged:
    Debian, Ubuntu: sudo apt-get install gdb-multiarch
    elsewhere:      a GDB whose `set architecture` knows riscv:rv64, named with --gdb
and run this again."""

BY_HAND: Final = """
By hand, in two terminals:
    {emulator} -M virt -bios none -nographic -kernel {guest} -s -S
    {debugger} {guest} -ex 'target remote :1234'"""

BY_HAND_KVM: Final = """    rvgdb run -accel kvm -nographic -kernel {guest} -s -S
    {debugger} {guest} -ex 'target remote :1234'"""


def main(arguments: list[str] | None = None) -> int:
    """Run the walk-through.

    Args:
        arguments: Command line without the program's name; None for the process's own.

    Returns:
        Exit status: 0 when everything ended well.
    """
    parser = argparse.ArgumentParser(prog="rvgdb demo", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument(
        "--gdb", metavar="PROGRAM", help=f"the debugger; otherwise the first found of {', '.join(DEBUGGERS)}"
    )
    parser.add_argument("--no-gdb", action="store_true", help="show the machine by itself")
    parser.add_argument(
        "--emulator",
        metavar="COMMAND",
        help="another emulator that takes the same options, such as QEMU; without the parts under KVM",
    )
    options = parser.parse_args(arguments)

    console = Console(highlight=False)
    emulator = shlex.split(options.emulator) if options.emulator else [sys.executable, "-m", "rvgdb", "run"]
    debugger = None if options.no_gdb else options.gdb or next(filter(shutil.which, DEBUGGERS), None)
    for program in filter(None, (emulator[0], debugger)):
        if shutil.which(program) is None:
            parser.error(f"there is no program {program}")

    parts = [part for part in PARTS if not (options.emulator and part.own)]
    walkthrough = Walkthrough(console=console, emulator=emulator)
    status = INTERRUPTED
    try:
        status = trio.run(walkthrough.play, parts, debugger)
    except* KeyboardInterrupt:
        console.print("interrupted")
    if debugger is None and not options.no_gdb:
        console.print(NO_DEBUGGER, markup=False)
    known = debugger or DEBUGGERS[0]
    by_hand = BY_HAND.format(emulator=options.emulator or "rvgdb run", guest=GUEST, debugger=known)
    console.print(by_hand, markup=False, soft_wrap=True)
    if not options.emulator:
        console.print(BY_HAND_KVM.format(guest=MASKED, debugger=known), markup=False, soft_wrap=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
